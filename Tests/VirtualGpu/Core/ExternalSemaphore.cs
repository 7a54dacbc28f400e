using System.Runtime.CompilerServices;

namespace Sequor.VirtualGpu;

/// <summary>
/// A semaphore of another API, taken in by the descriptor of a file whose first 8 bytes both sides map: the value of a timeline
/// semaphore; of a binary one 1 when it is signalled, else 0.
/// </summary>
internal sealed unsafe class ExternalSemaphore(ExternalMemory memory, bool isTimeline)
    : IContextObject,
        IDisposable
{
    public VirtualContext Context => memory.Context;

    public bool IsTimeline => isTimeline;

    private ref ulong Value => ref Unsafe.AsRef<ulong>(memory.Data);

    public void Signal(ulong value) => Volatile.Write(ref Value, isTimeline ? value : 1);

    /// <summary>Whether a wait for it may end.</summary>
    public bool Reached(ulong value) => Volatile.Read(ref Value) >= (isTimeline ? value : 1);

    /// <summary>Ends a wait: a binary semaphore is not signalled any more.</summary>
    public void Take()
    {
        if (!isTimeline)
            Volatile.Write(ref Value, 0);
    }

    public void Dispose() => memory.Dispose();
}
