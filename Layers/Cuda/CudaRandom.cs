using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A stream of Philox numbers, the same as the CPU's. Seed and step lie on the device and advance there, so that a replayed step draws new
/// numbers. Reading the step waits for the work queued before.
/// </summary>
internal sealed class CudaRandom : RandomStream
{
    private readonly CudaBackend _backend;
    private readonly Storage _storage;
    private readonly DeviceSpan<ulong> _place;

    public CudaRandom(CudaBackend backend, ulong seed)
        : base(backend)
    {
        _backend = backend;
        Seed = seed;
        _storage = backend.Allocate(2 * sizeof(ulong) / sizeof(float), MemoryCategory.Workspace);
        _place = CudaBackend
            .Span(new Tensor(_storage, 0, new Shape((int)_storage.Count)))
            .Cast<ulong>();
        try
        {
            backend.Upload<ulong>([seed, 0], _place);
        }
        catch
        {
            _storage.Dispose();
            throw;
        }
    }

    public override ulong Seed { get; }

    /// <summary>Seed and step, on the device: two 64-bit integers.</summary>
    public DeviceSpan<ulong> Place => _place;

    /// <summary>The number of 32 bits below which a draw means that the element is dropped: the probability times 2^32.</summary>
    public static uint Threshold(float probability) => (uint)(probability * 4294967296.0);

    public override ulong Step
    {
        get
        {
            _backend.RequireNotRecording(
                "reading dropout's step cannot be part of a captured step: put it before the step"
            );
            Span<ulong> place = stackalloc ulong[2];
            _place.CopyTo(place, _backend.Stream);
            return place[1];
        }
        set => _backend.Upload<ulong>([Seed, value], _place);
    }

    protected override void AdvanceCore() =>
        _backend.Kernels.Launch("random_advance", new KernelGrid(1, 1, 1), _place);

    protected override void DropoutCore(
        Tensor input,
        Tensor output,
        float probability,
        int stream,
        long first,
        long period
    ) =>
        // The output may begin and end within a block of four draws, so up to 3 more elements are counted.
        _backend.Kernels.Launch(
            "dropout",
            KernelGrid.Flat(output.Count + 3),
            CudaBackend.Span(input),
            CudaBackend.Span(output),
            output.Count,
            first,
            period,
            _place,
            (uint)stream,
            Threshold(probability),
            1f / (1f - probability)
        );

    public override void Dispose() => _storage.Dispose();
}
