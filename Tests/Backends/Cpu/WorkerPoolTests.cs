using NUnit.Framework;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cpu;

/// <summary>
/// The CPU backend's pool of threads: every part runs once, exceptions reach the caller, and running allocates nothing.
/// </summary>
[NonParallelizable]
public sealed class WorkerPoolTests
{
    private static readonly int[] Threads = [1, 2, 3, 4, 7];

    [TestCaseSource(nameof(Threads))]
    public void Every_part_runs_exactly_once(int threads)
    {
        using var pool = new WorkerPool(threads);
        foreach (int parts in new[] { 0, 1, 2, 3, 4, 5, 7, 8, 16, 100, 1000, 5000 })
        {
            var job = new Counting(parts);

            for (int run = 0; run < 20; run++)
                pool.Run(job, parts);

            Assert.That(job.Runs, Is.All.EqualTo(20), $"{parts} parts");
        }
    }

    // Short jobs one after the other, so that workers come late to one and early to the next.
    [TestCaseSource(nameof(Threads))]
    public void Jobs_that_follow_each_other_closely_do_not_mix(int threads)
    {
        using var pool = new WorkerPool(threads);
        Counting[] jobs = [new(2), new(5), new(3)];

        for (int run = 0; run < 5000; run++)
        {
            foreach (Counting job in jobs)
            {
                pool.Run(job, job.Runs.Length);
                if (job.Runs[^1] != run + 1)
                    Assert.Fail($"run {run} ended before its last part");
            }
        }

        foreach (Counting job in jobs)
            Assert.That(job.Runs, Is.All.EqualTo(5000));
    }

    [TestCaseSource(nameof(Threads))]
    public void Workers_wake_after_they_slept(int threads)
    {
        using var pool = new WorkerPool(threads);
        var job = new Counting(9);
        for (int run = 0; run < 5; run++)
        {
            Thread.Sleep(20);
            pool.Run(job, 9);
        }

        Assert.That(job.Runs, Is.All.EqualTo(5));
    }

    [Test]
    public void Threads_take_part([Values(2, 3)] int threads)
    {
        using var pool = new WorkerPool(threads);
        var job = new Meeting(threads);

        // Ends only when as many threads as there are parts are inside at once.
        pool.Run(job, threads);

        Assert.That(job.Met, Is.True);
        Assert.That(pool.Threads, Is.EqualTo(threads));
    }

    [Test]
    public void An_exception_reaches_the_caller_and_the_pool_works_after_it(
        [ValueSource(nameof(Threads))] int threads,
        [Values(0, 1, 4)] int failing
    )
    {
        using var pool = new WorkerPool(threads);
        for (int run = 0; run < 50; run++)
        {
            Assert.That(
                () => pool.Run(new Failing(failing), 5),
                Throws.TypeOf<FormatException>().With.Message.EqualTo($"part {failing}")
            );
            var job = new Counting(5);
            pool.Run(job, 5);
            Assert.That(job.Runs, Is.All.EqualTo(1));
        }
    }

    [Test]
    public void Of_several_exceptions_one_reaches_the_caller(
        [ValueSource(nameof(Threads))] int threads
    )
    {
        using var pool = new WorkerPool(threads);

        Assert.That(() => pool.Run(new Failing(null), 20), Throws.TypeOf<FormatException>());
    }

    [Test]
    public void A_pool_may_run_and_end_inside_a_job_of_another()
    {
        using var outer = new WorkerPool(3);
        var job = new Nesting();

        outer.Run(job, 4);

        Assert.That(job.Inner.Select(inner => inner.Runs), Is.All.All.EqualTo(1));
    }

    [Test]
    public void Ending_twice_and_without_a_job_is_harmless(
        [ValueSource(nameof(Threads))] int threads
    )
    {
        var pool = new WorkerPool(threads);
        pool.Dispose();

        Assert.That(pool.Dispose, Throws.Nothing);
    }

    [Test]
    public void A_pool_without_threads_is_refused() =>
        Assert.That(() => new WorkerPool(0), Throws.TypeOf<ArgumentOutOfRangeException>());

    [Test]
    public void Running_allocates_nothing([ValueSource(nameof(Threads))] int threads)
    {
        using var pool = new WorkerPool(threads);
        var job = new Counting(8);

        long bytes = Allocated.Least(() =>
        {
            for (int run = 0; run < 100; run++)
                pool.Run(job, 8);
        });

        Assert.That(bytes, Is.Zero);
    }

    private sealed class Counting(int parts) : ParallelJob
    {
        public int[] Runs { get; } = new int[parts];

        public override void Execute(int part) => Interlocked.Increment(ref Runs[part]);
    }

    private sealed class Failing(int? part) : ParallelJob
    {
        public override void Execute(int number)
        {
            if (part is null || part == number)
                throw new FormatException($"part {number}");
        }
    }

    private sealed class Meeting(int threads) : ParallelJob
    {
        private int _inside;

        public bool Met { get; private set; }

        public override void Execute(int part)
        {
            Interlocked.Increment(ref _inside);
            Met = SpinWait.SpinUntil(
                () => Volatile.Read(ref _inside) == threads,
                TimeSpan.FromSeconds(30)
            );
        }
    }

    private sealed class Nesting : ParallelJob
    {
        public Counting[] Inner { get; } = [new(6), new(6), new(6), new(6)];

        public override void Execute(int part)
        {
            using var pool = new WorkerPool(2);
            pool.Run(Inner[part], 6);
        }
    }
}
