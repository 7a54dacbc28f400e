using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Memory that kernels leave partial sums in. One for all: launches of a stream follow each other. Its size is the most that
/// <see cref="Native.Kernels.KernelGrid"/> lets a sum have, whatever the shape.
/// </summary>
internal sealed class CudaScratch : IDisposable
{
    // 512 parts, or blocks, of 64 columns. More columns have fewer parts.
    private const int MostPartials = 512 * 64;

    // One for each 64 columns where there are two parts or more.
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

    /// <summary>Doubles of the blocks of a launch, until its last one has joined them.</summary>
    public DeviceSpan<double> Partials => _all.Slice(0, 2 * MostPartials).Cast<double>();

    /// <summary>Counters of last blocks: zeros between launches.</summary>
    public DeviceSpan<uint> Counters => _all.Slice(2 * MostPartials, MostCounters).Cast<uint>();

    /// <summary>From one launch to the next: a mask's sum.</summary>
    public DeviceSpan<double> Weight =>
        _all.Slice(2 * MostPartials + MostCounters, 2).Cast<double>();

    /// <summary>From one launch to the next: how an optimizer's step scales.</summary>
    public DeviceSpan<float> Step =>
        _all.Slice(2 * MostPartials + MostCounters + CudaBackend.AlignmentFloats, 5);

    public void Dispose() => _storage.Dispose();
}
