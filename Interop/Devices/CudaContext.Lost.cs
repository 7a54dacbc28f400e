using Sequor.Native;

namespace Sequor.Interop;

// Errors after which nothing works in the context any more.
public sealed unsafe partial class CudaContext
{
    private readonly RecentWork _recent = new();
    private CudaException? _lost;

    /// <summary>
    /// The first error after which the driver accepts no call in the context; null as long as there is none. Every later call throws an
    /// exception with this one as its inner exception and in its message. Releases still throw nothing.
    /// </summary>
    public CudaException? Lost => Volatile.Read(ref _lost);

    /// <summary>Remembers the name of queued work, since a fault that a later call reports may have happened in it.</summary>
    internal void Queued(string work, CudaStream stream) =>
        _recent.Add(work, stream.NativeHandle.Value);

    /// <summary>Marks a place in the list of queued work, for <see cref="TakeWork"/>.</summary>
    internal long MarkWork() => _recent.Mark();

    /// <summary>Removes the work queued since a mark from the list and names it: it was captured and has not run.</summary>
    internal string TakeWork(long mark) => _recent.Take(mark);

    /// <summary>Forgets the queued work of a stream, as a wait for the stream has shown that it succeeded.</summary>
    internal void WentWell(CudaStream stream) => _recent.Forget(stream.NativeHandle.Value);

    /// <summary>Forgets all queued work, as a wait for the context has shown that it succeeded.</summary>
    internal void WentWell() => _recent.Forget();

    /// <summary>
    /// What to add to the message of a cuDNN or cuBLAS error: that the context is lost and why, or nothing if it is not. The driver is
    /// asked, since those libraries only say that they could not do their work.
    /// </summary>
    internal string LossBehind(string call)
    {
        nuint free;
        nuint total;
        CUresult result = Driver.cuMemGetInfo(&free, &total);
        if (Lost is null && CudaException.Loses(result))
            Lose(Made(Driver, result, $"after {call} cuMemGetInfo", "", Recently()));
        return Lost is { } cause ? $" {After(cause)}" : "";
    }

    private void Lose(CudaException error)
    {
        Interlocked.CompareExchange(ref _lost, error, null);
        // Every call looks at this flag first.
        _attention = true;
    }

    private void ThrowIfLost()
    {
        if (Lost is { } cause)
            throw new CudaException(cause.Status, cause.Call, After(cause), cause);
    }

    private static string After(CudaException cause) =>
        $"An earlier error has lost the CUDA context, and nothing runs in it any more: {cause.Message}";

    private string Recently()
    {
        string work = _recent.ToString();
        return work.Length == 0
            ? ""
            : $" Queued since the last wait: {work}. With CUDA_LAUNCH_BLOCKING=1 the call that fails is the one.";
    }
}
