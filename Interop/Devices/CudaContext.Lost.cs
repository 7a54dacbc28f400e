using Sequor.Native;

namespace Sequor.Interop;

// Errors after which nothing works in the context any more.
public sealed unsafe partial class CudaContext
{
    private readonly RecentWork _recent = new();
    private CudaException? _lost;

    /// <summary>
    /// The first error after which no call in the context works any more; null while it is well. Every call after it raises an
    /// error that has this one as its inner exception and in its message; releases still raise none.
    /// </summary>
    public CudaException? Lost => Volatile.Read(ref _lost);

    /// <summary>Remembers work, which a fault that shows later may be of.</summary>
    internal void Queued(string work, CudaStream stream) =>
        _recent.Add(work, stream.NativeHandle.Value);

    /// <summary>Where work stands that is queued from now on.</summary>
    internal long MarkWork() => _recent.Mark();

    /// <summary>What was queued since a mark, which was recorded and did not run.</summary>
    internal string TakeWork(long mark) => _recent.Take(mark);

    /// <summary>All work of a stream went well.</summary>
    internal void WentWell(CudaStream stream) => _recent.Forget(stream.NativeHandle.Value);

    /// <summary>All work went well.</summary>
    internal void WentWell() => _recent.Forget();

    /// <summary>
    /// What to add to another library's error: if the context is lost, that and why. The driver is asked, as a library only
    /// says that it could not do its work.
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
        // Every call looks there first.
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
