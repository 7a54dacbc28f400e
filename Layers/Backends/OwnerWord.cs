using System.Runtime.CompilerServices;

namespace Sequor.Layers;

/// <summary>
/// Admits one thread at a time, which may enter again while it is inside. A second thread gets an error instead of results that could be
/// wrong. Entering costs one interlocked operation, and next to nothing if the thread is already inside.
/// </summary>
/// <param name="refusal">Makes the message from the refused entry and the entry that the other thread is in.</param>
internal sealed class OwnerWord(Func<string, string, string> refusal)
{
    // Replaces the owner's thread id, which is above 0, while memory that waited to be freed is being freed. That takes little time.
    private const int Freeing = -1;

    private int _owner;
    private string _entry = "";

    /// <summary>Lets the calling thread in until the scope is disposed.</summary>
    /// <param name="entry">The public member that is entered, such as Plan.Forward, for the errors of other threads.</param>
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

    /// <summary>Runs a short action if no thread is inside, and keeps threads out meanwhile; does nothing if one is inside.</summary>
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

    // Waits while a short action runs. If a thread is inside instead, the entry is refused.
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

/// <summary>The thread is inside until the scope is disposed. The default scope is for a thread that was inside before.</summary>
internal readonly ref struct OwnerScope(OwnerWord word)
{
    private readonly OwnerWord? _word = word;

    /// <summary>Whether the thread was not inside before.</summary>
    public bool IsOutermost => _word is not null;

    /// <summary>Lets other threads in again, if this is the outermost scope of its thread.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Dispose() => _word?.Leave();
}
