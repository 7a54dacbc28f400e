using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda.Tuning;

/// <summary>The time and the memory that measuring the algorithms of recurrent networks may take, and what is chosen where they end.</summary>
[TestFixture]
public sealed class RecurrentTuningLimitTests : TuningFixture
{
    [Test]
    public void The_time_that_measuring_may_take_is_kept()
    {
        // Three calls a run: 30 ms each.
        Takes(_ => 10_000);
        long before = Device.Work.Time;
        CudaChoice choice = Plan(
            options: Options with
            {
                TuningTime = (TimeSpan.FromMilliseconds(100), TimeSpan.FromSeconds(9)),
            }
        );
        Assert.That(
            Device.Work.Time - before,
            Is.LessThan(131_000_000),
            "a run that had begun aside"
        );
        Assert.Multiple(() =>
        {
            Assert.That(choice.Taken, Is.EqualTo("small-h"));
            Assert.That(choice.How, Is.EqualTo("guess"));
            Assert.That(choice.Reason, Does.Contain("no time was left"));
        });
    }

    [Test]
    public void With_time_for_a_part_of_it_the_best_of_what_was_measured_is_taken()
    {
        // To compare them takes 4 x 30 + 3 = 123 ms, and 8 for our own; then each is timed in turn.
        Takes(algorithm => algorithm == "dynamic" ? 1_000 : 10_000);
        CudaChoice choice = Plan(
            options: Options with
            {
                TuningTime = (TimeSpan.FromMilliseconds(300), TimeSpan.FromSeconds(9)),
            }
        );
        Assert.That(choice.Taken, Is.EqualTo("dynamic"));
        Assert.That(choice.Microseconds, Has.Count.EqualTo(6));
    }

    [Test]
    public void The_time_of_a_plan_is_that_of_all_its_shapes_together()
    {
        Effects(_ => new VirtualEffect { Microseconds = 10_000 }, own: 10_000);
        CudaOptions options = Options with
        {
            TuningTime = (TimeSpan.FromSeconds(9), TimeSpan.FromMilliseconds(400)),
        };
        using (CudaBackend backend = Backend(options))
        {
            using var model = new Sequential(new Lstm(2, 32), new Lstm(32, 32), new Lstm(32, 16));
            long before = Device.Work.Time;
            using (Plan plan = model.Plan(backend, Length, Batch, Mode.Training))
                Assert.That(Device.Work.Time - before, Is.LessThan(500_000_000));
            Assert.That(
                backend.Choices.Select(c => c.How),
                Is.EqualTo(new[] { "measured", "guess", "guess" })
            );
            Assert.That(backend.Choices[1].Reason, Does.Contain("no time was left"));
        }
        // What another plan would have time for is not kept for good.
        Assert.That(
            new ChoiceFile(Choices).Read().Entries,
            Has.Count.EqualTo(0).Or.Count.EqualTo(1)
        );
    }

    [Test]
    public void Candidates_that_there_is_no_memory_for_are_left_out()
    {
        Takes(algorithm => algorithm == "standard" ? 100 : 1);
        using CudaBackend backend = Backend();
        // Operands of 10 MB, and hardly more.
        RecurrentDescriptor net = Net() with
        {
            MaxLength = 5,
            MaxBatch = 4000,
        };
        Storage filler = backend.Allocate(
            (backend.FreeBytes!.Value - (24L << 20)) / sizeof(float),
            MemoryCategory.Workspace
        );
        using (filler)
        using (RecurrentOperation made = backend.PlanRecurrent(net))
        {
            CudaChoice choice = backend.Choices.Single();
            Assert.That(choice.How, Is.EqualTo("guess"));
            Assert.That(choice.Reason, Does.Contain("no memory"));
        }
        Assert.That(
            new ChoiceFile(Choices).Read().Entries,
            Is.Empty,
            "there may be more next time"
        );
    }

    [Test]
    public void What_does_not_fit_into_the_memory_together_gives_way_to_the_first_guesses()
    {
        // Of nets so wide the first guess is standard, and of one step persist takes more memory.
        Effects(work => new VirtualEffect
        {
            Microseconds = Short(work.Way) == "persist" ? 1 : 100,
        });
        long guessed = Plan(Options with { Recurrent = RecurrentMethod.Standard }, 0, out _);
        long measured = Plan(Options, 0, out IReadOnlyList<CudaChoice> choices);
        Assert.That(choices.Select(c => c.Taken), Is.EqualTo(new[] { "persist", "persist" }));
        Assert.That(measured, Is.GreaterThan(guessed));

        long tight = Plan(Options, (guessed + measured) / 2, out choices);

        Assert.That(tight, Is.EqualTo(guessed));
        Assert.That(choices.Select(c => c.Taken), Is.EqualTo(new[] { "standard", "standard" }));
        Assert.That(choices.Select(c => c.How), Is.All.EqualTo("guess"));
        Assert.That(
            choices.Select(c => c.Reason),
            Is.All.EqualTo("there was no memory for the plan with persist")
        );
        Assert.That(Told, Has.Count.EqualTo(2));
        // For others there may be.
        Assert.That(
            new ChoiceFile(Choices).Read().Entries.Select(e => e.Choice),
            Is.All.EqualTo("persist")
        );
        Assert.That(
            () => Plan(Options, guessed / 2, out _),
            Throws.InstanceOf<DeviceMemoryException>()
        );
    }

    // The bytes that a plan of two layers takes where so many are left, or enough.
    private long Plan(CudaOptions options, long left, out IReadOnlyList<CudaChoice> choices)
    {
        using CudaBackend backend = Backend(options);
        using var model = new Sequential(new Lstm(2, 160), new Lstm(160, 160));
        // Its parameters, which stay.
        using Plan first = model.Plan(backend, 1, 1, Mode.Evaluation);
        using Storage? filler =
            left == 0
                ? null
                : backend.Allocate(
                    (backend.FreeBytes!.Value - left) / sizeof(float),
                    MemoryCategory.Workspace
                );
        long before = backend.Memory.CurrentBytes;
        using Plan plan = model.Plan(backend, 1, 200, Mode.Training);
        choices = [.. backend.Choices.Where(c => c.Kind == "recurrent").TakeLast(2)];
        return backend.Memory.CurrentBytes - before;
    }

    [Test]
    public void Measuring_leaves_no_trace_in_the_memory_that_is_counted()
    {
        long[] peaks = new long[2];
        foreach (bool tuned in new[] { false, true })
        {
            using CudaBackend backend = Backend(
                tuned ? Options : Options with { Autotune = Autotune.Off }
            );
            using var model = new Sequential(new Lstm(2, 32), new Linear(32, 1));
            Takes(algorithm => algorithm == "small-h" ? 1 : 100);
            using Plan plan = model.Plan(backend, Length, Batch, Mode.Training);
            peaks[tuned ? 1 : 0] = backend.Memory.PeakBytes;
        }
        Assert.That(peaks[1], Is.EqualTo(peaks[0]));
    }
}
