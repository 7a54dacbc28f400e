using System.Runtime.ExceptionServices;

namespace Sequor.Layers.Cpu;

/// <summary>Work split into numbered parts. What a part computes depends on its number alone.</summary>
internal abstract class ParallelJob
{
    public abstract void Execute(int part);
}

/// <summary>
/// Threads that share the parts of one job at a time and allocate nothing while they do. The caller works too,
/// so a pool of one has no thread of its own. Between jobs a worker spins briefly, then sleeps.
/// </summary>
internal sealed class WorkerPool : IDisposable
{
    // Some tens of microseconds: longer than the gap between two operations of a step.
    private const int SpinsBeforeSleep = 2_000;

    private readonly Thread[] _workers;
    private readonly Lock _callers = new();
    private readonly object _gate = new();
    private ParallelJob? _job;
    private int _parts;
    private int _next;
    private int _busy;
    private volatile int _generation;
    private volatile bool _closing;
    private Exception? _failure;

    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        _workers = new Thread[threads - 1];
        for (int i = 0; i < _workers.Length; i++)
        {
            _workers[i] = new Thread(Work) { IsBackground = true, Name = $"Sequor worker {i + 1}" };
            _workers[i].Start();
        }
    }

    public int Threads => _workers.Length + 1;

    /// <summary>Runs parts 0 .. parts - 1 and returns when all are done. An exception in a part is thrown here.</summary>
    public void Run(ParallelJob job, int parts)
    {
        if (parts <= 1 || _workers.Length == 0)
        {
            for (int part = 0; part < parts; part++)
                job.Execute(part);
            return;
        }
        lock (_callers)
        {
            _job = job;
            _parts = parts;
            _failure = null;
            Volatile.Write(ref _next, 0);
            Volatile.Write(ref _busy, _workers.Length);
            lock (_gate)
            {
                _generation++;
                Monitor.PulseAll(_gate);
            }
            Share(job, parts);
            var spin = new SpinWait();
            while (Volatile.Read(ref _busy) != 0)
                spin.SpinOnce(sleep1Threshold: -1);
            _job = null;
            if (_failure is { } failure)
                ExceptionDispatchInfo.Throw(failure);
        }
    }

    private void Share(ParallelJob job, int parts)
    {
        try
        {
            for (
                int part = Interlocked.Increment(ref _next) - 1;
                part < parts;
                part = Interlocked.Increment(ref _next) - 1
            )
                job.Execute(part);
        }
        catch (Exception e)
        {
            Interlocked.CompareExchange(ref _failure, e, null);
        }
    }

    private void Work()
    {
        int seen = 0;
        while (true)
        {
            for (int spins = 0; _generation == seen && spins < SpinsBeforeSleep; spins++)
                Thread.SpinWait(8);
            lock (_gate)
            {
                while (_generation == seen && !_closing)
                    Monitor.Wait(_gate);
                if (_closing)
                    return;
                seen = _generation;
            }
            Share(_job!, _parts);
            Interlocked.Decrement(ref _busy);
        }
    }

    public void Dispose()
    {
        lock (_gate)
        {
            _closing = true;
            Monitor.PulseAll(_gate);
        }
        foreach (Thread worker in _workers)
            worker.Join();
    }
}
