using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda.Tuning;

/// <summary>The algorithms of a recurrent network are chosen by the times that the device takes. What that may cost: RecurrentTuningLimitTests.</summary>
[TestFixture]
public sealed class RecurrentTuningTests : TuningFixture
{
    private static readonly string[] Calls =
    [
        "cudnnRNNForward",
        "cudnnRNNBackwardData_v8",
        "cudnnRNNBackwardWeights_v8",
    ];

    private static readonly string[] Algorithms = ["standard", "small-h", "persist", "dynamic"];

    [Test]
    public void The_fastest_is_found_whatever_the_times_are()
    {
        int found = 0;
        using CudaBackend backend = Backend(
            Options with
            {
                TuningTime = (TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(1)),
            }
        );
        for (int seed = 0; seed < 100; seed++)
        {
            var random = new Random(seed);
            var times = new Dictionary<(string Call, string Algorithm), double>();
            foreach (string call in Calls)
            foreach (string algorithm in Algorithms)
                times[(call, algorithm)] = 1 + 1000 * random.NextDouble();
            HashSet<string> refused =
            [
                .. Algorithms.Where(a => a != "standard" && random.Next(4) == 0),
            ];
            Effects(work => new VirtualEffect
            {
                Microseconds = times[(work.Call, Short(work.Way))],
                IsRefused = refused.Contains(Short(work.Way)),
            });
            IEnumerable<(string Forward, string Backward)> pairs =
            [
                .. Algorithms.Select(a => (a, a)),
                ("small-h", "standard"),
            ];
            (string forward, string backward) = pairs
                .Where(c => !refused.Contains(c.Forward) && !refused.Contains(c.Backward))
                .MinBy(c =>
                    times[(Calls[0], c.Forward)]
                    + times[(Calls[1], c.Backward)]
                    + times[(Calls[2], c.Backward)]
                );
            string best = forward == backward ? forward : "small-h+standard";
            long before = Device.Work.Time;
            using RecurrentOperation made = backend.PlanRecurrent(
                Net() with
                {
                    InputSize = 1 + seed,
                }
            );
            CudaChoice choice = backend.Choices[^1];
            Assert.That(choice.How, Is.EqualTo("measured"), $"seed {seed}");
            Assert.That(Device.Work.Time - before, Is.LessThan(1_000_000_000), $"seed {seed}");
            if (choice.Taken == best)
                found++;
            else
                TestContext.Out.WriteLine($"seed {seed}: {choice.Taken} instead of {best}");
        }
        Assert.That(found, Is.EqualTo(100));
    }

    [Test]
    public void Times_are_those_of_forward_and_backward()
    {
        Takes(algorithm => algorithm == "standard" ? 100 : 40);
        CudaChoice choice = Plan();
        // The event that begins is work of a microsecond.
        Assert.That(choice.Microseconds["standard"], Is.EqualTo(300).Within(2));
        Assert.That(choice.Microseconds["small-h"], Is.EqualTo(120).Within(2));
        Assert.That(choice.Microseconds["small-h+standard"], Is.EqualTo(240).Within(2));
    }

    [Test]
    public void Of_equal_ones_the_first_guess_is_taken([Values(32, 160)] int hidden)
    {
        Takes(_ => 50);
        CudaChoice choice = Plan(Net(hidden));
        Assert.That(choice.Taken, Is.EqualTo(hidden == 32 ? "small-h" : "standard"));
        Assert.That(choice.How, Is.EqualTo("measured"));
    }

    [Test]
    public void What_a_call_refuses_is_left_out_with_the_reason(
        [ValueSource(nameof(Calls))] string call
    )
    {
        Effects(work => new VirtualEffect
        {
            Microseconds = Short(work.Way) == "persist" ? 1 : 10,
            IsRefused = Short(work.Way) == "persist" && work.Call == call,
        });
        CudaChoice choice = Plan();
        Assert.Multiple(() =>
        {
            Assert.That(choice.Taken, Is.EqualTo("small-h"));
            Assert.That(choice.Refused.Keys, Is.EqualTo(new[] { "persist" }));
            Assert.That(choice.Refused["persist"], Does.Contain("CUDNN_STATUS_NOT_SUPPORTED"));
        });
    }

    [Test]
    public void Sizes_that_an_algorithm_does_not_take_are_no_candidates_for_it()
    {
        Takes(algorithm => algorithm == "standard" ? 100 : 1);
        CudaChoice choice = Plan(Net(150));
        // Small-H takes 150 forward alone, the others multiples of 32.
        Assert.That(choice.Taken, Is.EqualTo("small-h+standard"));
        Assert.That(
            choice.Refused.Keys,
            Is.EquivalentTo(new[] { "small-h", "persist", "dynamic" })
        );
    }

    [Test]
    public void A_network_that_is_refused_for_its_largest_batch_is_given_back(
        [Values("persist", "dynamic")] string algorithm
    )
    {
        using CudaBackend backend = Backend();
        // What the library's handle keeps for all networks is there by then.
        new CudaRecurrent(backend, Net(150), RecurrentAlgorithms.Standard, only: true).Dispose();
        var before = new Dictionary<string, int>(Device.LiveHandles());
        Assert.That(
            () =>
                new CudaRecurrent(backend, Net(150), RecurrentAlgorithms.Of(algorithm), only: true),
            Throws.InstanceOf<CudnnException>()
        );
        // At once: a finalizer would give it back some time.
        Assert.That(Device.LiveHandles(), Is.EquivalentTo(before));
    }

    [Test]
    public void A_fast_candidate_with_wrong_results_is_rejected(
        [ValueSource(nameof(Calls))] string call
    )
    {
        Effects(work => new VirtualEffect
        {
            Microseconds = Short(work.Way) == "dynamic" ? 1 : 100,
            IsWrong = Short(work.Way) == "dynamic" && work.Call == call,
        });
        CudaChoice choice = Plan();
        Assert.Multiple(() =>
        {
            Assert.That(choice.Taken, Is.EqualTo("small-h"));
            Assert.That(
                choice.Refused["dynamic"],
                Does.Contain("is off by").And.Contain("compared with standard")
            );
        });
    }

    [Test]
    public void A_first_guess_with_wrong_results_is_rejected_too()
    {
        Effects(work => new VirtualEffect
        {
            Microseconds = Short(work.Way) == "small-h" ? 1 : 100,
            IsWrong = Short(work.Way) == "small-h",
        });
        CudaChoice choice = Plan();
        Assert.That(choice.Taken, Is.EqualTo("standard"));
        Assert.That(choice.Refused.Keys, Is.EquivalentTo(new[] { "small-h", "small-h+standard" }));
    }

    [Test]
    public void A_candidate_that_loses_the_context_is_told_and_not_tried_again()
    {
        IsLost = true;
        Effects(work => new VirtualEffect { Faults = Short(work.Way) == "persist" });
        using (CudaBackend backend = Backend())
        {
            var error = Assert.Throws<DeviceUnavailableException>(() =>
                backend.PlanRecurrent(Net())
            )!;
            Assert.That(
                error.Message,
                Does.Contain("candidate persist of recurrent")
                    .And.Contain("lstm input 2, hidden 32")
                    .And.Contain("CUDA_ERROR_ILLEGAL_ADDRESS")
                    .And.Contain("takes small-h")
                    .And.Contain("--autotune off")
            );
            Assert.That(error.Message.Split('\n'), Has.Length.LessThanOrEqualTo(2));
        }
        Assert.That(Device.TakeFaults(), Has.Count.EqualTo(1));

        // Another process reads it.
        EndDevice();
        StartDevice();
        Effects(work => new VirtualEffect { Faults = Short(work.Way) == "persist" });
        CudaChoice choice = Plan();
        Assert.That(choice.Taken, Is.EqualTo("small-h"));
        Assert.That(choice.Refused["persist"], Does.Contain("lost the GPU's context"));
    }

    [Test]
    public void Within_a_capture_nothing_is_measured()
    {
        Takes(algorithm => algorithm == "persist" ? 1 : 100);
        using CudaBackend backend = Backend();
        Device.Counts.Reset();
        string? taken = null;
        using (CudaGraph graph = CudaGraph.Capture(Stream, () => taken = Algorithm(backend)))
            Assert.That(graph.NodeCount, Is.Zero);
        Assert.That(taken, Is.EqualTo("small-h"));
        Assert.That(Device.Counts.OfAll("cudnnRNN"), Is.Zero);
        // And it is not remembered.
        Assert.That(Algorithm(backend), Is.EqualTo("persist"));

        static string Algorithm(CudaBackend on) => on.Choose(Net());
    }

    [TestCase(RecurrentMethod.Standard, "standard")]
    [TestCase(RecurrentMethod.SmallH, "small-h")]
    [TestCase(RecurrentMethod.Persist, "persist")]
    [TestCase(RecurrentMethod.Dynamic, "dynamic")]
    [TestCase(RecurrentMethod.Own, "own")]
    public void What_is_forced_is_taken_and_nothing_measured(RecurrentMethod method, string name)
    {
        Device.Counts.Reset();
        CudaChoice choice = Plan(
            options: Options with
            {
                Recurrent = method,
                Products = ProductMath.Default,
            }
        );
        Assert.That((choice.Taken, choice.How), Is.EqualTo((name, "forced")));
        Assert.That(Device.Counts.Of("cudnnRNNForward"), Is.Zero);
        Assert.That(File.Exists(Choices), Is.False);
    }

    [Test]
    public void What_is_forced_and_refused_falls_back_to_standard_in_words(
        [ValueSource(nameof(Calls))] string call
    )
    {
        Effects(work => new VirtualEffect
        {
            IsRefused = Short(work.Way) == "persist" && work.Call == call,
        });
        float[][] results =
        [
            Step(Options with { Recurrent = RecurrentMethod.Persist }),
            Step(Options with { Recurrent = RecurrentMethod.Standard }),
        ];
        Assert.That(results[0], Is.EqualTo(results[1]));
        Assert.That(
            Told.Single(),
            Does.Contain("CUDNN_RNN_ALGO_PERSIST_STATIC")
                .And.Contain(call)
                .And.EndWith("CUDNN_RNN_ALGO_STANDARD takes its place.")
        );
    }

    [Test]
    public void A_size_that_the_forced_algorithm_does_not_take_falls_back_when_planned()
    {
        float[][] results =
        [
            Step(Options with { Recurrent = RecurrentMethod.Dynamic }, hidden: 33),
            Step(Options with { Recurrent = RecurrentMethod.Standard }, hidden: 33),
        ];
        Assert.That(results[0], Is.EqualTo(results[1]));
        Assert.That(Told.Single(), Does.Contain("CUDNN_RNN_ALGO_PERSIST_DYNAMIC"));
    }

    [Test]
    public void Every_choice_trains_alike_with_full_and_smaller_batches(
        [Values] RecurrentMethod method
    )
    {
        float[] forced = Step(Options with { Recurrent = method });
        float[] standard = Step(Options with { Recurrent = RecurrentMethod.Standard });
        Assert.That(forced, Is.EqualTo(standard));
        Assert.That(Told, Is.Empty);
    }

    private static IEnumerable<TestCaseData> Guesses()
    {
        RecurrentDescriptor net = Net();
        yield return new TestCaseData(net with { HiddenSize = 128 }, "small-h");
        yield return new TestCaseData(net with { HiddenSize = 129 }, "standard");
        yield return new TestCaseData(net with { HiddenSize = 192, Training = false }, "small-h");
        yield return new TestCaseData(net with { HiddenSize = 193, Training = false }, "standard");
        RecurrentDescriptor tanh = net with { Kind = RecurrentKind.Tanh };
        yield return new TestCaseData(tanh with { HiddenSize = 256 }, "small-h");
        yield return new TestCaseData(tanh with { HiddenSize = 257 }, "standard");
        yield return new TestCaseData(tanh with { HiddenSize = 384, Training = false }, "small-h");
        yield return new TestCaseData(tanh with { HiddenSize = 385, Training = false }, "standard");
        yield return new TestCaseData(net with { ProjectionSize = 8 }, "standard");
        yield return new TestCaseData(net with { VariableLengths = true }, "standard");
        yield return new TestCaseData(
            net with
            {
                CellClip = new Sequor.Layers.CellClip(-1, 1),
            },
            "standard"
        );
        yield return new TestCaseData(
            net with
            {
                Bias = RecurrentBias.SingleInputBias,
            },
            "standard"
        );
    }

    [TestCaseSource(nameof(Guesses))]
    public void Without_measuring_the_rule_chooses(object descriptor, string expected)
    {
        CudaChoice choice = Plan(
            (RecurrentDescriptor)descriptor,
            Options with
            {
                Autotune = Autotune.Off,
            }
        );
        Assert.That((choice.Taken, choice.How), Is.EqualTo((expected, "guess")));
        Assert.That(choice.Reason, Is.Not.Empty);
        Assert.That(Device.Counts.Of("cudnnRNNForward"), Is.Zero);
    }

    [Test]
    public void A_step_costs_nothing_more_for_having_been_tuned()
    {
        Takes(algorithm => algorithm == "standard" ? 1 : 100);
        SortedDictionary<string, long> tuned = Count(Options);
        Assert.That(File.Exists(Choices));
        SortedDictionary<string, long> forced = Count(
            Options with
            {
                Recurrent = RecurrentMethod.Standard,
                Products = ProductMath.Default,
            }
        );
        Assert.That(tuned, Is.EqualTo(forced));

        SortedDictionary<string, long> Count(CudaOptions options)
        {
            using CudaBackend backend = Backend(options);
            using var model = new Sequential(new Lstm(2, 32), new Linear(32, 1));
            using Plan plan = model.Plan(backend, Length, Batch, Mode.Training);
            Tensor dy = backend.Allocate(new Shape(Length, Batch, 1), MemoryCategory.InputOutput);
            dy.Write(new Draw(3).Uniform(dy.Count));
            plan.SetInput(new Draw(4).Uniform(Length * Batch * 2), Length, Batch);
            Step();
            long allocations = backend.Memory.Allocations;
            Device.Counts.Reset();
            Step();
            var calls = new SortedDictionary<string, long>(
                Device.Counts.Calls.ToDictionary(),
                StringComparer.Ordinal
            );
            Assert.That(backend.Memory.Allocations, Is.EqualTo(allocations));
            Assert.That(Device.Counts.Allocations + Device.Counts.HostAllocations, Is.Zero);
            dy.Storage.Dispose();
            return calls;

            void Step()
            {
                plan.Forward(plan.Input(Length, Batch));
                plan.Backward(dy);
            }
        }
    }

    [Test]
    public void Dropout_states_and_both_directions_are_measured()
    {
        Takes(algorithm => algorithm == "persist" ? 1 : 100);
        CudaChoice choice = Plan(
            Net() with
            {
                Layers = 2,
                Bidirectional = true,
                Dropout = 0.3f,
                States = true,
                InputGradient = false,
            }
        );
        Assert.That(choice.Taken, Is.EqualTo("persist"));
        Assert.That(choice.Refused, Is.Empty);
    }

    [Test]
    public void A_plan_without_training_is_measured_forward()
    {
        Effects(work => new VirtualEffect
        {
            Microseconds = Short(work.Way) == "persist" ? 1 : 100,
        });
        CudaChoice choice = Plan(Net() with { Training = false, States = true });
        Assert.That(choice.Taken, Is.EqualTo("persist"));
        Assert.That(Device.Counts.OfAll("cudnnRNNBackward"), Is.Zero);
    }

    [Test]
    public void Own_kernels_are_taken_where_they_are_the_fastest()
    {
        Effects(_ => new VirtualEffect { Microseconds = 100 }, own: 10);
        CudaChoice choice = Plan(Net() with { States = true, Bidirectional = true, Layers = 2 });
        Assert.That((choice.Taken, choice.How), Is.EqualTo(("own", "measured")));
        // What cuDNN takes by standard alone is measured against ours.
        CudaChoice clipped = Plan(
            Net() with
            {
                CellClip = new Sequor.Layers.CellClip(-1, 1),
                VariableLengths = true,
                DataLayout = RecurrentDataLayout.SeqMajorPacked,
            }
        );
        Assert.That(clipped.Taken, Is.EqualTo("own"));
        Assert.That(clipped.Microseconds.Keys, Is.EquivalentTo(new[] { "standard", "own" }));
    }

    private static IEnumerable<TestCaseData> NotForOwnKernels()
    {
        RecurrentDescriptor net = Net();
        yield return new TestCaseData(net with { Kind = RecurrentKind.Gru }, "no own kernels");
        yield return new TestCaseData(net with { ProjectionSize = 8 }, "no projection");
        yield return new TestCaseData(net with { VariableLengths = true }, "packed");
        yield return new TestCaseData(net with { HiddenSize = 137 }, "up to 136 hidden units");
        yield return new TestCaseData(
            net with
            {
                Kind = RecurrentKind.Relu,
                HiddenSize = 273,
            },
            "up to 272 hidden units"
        );
        // A block of compute capability 8.6 has 99 KiB.
        yield return new TestCaseData(net with { HiddenSize = 129 }, "has 101376");
    }

    [TestCaseSource(nameof(NotForOwnKernels))]
    public void What_own_kernels_do_not_take_is_told_where_they_are_forced(
        object descriptor,
        string reason
    )
    {
        CudaChoice choice = Plan(
            (RecurrentDescriptor)descriptor,
            Options with
            {
                Recurrent = RecurrentMethod.Own,
            }
        );
        Assert.That(choice.Taken, Is.Not.EqualTo("own"));
        Assert.That(choice.Reason, Does.StartWith("own is none").And.Contains(reason));
    }

    [Test]
    public void Shared_memory_that_the_driver_does_not_grant_leaves_standard_in_words()
    {
        Device.Refuse("cuFuncSetAttribute", (int)Sequor.Native.CUresult.CUDA_ERROR_INVALID_VALUE);
        using CudaBackend backend = Backend(Options with { Recurrent = RecurrentMethod.Own });
        using RecurrentOperation made = backend.PlanRecurrent(Net(128));
        Assert.That(made, Is.InstanceOf<CudaRecurrent>());
        Assert.That(
            Told.Single(),
            Does.Contain("dynamic shared memory a block, and the driver grants")
                .And.EndWith("CUDNN_RNN_ALGO_STANDARD takes its place.")
        );
    }

    // Output, gradients and parameters of a step with the largest batch, and of one with a smaller one.
    private float[] Step(CudaOptions options, int hidden = 32)
    {
        using CudaBackend backend = Backend(options);
        using var model = new Sequential(new Gru(2, hidden));
        using Plan plan = model.Plan(
            backend,
            Length,
            Batch,
            Mode.Training,
            new PlanOptions { Seed = 3, InputGradient = true }
        );
        var values = new List<float>();
        foreach (int batch in (int[])[Batch, 1, Batch])
        {
            Tensor y = plan.Forward(new Draw(4).Uniform(Length * batch * 2), Length, batch);
            values.AddRange(y.ToArray());
            using Storage dy = backend.Allocate(y.Count, MemoryCategory.InputOutput);
            Tensor gradient = dy.View(y.Shape);
            gradient.Write(new Draw(5).Uniform(y.Count));
            plan.Backward(gradient);
            values.AddRange(plan.InputGradient.ToArray());
            values.AddRange(plan.Gradients.ToArray());
        }
        return [.. values];
    }
}
