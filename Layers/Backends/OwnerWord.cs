using System.Runtime.CompilerServices;

namespace Sequor.Layers;

/// <summary>
/// Lets one thread in at a time, as often as it likes; another one gets an error instead of wrong numbers. Taking it is one
/// interlocked operation, and nothing where the thread is inside already.
/// </summary>
/// <param name="refusal">The message for an entry, given the one that another thread is in.</param>
internal sealed class OwnerWord(Func<string, string, string> refusal)
{
    // In the place of a thread's id, which is above 0: what waits to be freed is being freed, which does not take long.
    private const int Freeing = -1;

    private int _owner;
    private string _entry = "";

    /// <summary>Lets the calling thread in until the scope is disposed.</summary>
    /// <param name="entry">What errors of other threads call it, as Plan.Forward.</param>
    /// <exception cref="InvalidOperationException">Another thread is inside.</exception>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public OwnerScope Enter(string entry)
    {
        int thread = Environment.CurrentManagedThreadId;
        // No other thread writes this one's id. Only the outermost scope lets others in at its end.
        if (Volatile.Read(ref _owner) == thread)
            return default;
        if (Interlocked.CompareExchange(ref _owner, thread, 0) != 0)
            Wait(thread, entry);
        _entry = entry;
        return new OwnerScope(this);
    }

    /// <summary>Runs what is quick while no thread is inside; does nothing where one is.</summary>
    public void WhileFree(Action quick)
    {
        if (Interlocked.CompareExchange(ref _owner, Freeing, 0) != 0)
            return;
        try
        {
            quick();
        }
        finally
        {
            Volatile.Write(ref _owner, 0);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    internal void Leave() => Volatile.Write(ref _owner, 0);

    // For what is quick; for a thread it is refused.
    private void Wait(int thread, string entry)
    {
        var spin = new SpinWait();
        while (true)
        {
            int found = Interlocked.CompareExchange(ref _owner, thread, 0);
            if (found == 0)
                return;
            if (found != Freeing)
                throw new InvalidOperationException(refusal(entry, Volatile.Read(ref _entry)));
            spin.SpinOnce();
        }
    }
}

/// <summary>While it lasts, its thread is inside. The default one is that of a thread which was inside before.</summary>
internal readonly ref struct OwnerScope(OwnerWord word)
{
    private readonly OwnerWord? _word = word;

    /// <summary>Whether the thread was not inside before.</summary>
    public bool IsOutermost => _word is not null;

    /// <summary>Lets other threads in, unless an outer scope of this one lasts.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Dispose() => _word?.Leave();
}
