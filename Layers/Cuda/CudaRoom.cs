using System.Globalization;
using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Memory of one kind that a library's calls want, whose size it tells for one batch at a time: the plan's block, and a larger one
/// beside it where a batch wants more than was planned for.
/// </summary>
/// <remarks>
/// A larger block is taken when such a batch comes for the first time, before anything of it is queued, and kept until the end: a
/// recorded step may have its address. Each is twice the one before at least, so there are few.
/// </remarks>
internal sealed class CudaRoom(
    CudaBackend backend,
    MemoryCategory category,
    long planned,
    string what
) : IDisposable
{
    private readonly List<Tensor> _more = [];
    private readonly MemoryOwner? _owner = backend.AllocatesFor;

    /// <summary>Makes sure that there is a block of so many bytes.</summary>
    /// <exception cref="NotRecordableException">There is none, and work is being recorded.</exception>
    /// <exception cref="DeviceMemoryException">There is no memory for it.</exception>
    public void Need(long bytes)
    {
        long largest = _more.Count > 0 ? Bytes(_more[^1]) : 0;
        if (bytes <= Math.Max(planned, largest))
            return;
        if (backend.IsRecording)
            throw new NotRecordableException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"cuDNN wants {Amount.Grouped(bytes, "byte")} of {what} for this batch, which no step before took: run one of it before it is captured"
                )
            );
        long count = (Math.Max(bytes, 2 * largest) + sizeof(float) - 1) / sizeof(float);
        using Backend.OwnedScope owned = backend.AllocateFor(_owner);
        _more.Add(backend.Allocate(Shape.Block(count), category));
    }

    /// <summary>A block of so many bytes, which <see cref="Need"/> made sure of: the plan's, or the first one that has them.</summary>
    public DeviceSpan<byte> Of(DeviceSpan<byte> plan, long bytes)
    {
        if (bytes <= planned)
            return plan;
        foreach (Tensor block in _more)
            if (bytes <= Bytes(block))
                return CudaBackend.Span(block).Cast<byte>();
        throw new InvalidOperationException($"There is no {what} of {bytes} bytes.");
    }

    public void Dispose()
    {
        foreach (Tensor block in _more)
            block.Storage.Dispose();
    }

    private static long Bytes(Tensor block) => (long)block.Count * sizeof(float);
}
