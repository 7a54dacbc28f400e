using System.Runtime.ExceptionServices;

namespace Sequor.Layers.Cpu;

/// <summary>Work that is split into numbered parts. What a part computes depends on its number alone.</summary>
internal abstract class ParallelJob
{
    public abstract void Execute(int part);
}

/// <summary>
/// Threads that share the parts of one job at a time and allocate nothing while they do. The calling thread works too and takes whatever no
/// worker has begun, so a worker that the system keeps from running delays nothing. Between jobs a worker spins briefly, then sleeps. The
/// pool is for one caller at a time.
/// </summary>
/// <remarks>
/// The threads refer to the crew and not to the pool, so they end even when the pool is forgotten without being disposed.
/// </remarks>
internal sealed class WorkerPool : IDisposable
{
    /// <summary>The most parts that a job may have.</summary>
    public const int MostParts = 1 << 16;

    private readonly Crew _crew = new();
    private readonly Thread[] _workers;

    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(_crew.Work)
            {
                IsBackground = true,
                Name = $"Sequor worker {i + 1}",
            };
            _workers[i].Start();
        }
    }

    ~WorkerPool() => _crew.Close();

    public int Threads => _workers.Length + 1;

    /// <summary>The threads besides the caller's.</summary>
    public IReadOnlyList<Thread> Workers => _workers;

    /// <summary>Runs parts 0 .. parts - 1 and returns when all are done. An exception in a part is thrown here.</summary>
    public void Run(ParallelJob job, int parts)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(parts, MostParts);
        if (parts <= 1 || _workers.Length == 0)
        {
            for (int part = 0; part < parts; part++)
                job.Execute(part);
            return;
        }
        _crew.Run(job, parts);
    }

    public void Dispose()
    {
        _crew.Close();
        foreach (Thread worker in _workers)
            worker.Join();
        GC.SuppressFinalize(this);
    }

    /// <summary>The state that the workers and the caller share.</summary>
    private sealed class Crew
    {
        // Some tens of microseconds, which is longer than the gap between two operations of a step.
        private const int SpinsBeforeSleep = 2_000;

        private readonly object _gate = new();
        private ParallelJob? _job;
        private int _done;
        private int _sleeping;
        private volatile bool _closing;
        private Exception? _failure;

        // The job's number (24 bits), its number of parts and the next part to begin (20 bits each). They share one word, so that whoever
        // takes a part knows which job it belongs to, and that this job cannot end before the part does.
        private long _ticket;

        public void Run(ParallelJob job, int parts)
        {
            _job = job;
            _failure = null;
            _done = 0;
            long number = (JobOf(_ticket) + 1) & 0xFFFFFF;
            // This is a full fence: a worker that goes to sleep either sees the new job or is seen sleeping.
            Interlocked.Exchange(ref _ticket, (number << 40) | ((long)parts << 20));
            if (Volatile.Read(ref _sleeping) > 0)
            {
                lock (_gate)
                    Monitor.PulseAll(_gate);
            }
            TakeParts();
            var spin = new SpinWait();
            while (Volatile.Read(ref _done) < parts)
                spin.SpinOnce(sleep1Threshold: -1);
            _job = null;
            if (_failure is { } failure)
                ExceptionDispatchInfo.Throw(failure);
        }

        public void Work()
        {
            long seen = 0;
            while (true)
            {
                int spins = 0;
                while (JobOf(Volatile.Read(ref _ticket)) == seen && spins++ < SpinsBeforeSleep)
                    Thread.SpinWait(8);
                if (JobOf(Volatile.Read(ref _ticket)) == seen && !Sleep(seen))
                    return;
                seen = JobOf(Volatile.Read(ref _ticket));
                TakeParts();
            }
        }

        public void Close()
        {
            lock (_gate)
            {
                _closing = true;
                Monitor.PulseAll(_gate);
            }
        }

        private static long JobOf(long ticket) => (ticket >> 40) & 0xFFFFFF;

        private void TakeParts()
        {
            while (true)
            {
                long ticket = Interlocked.Increment(ref _ticket) - 1;
                int part = (int)(ticket & 0xFFFFF);
                if (part >= (int)((ticket >> 20) & 0xFFFFF))
                    return;
                try
                {
                    _job!.Execute(part);
                }
                catch (Exception e)
                {
                    Interlocked.CompareExchange(ref _failure, e, null);
                }
                finally
                {
                    Interlocked.Increment(ref _done);
                }
            }
        }

        // Returns false when the pool closes.
        private bool Sleep(long seen)
        {
            lock (_gate)
            {
                Interlocked.Increment(ref _sleeping);
                while (JobOf(Volatile.Read(ref _ticket)) == seen && !_closing)
                    Monitor.Wait(_gate);
                Interlocked.Decrement(ref _sleeping);
                return !_closing;
            }
        }
    }
}
