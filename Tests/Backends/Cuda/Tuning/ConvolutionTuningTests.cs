using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda.Tuning;

/// <summary>Convolutions go by products or by cuDNN's engines, and scans are split, by the times that the device takes.</summary>
[TestFixture]
public sealed class ConvolutionTuningTests : TuningFixture
{
    private static readonly ConvolutionDescriptor Convolution = new(4, 8, 3, 2, 40, Batch, true);
    private static readonly DiagonalScanDescriptor Scan = new(5, 300, Batch);

    [TestCase(20)]
    [TestCase(100, Category = "Long")]
    public void The_faster_way_is_found_whatever_the_times_are(int draws)
    {
        int found = 0;
        using CudaBackend backend = Backend(Options with { Products = ProductMath.Default });
        for (int seed = 0; seed < draws; seed++)
        {
            var random = new Random(seed);
            // Of 9 products and 3 convolutions.
            double product = 100 + 100 * random.NextDouble();
            double convolution = 300 + 300 * random.NextDouble();
            Device.Effects = work =>
                work.Call == "cublasSgemm" ? new VirtualEffect { Microseconds = product }
                : work.Call == "cudnnBackendExecute"
                    ? new VirtualEffect { Microseconds = convolution }
                : null;
            using ConvolutionOperation made = backend.PlanConvolution(
                Convolution with
                {
                    InputSize = 1 + seed % 10,
                    OutputSize = 1 + seed / 10,
                    MaxLength = 6,
                }
            );
            CudaChoice choice = backend.Choices[^1];
            string best = 9 * product <= 3 * convolution ? "products" : "cudnn";
            found +=
                choice.Taken == best && made is CudaGraphConvolution == (best == "cudnn") ? 1 : 0;
        }
        Assert.That(found, Is.EqualTo(draws));
    }

    [Test]
    public void Engines_with_wrong_results_or_refusals_are_left_out([Values] bool wrong)
    {
        Device.Effects = work =>
            work.Call == "cudnnBackendExecute"
                ? new VirtualEffect
                {
                    Microseconds = 1,
                    IsWrong = wrong,
                    IsRefused = !wrong,
                }
            : work.Call == "cublasSgemm" ? new VirtualEffect { Microseconds = 100 }
            : null;
        using CudaBackend backend = Backend();
        using ConvolutionOperation made = backend.PlanConvolution(Convolution);
        CudaChoice choice = Of(backend, "convolution");
        Assert.That(made, Is.TypeOf<CudaConvolution>());
        Assert.That(
            choice.Refused["cudnn"],
            Does.Contain(wrong ? "is off by" : "CUDNN_STATUS_NOT_SUPPORTED")
        );
    }

    [Test]
    public void Streams_and_different_lengths_go_by_products_unmeasured([Values] bool streams)
    {
        using CudaBackend backend = Backend();
        using ConvolutionOperation made = backend.PlanConvolution(
            Convolution with
            {
                Streaming = streams,
                VariableLengths = !streams,
            }
        );
        CudaChoice choice = Of(backend, "convolution");
        Assert.That((choice.Taken, choice.How), Is.EqualTo(("products", "guess")));
        Assert.That(choice.Reason, Does.Contain(streams ? "stream" : "different lengths"));
    }

    [Test]
    public void A_whole_tcn_trains_alike_whichever_way_is_chosen()
    {
        double[] losses =
        [
            .. new[] { "cublasSgemm", "cudnnBackendExecute" }.Select(slow =>
            {
                Device.Effects = work =>
                    work.Call == slow ? new VirtualEffect { Microseconds = 900 } : null;
                using CudaBackend backend = Backend(
                    Options with
                    {
                        Autotune = Autotune.InFile(PathOf($"{slow}.jsonl")),
                        Products = ProductMath.Default,
                        Epilogue = ProductEpilogue.Kernels,
                    }
                );
                using var model = new Sequential(new Tcn(2, [4, 4], 2), new Linear(4, 1));
                using Plan plan = model.Plan(backend, 9, Batch, Mode.Training);
                Assert.That(
                    backend.Choices.Where(c => c.Kind == "convolution").Select(c => c.Taken),
                    Is.All.EqualTo(slow == "cublasSgemm" ? "cudnn" : "products").And.Not.Empty
                );
                using var loss = new MeanSquaredError(plan);
                using var adam = new Adam(plan, 0.01f);
                for (int i = 0; i < 3; i++)
                {
                    plan.Forward(new Support.Draw(1).Uniform(9 * Batch * 2), 9, Batch);
                    plan.Backward(loss.Compute(new Support.Draw(2).Uniform(9 * Batch)));
                    adam.Step(1f);
                }
                return (double)loss.ReadValue();
            }),
        ];
        Assert.That(losses[0], Is.EqualTo(losses[1]).Within(1e-5));
    }

    [Test]
    public void Each_level_of_a_tcn_is_a_shape_of_its_own()
    {
        using CudaBackend backend = Backend(Options with { Products = ProductMath.Default });
        using var model = new Sequential(new Tcn(2, [4, 4], 2), new Linear(4, 1));
        using Plan plan = model.Plan(backend, 9, Batch, Mode.Training);
        string[] shapes =
        [
            .. backend.Choices.Where(c => c.Kind == "convolution").Select(c => c.Shape),
        ];
        // Both convolutions of a level, and the first level's skip path where the channels change.
        Assert.That(
            shapes.Where(s => s.Contains("kernel 2", StringComparison.Ordinal)),
            Is.EqualTo(
                new[]
                {
                    $"2 to 4, kernel 2, dilation 1, length 9, batch {Batch}, training",
                    $"4 to 4, kernel 2, dilation 1, length 9, batch {Batch}, training",
                    $"4 to 4, kernel 2, dilation 2, length 9, batch {Batch}, training",
                }
            )
        );
    }

    // Filters and their gradients are [O, k, I] either way, so one way goes on with what the other has read and written.
    [Test]
    public void What_one_way_has_read_and_written_the_other_takes_as_it_is([Values] bool engines)
    {
        const int Steps = 40;
        using CudaBackend backend = Backend(Options with { Autotune = Autotune.Off });
        using ConvolutionOperation products = new CudaConvolution(backend, Convolution);
        using ConvolutionOperation engine = new CudaGraphConvolution(backend, Convolution);
        (float[] y, float[] dx, float[] dw) = Run(products, products);
        (float[] mixed, float[] mixedX, float[] mixedW) = engines
            ? Run(engine, products)
            : Run(products, engine);

        Assert.That(mixed, Is.EqualTo(y).Within(1e-5f));
        Assert.That(mixedX, Is.EqualTo(dx).Within(1e-5f));
        Assert.That(mixedW, Is.EqualTo(dw).Within(1e-4f));

        (float[] Y, float[] X, float[] W) Run(
            ConvolutionOperation forward,
            ConvolutionOperation backward
        )
        {
            ConvolutionDescriptor d = Convolution;
            List<Storage> taken = [];
            try
            {
                Tensor x = Put(new Shape(Steps, Batch, d.InputSize), 1);
                Tensor w = Put(new Shape(d.OutputSize, d.Kernel, d.InputSize), 2);
                Tensor dy = Put(new Shape(Steps, Batch, d.OutputSize), 3);
                Tensor workspace = Put(
                    new Shape(
                        checked(
                            (int)
                                Math.Max(
                                    4,
                                    Math.Max(products.WorkspaceCount, engine.WorkspaceCount)
                                )
                        )
                    ),
                    4
                );
                var output = new ConvolutionOutput
                {
                    Y = Put(new Shape(Steps, Batch, d.OutputSize), 5),
                    Bias = Put(new Shape(d.OutputSize), 6),
                };
                var gradients = new ConvolutionGradients
                {
                    Y = dy,
                    Products = dy,
                    Weight = Put(new Shape(d.OutputSize, d.Kernel, d.InputSize), 7),
                    Bias = Put(new Shape(d.OutputSize), 8),
                    X = Put(new Shape(Steps, Batch, d.InputSize), 9),
                };
                forward.Forward(x, null, w, output, workspace);
                backward.Backward(x, null, w, output, gradients, workspace);
                return (output.Y.ToArray(), gradients.X.ToArray(), gradients.Weight.ToArray());
            }
            finally
            {
                foreach (Storage storage in taken)
                    storage.Dispose();
            }

            Tensor Put(Shape shape, ulong seed)
            {
                Storage storage = backend.Allocate(shape.Count, MemoryCategory.InputOutput);
                taken.Add(storage);
                Tensor tensor = storage.View(shape);
                tensor.Write(new Support.Draw(seed).Uniform(shape.Count));
                return tensor;
            }
        }
    }

    [Test]
    public void The_fastest_split_of_a_scan_is_found([Values(0, 1, 2, 3)] int fastest)
    {
        string[] names = ["wide", "tiles-64", "tiles-128", "tiles-256"];
        // By threads of a block: 32 a warp of a tile.
        string[] blocks = ["(128, 1, 1)", "(128, 1, 1)", "(256, 1, 1)", "(512, 1, 1)"];
        Device.Effects = work =>
            !work.Way.StartsWith("scan_", StringComparison.Ordinal) ? null
            : work.Way.StartsWith(
                fastest == 0 ? "scan_wide" : "scan_chunked",
                StringComparison.Ordinal
            ) && work.Shape.EndsWith(blocks[fastest], StringComparison.Ordinal)
                ? new VirtualEffect { Microseconds = 100 }
            : new VirtualEffect { Microseconds = 800 };
        using CudaBackend backend = Backend();
        using DiagonalScanOperation made = backend.PlanDiagonalScan(Scan);
        CudaChoice choice = Of(backend, "scan");
        Assert.That(choice.Taken, Is.EqualTo(names[fastest]));
        Assert.That(choice.Microseconds, Has.Count.EqualTo(4));
    }

    [Test]
    public void A_scan_is_the_same_in_every_split([Values] ScanMethod method)
    {
        Assert.That(Run(method), Is.EqualTo(Run(null)).Within(1e-4f));

        float[] Run(ScanMethod? forced)
        {
            using CudaBackend backend = Backend(
                Options with
                {
                    Scan = forced,
                    Autotune = Autotune.Off,
                }
            );
            using var model = new Sequential(new Lru(3, 4, 5, 1));
            using Plan plan = model.Plan(backend, 300, Batch, Mode.Training);
            var values = new List<float>();
            // A shorter one too, which may have fewer tiles or none.
            foreach (int length in (int[])[300, 70, 7])
            {
                Tensor y = plan.Forward(
                    new Support.Draw(4).Uniform(length * Batch * 3),
                    length,
                    Batch
                );
                values.AddRange(y.ToArray());
                using Storage dy = backend.Allocate(y.Count, MemoryCategory.InputOutput);
                Tensor gradient = dy.View(y.Shape);
                gradient.Write(new Support.Draw(5).Uniform(y.Count));
                plan.Backward(gradient);
                values.AddRange(plan.Gradients.ToArray());
            }
            return [.. values];
        }
    }

    // By the kernels that a plan with variable lengths runs: others are as fast as they like here.
    [Test]
    public void A_scan_of_different_lengths_is_measured_packed([Values(1, 2, 3)] int batch)
    {
        var ran = new HashSet<string>();
        Device.Effects = work =>
        {
            if (!work.Way.StartsWith("scan_", StringComparison.Ordinal))
                return null;
            ran.Add(work.Way);
            bool packed = work.Way.EndsWith("_packed", StringComparison.Ordinal);
            bool fast = packed
                ? work.Way.StartsWith("scan_chunked", StringComparison.Ordinal)
                    && work.Shape.EndsWith("(256, 1, 1)", StringComparison.Ordinal)
                : work.Way.StartsWith("scan_wide", StringComparison.Ordinal);
            return new VirtualEffect { Microseconds = fast ? 100 : 800 };
        };
        using CudaBackend backend = Backend();
        using (
            DiagonalScanOperation made = backend.PlanDiagonalScan(
                Scan with
                {
                    MaxBatch = batch,
                    VariableLengths = true,
                }
            )
        )
            Assert.That(
                ran,
                Is.EquivalentTo(
                    new[]
                    {
                        "scan_wide_forward_packed",
                        "scan_wide_backward_packed",
                        "scan_chunked_forward_packed",
                        "scan_chunked_backward_packed",
                    }
                )
            );
        CudaChoice choice = Of(backend, "scan");
        Assert.That((choice.Taken, choice.How), Is.EqualTo(("tiles-128", "measured")));
        Assert.That(choice.Microseconds, Has.Count.EqualTo(4));
        Assert.That(choice.Refused, Is.Empty, "all of them agree");
        Assert.That(choice.Shape, Does.Contain(", packed"));
        // Which is another question than that of batches of one length.
        using DiagonalScanOperation whole = backend.PlanDiagonalScan(
            Scan with
            {
                MaxBatch = batch,
            }
        );
        Assert.That(backend.Choices.Last(c => c.Kind == "scan").Taken, Is.EqualTo("wide"));
    }

    // A wrong kernel for packed rows is found out on packed rows alone.
    [Test]
    public void A_split_that_is_wrong_of_packed_rows_is_left_out()
    {
        Device.Effects = work =>
            work.Way.StartsWith("scan_chunked", StringComparison.Ordinal)
                ? new VirtualEffect { Microseconds = 1 }
                : null;
        Device.Distorted = new Distortion("scan_chunked_forward_packed", OnlyReplayed: false);
        using CudaBackend backend = Backend();
        using DiagonalScanOperation made = backend.PlanDiagonalScan(
            Scan with
            {
                VariableLengths = true,
            }
        );
        CudaChoice choice = Of(backend, "scan");
        Assert.That(choice.Taken, Is.EqualTo("wide"));
        Assert.That(
            choice.Refused.Keys,
            Is.EquivalentTo(new[] { "tiles-64", "tiles-128", "tiles-256" })
        );
    }

    // A plan with marks runs kernels of its own, which are what is measured.
    [Test]
    public void A_scan_that_begins_anew_is_measured_as_such([Values] bool packed)
    {
        var ran = new HashSet<string>();
        Device.Effects = work =>
        {
            if (!work.Way.StartsWith("scan_", StringComparison.Ordinal))
                return null;
            ran.Add(work.Way);
            bool tiles = work.Way.StartsWith("scan_chunked", StringComparison.Ordinal);
            return new VirtualEffect { Microseconds = tiles ? 100 : 800 };
        };
        using CudaBackend backend = Backend();
        using DiagonalScanOperation made = backend.PlanDiagonalScan(
            Scan with
            {
                Resets = true,
                VariableLengths = packed,
            }
        );
        CudaChoice choice = Of(backend, "scan");
        Assert.That(choice.Taken, Does.StartWith("tiles-"));
        Assert.That(choice.Refused, Is.Empty, "all of them agree");
        Assert.That(choice.Shape, Does.Contain(", resets"));
        Assert.That(ran, Has.Count.EqualTo(4));
        Assert.That(
            ran,
            Has.All.EndsWith(packed ? "_resets_packed" : "_resets").And.All.StartsWith("scan_")
        );
    }

    [Test]
    public void Few_steps_are_not_split()
    {
        using CudaBackend backend = Backend();
        using DiagonalScanOperation made = backend.PlanDiagonalScan(Scan with { MaxLength = 60 });
        CudaChoice choice = Of(backend, "scan");
        Assert.That((choice.Taken, choice.How), Is.EqualTo(("wide", "guess")));
    }

    private static CudaChoice Of(CudaBackend backend, string kind) =>
        backend.Choices.Single(c => c.Kind == kind);
}
