using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Memory in which kernels leave partial sums. All share it, since launches of a stream run one after another. It holds the most partial
/// sums that <see cref="Native.Kernels.KernelGrid"/> allows for any shape.
/// </summary>
internal sealed class CudaScratch : IDisposable
{
    // 512 parts, or blocks, of 64 columns each. Matrices of more columns have fewer parts.
    private const int MostPartials = 512 * 64;

    // One counter for each 64 columns that have two parts or more; a layer norm's 512 blocks have 64, 8 and 1.
    private const int MostCounters = 512;

    private readonly DeviceSpan<float> _all;
    private readonly Storage _storage;

    public CudaScratch(CudaBackend backend)
    {
        _storage = backend.Allocate(
            2 * MostPartials + MostCounters + 2 * CudaBackend.AlignmentFloats,
            MemoryCategory.Workspace
        );
        _all = CudaBackend.Span(new Tensor(_storage, 0, new Shape((int)_storage.Count)));
        try
        {
            _all.Clear(backend.Stream);
        }
        catch
        {
            _storage.Dispose();
            throw;
        }
    }

    /// <summary>Doubles that the blocks of a launch leave until its last block adds them up.</summary>
    public DeviceSpan<double> Partials => _all.Slice(0, 2 * MostPartials).Cast<double>();

    /// <summary>Counters of finished blocks, by which a launch finds its last block. They are zero between launches.</summary>
    public DeviceSpan<uint> Counters => _all.Slice(2 * MostPartials, MostCounters).Cast<uint>();

    /// <summary>A mask's sum, kept from one launch to the next.</summary>
    public DeviceSpan<double> Weight =>
        _all.Slice(2 * MostPartials + MostCounters, 2).Cast<double>();

    /// <summary>The scales of an optimizer's step, kept from one launch to the next.</summary>
    public DeviceSpan<float> Step =>
        _all.Slice(2 * MostPartials + MostCounters + CudaBackend.AlignmentFloats, 5);

    public void Dispose() => _storage.Dispose();
}
