using System.Diagnostics;

namespace Sequor.Layers;

/// <summary>
/// The batches of a training set, step after step. Where the set allows it and it takes long enough, that of the next step is filled on a
/// thread of the pool while the step before it runs. What a step gets depends on its number alone, and not on who filled it.
/// </summary>
/// <remarks>
/// Filling that no thread has begun when its batch is wanted is done by who wants it, so nothing waits for a thread that does not run. What
/// fails ahead is thrown away and done again when its step has come: there the error is raised, as if nothing had been done ahead.
/// </remarks>
internal sealed class BatchSource : IThreadPoolWorkItem, IDisposable
{
    // Where filling takes a smaller part of a step nothing is won that one would notice, and waking a thread costs a little.
    private const int LeastShare = 50;

    private readonly Lock _gate = new();
    private readonly ManualResetEventSlim _idle = new(initialState: true, spinCount: 100);
    private readonly Dataset _data;
    private readonly SequenceOrder _order;

    // What is filled ahead, where anything is; the two change places at every step.
    private SequenceBatch? _next;
    private Ahead _state;
    private long _step;

    // How long the last filling took, and when the last batch was taken.
    private long _filling;
    private long _taken;
    private bool _disposed;

    /// <param name="data">The training set.</param>
    /// <param name="order">Which sequences a step takes; used by nobody else.</param>
    /// <param name="size">The most sequences of a step.</param>
    /// <param name="ahead">Whether batches may be filled ahead.</param>
    public BatchSource(Dataset data, SequenceOrder order, int size, bool ahead)
    {
        (_data, _order) = (data, order);
        Current = new SequenceBatch(data, size);
        if (ahead)
            _next = new SequenceBatch(data, size);
    }

    private enum Ahead
    {
        Nothing,
        Wanted,
        Filling,
        Filled,
    }

    /// <summary>The batch of the last <see cref="Take"/>, until the next.</summary>
    public SequenceBatch Current { get; private set; }

    /// <summary>Makes the batch of a step the current one.</summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="more">Whether the step after it is likely to come.</param>
    /// <exception cref="DatasetException">
    /// The set broke the rules of <see cref="Dataset"/>. The current batch has undefined values then, or stays as it was.
    /// </exception>
    public void Take(long step, bool more)
    {
        if (_next is null)
        {
            _order.Load(Current, _data, step);
            return;
        }
        long now = Stopwatch.GetTimestamp();
        if (!Settle(step))
            Fill(_next, step);
        (Current, _next) = (_next, Current);
        bool pays = _taken == 0 || _filling >= (now - _taken) / LeastShare;
        _taken = now;
        if (more && pays)
            Want(step + 1);
    }

    private void Fill(SequenceBatch batch, long step)
    {
        long began = Stopwatch.GetTimestamp();
        _order.Load(batch, _data, step);
        _filling = Stopwatch.GetTimestamp() - began;
    }

    // Whether a step's batch is filled. Afterwards nobody else is at the batch or the order, or will be.
    private bool Settle(long step)
    {
        while (true)
        {
            _idle.Wait();
            lock (_gate)
            {
                // The pool may have come in between.
                if (_state == Ahead.Filling)
                    continue;
                bool filled = _state == Ahead.Filled && _step == step;
                _state = Ahead.Nothing;
                return filled;
            }
        }
    }

    private void Want(long step)
    {
        lock (_gate)
            (_state, _step) = (Ahead.Wanted, step);
        ThreadPool.UnsafeQueueUserWorkItem(this, preferLocal: false);
    }

    // The pool may come late, to what somebody else has done by then.
    void IThreadPoolWorkItem.Execute()
    {
        SequenceBatch batch;
        long step;
        lock (_gate)
        {
            if (_state != Ahead.Wanted)
                return;
            _state = Ahead.Filling;
            _idle.Reset();
            (batch, step) = (_next!, _step);
        }
        bool filled = false;
        try
        {
            Fill(batch, step);
            filled = true;
        }
#pragma warning disable CA1031 // Whatever it is, it belongs to the step, which tries again.
        catch (Exception) { }
#pragma warning restore CA1031
        finally
        {
            lock (_gate)
            {
                _state = filled ? Ahead.Filled : Ahead.Nothing;
                _idle.Set();
            }
        }
    }

    /// <summary>Ends what is filled ahead: afterwards the set is not asked any more.</summary>
    public void Dispose()
    {
        if (_disposed)
            return;
        _disposed = true;
        if (_next is not null)
            Settle(_step);
        _idle.Dispose();
    }
}
