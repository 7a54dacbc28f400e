using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Training;

/// <summary>Batches that are filled on another thread: the same bits whatever the timing, errors at their steps, and nothing after the end.</summary>
[TestFixture]
public sealed class PrepareAheadTests : FolderTest
{
    private static Backend Backend => Backends.Get(256, 2);

    private static Trainer Create(Dataset data, bool ahead, int? epochs = null, long? steps = null)
    {
        var model = new Sequential(new Gru(1, 3), new Last(3), new Linear(3, 1));
        return new Trainer(
            model,
            data,
            null,
            Backend,
            plan => new Adam(plan, 1e-2f),
            new TrainingOptions
            {
                Batch = 3,
                PrepareAhead = ahead,
                Epochs = epochs,
                Steps = steps,
            }
        );
    }

    private static float[] Train(Trainer trainer, int steps)
    {
        for (int i = 0; i < steps; i++)
            trainer.TrainStep();
        trainer.ReadLosses();
        return trainer.Plan.Parameters.ToArray();
    }

    [Test]
    public void Bits_do_not_depend_on_who_fills_or_when([Values] bool finite)
    {
        const int Steps = 25;
        using Trainer plain = Create(new Slow(finite, null), ahead: false);
        float[] expected = Train(plain, Steps);
        foreach (int seed in (int[])[0, 1, 2])
        {
            // With delays of its own the filler comes before the step that wants it, after it, or meanwhile.
            var delays = new Random(seed);
            using Trainer ahead = Create(
                new Slow(finite, () => Thread.Sleep(delays.Next(3))),
                ahead: true
            );
            for (int i = 0; i < Steps; i++)
            {
                ahead.TrainStep();
                if (seed > 0)
                    Thread.Sleep((i * seed) % 4);
            }
            ahead.ReadLosses();
            Assert.That(ahead.Plan.Parameters.ToArray(), Is.EqualTo(expected), $"{seed}");
        }
    }

    [Test]
    public void It_happens_on_another_thread_where_set_and_options_allow_it()
    {
        foreach (
            (bool allowed, bool asked) in ((bool, bool)[])
                [(true, true), (true, false), (false, true)]
        )
        {
            var data = new Slow(false, () => Thread.Sleep(1)) { Allows = allowed };
            using Trainer trainer = Create(data, asked);
            for (int i = 0; i < 10; i++)
            {
                trainer.TrainStep();
                // Time for the other thread.
                if (allowed && asked)
                    SpinWait.SpinUntil(() => data.Filled >= 3 * (i + 2), 10_000);
            }
            Assert.That(
                data.Threads.Any(thread => thread != Environment.CurrentManagedThreadId),
                Is.EqualTo(allowed && asked)
            );
        }
    }

    [Test]
    public void What_takes_hardly_any_time_of_a_step_is_not_given_to_another_thread()
    {
        var data = new Slow(false, null);
        using Trainer trainer = Create(data, ahead: true);
        for (int i = 0; i < 20; i++)
        {
            trainer.TrainStep();
            // A step that takes a hundred times as long as its filling, and more.
            Thread.Sleep(20);
        }
        Assert.That(
            data.Threads.Count(thread => thread != Environment.CurrentManagedThreadId),
            Is.LessThan(20)
        );
    }

    [Test]
    public void Nothing_is_filled_for_steps_that_do_not_come()
    {
        foreach (
            (int? epochs, long? steps, int taken) in ((int?, long?, int)[])
                [(2, null, 8), (null, 5, 5)]
        )
        {
            var data = new Slow(true, null);
            using Trainer trainer = Create(data, true, epochs, steps);
            trainer.Run();
            Assert.That(trainer.Step, Is.EqualTo(taken));
            trainer.Dispose();
            // 11 sequences an epoch, in batches of 3.
            Assert.That(data.Filled, Is.EqualTo(epochs is null ? 11 + 3 : 22));
        }
    }

    [Test]
    public void An_error_comes_with_its_step_and_the_step_can_be_tried_again()
    {
        const int Steps = 12;
        using Trainer plain = Create(new Slow(false, null), ahead: false);
        float[] expected = Train(plain, Steps);
        foreach (bool ahead in (bool[])[false, true])
        {
            var data = new Slow(false, null) { Breaks = 20 };
            using Trainer trainer = Create(data, ahead);
            for (int i = 0; i < 6; i++)
            {
                trainer.TrainStep();
                Thread.Sleep(2);
            }
            for (int i = 0; i < 2; i++)
            {
                DatasetException e = Assert.Throws<DatasetException>(() => trainer.TrainStep())!;
                Assert.That(e.Message, Does.Contain("Sequence 20 of the dataset 'slow'"));
                Assert.That(trainer.Step, Is.EqualTo(6));
            }
            data.Breaks = -1;
            Assert.That(Train(trainer, Steps - 6), Is.EqualTo(expected), $"{ahead}");
        }
    }

    [Test]
    public void A_resumed_run_ends_with_the_same_bits()
    {
        string path = PathOf("saved");
        using Trainer plain = Create(new Slow(true, null), ahead: false);
        float[] expected = Train(plain, 11);
        using Trainer ahead = Create(new Slow(true, null), ahead: true);
        Train(ahead, 6);
        ahead.Save(path, new Dictionary<string, string>());
        // The one that saved goes on, and one that was elsewhere goes back.
        Assert.That(Train(ahead, 5), Is.EqualTo(expected));
        ahead.Resume(path);
        Assert.That(Train(ahead, 5), Is.EqualTo(expected));
        using Trainer other = Create(new Slow(true, null), ahead: true);
        other.Resume(path);
        Assert.That(Train(other, 5), Is.EqualTo(expected));
    }

    [Test]
    public void Disposal_waits_for_what_is_being_filled_and_nothing_is_afterwards()
    {
        using var begun = new ManualResetEventSlim();
        using var go = new ManualResetEventSlim();
        int main = Environment.CurrentManagedThreadId;
        var data = new Slow(
            false,
            () =>
            {
                if (Environment.CurrentManagedThreadId == main)
                    return;
                begun.Set();
                go.Wait();
            }
        );
        Trainer trainer = Create(data, ahead: true);
        trainer.TrainStep();
        Assert.That(begun.Wait(TimeSpan.FromMinutes(1)), Is.True);
        Task disposal = Task.Run(trainer.Dispose);
        Assert.That(disposal.Wait(50), Is.False);
        go.Set();
        Assert.That(disposal.Wait(TimeSpan.FromMinutes(1)), Is.True);
        int filled = data.Filled;
        Thread.Sleep(20);
        Assert.That(data.Filled, Is.EqualTo(filled));
        trainer.Dispose();
    }

    [Test]
    public void A_step_allocates_nothing_on_its_thread_nor_where_it_is_filled()
    {
        using Trainer trainer = Create(
            new Slow(false, () => Thread.SpinWait(3000)) { Counts = false },
            ahead: true
        );
        Train(trainer, 20);
        long least = long.MaxValue;
        // The runtime compiles meanwhile, on this thread as well.
        for (int run = 0; run < 5 && least > 0; run++)
        {
            long before = GC.GetTotalAllocatedBytes(precise: true);
            for (int i = 0; i < 50; i++)
                trainer.TrainStep();
            least = Math.Min(least, GC.GetTotalAllocatedBytes(precise: true) - before);
        }
        // 50 steps; threads of others may have allocated something.
        Assert.That(least, Is.LessThan(50 * 16));
    }

    // One channel, one target, lengths that differ.
    private sealed class Slow(bool finite, Action? wait) : Dataset
    {
        private readonly List<int> _threads = [];
        private int _filled;

        public bool Allows { get; init; } = true;

        public bool Counts { get; init; } = true;

        public int Breaks { get; set; } = -1;

        public int Filled => Volatile.Read(ref _filled);

        public IReadOnlyList<int> Threads
        {
            get
            {
                lock (_threads)
                    return [.. _threads];
            }
        }

        public override string Name => "slow";

        public override int? Count => finite ? 11 : null;

        public override int InputSize => 1;

        public override int OutputSize => 1;

        public override int TargetSize => 1;

        public override bool OneOutput => true;

        public override string Metric => "mse";

        public override int Shortest => 2;

        public override int Longest => 6;

        public override bool CanPrepareAhead => Allows;

        public override Loss CreateLoss(Plan plan) => new MeanSquaredError(plan);

        public override int LengthOf(long sequence) => 2 + (int)(sequence % 5);

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            wait?.Invoke();
            if (sequence == Breaks)
                throw new ArgumentException("it breaks");
            var random = new Philox(3, (ulong)sequence);
            for (int t = 0; t < LengthOf(sequence); t++)
                batch.Input(t, b)[0] = random.NextFloat();
            batch.Target(0, b)[0] = random.NextFloat();
            Interlocked.Increment(ref _filled);
            if (!Counts)
                return;
            lock (_threads)
                _threads.Add(Environment.CurrentManagedThreadId);
        }
    }
}
