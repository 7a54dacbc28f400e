using System.Globalization;
using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>The states that cuDNN draws the dropout between the layers of a recurrent network from.</summary>
internal sealed class CudaDropoutStates : LibraryRandom, IDisposable
{
    // Far from the streams of parameters and masks.
    private const ulong Streams = 1UL << 61;

    private readonly CudaBackend _backend;
    private readonly float _rate;
    private readonly ulong _seed;
    private readonly ulong _stream;
    private readonly Storage _storage;

    /// <summary>States that begin with step 0.</summary>
    /// <param name="backend">Whose cuDNN draws.</param>
    /// <param name="rate">How likely an element is dropped.</param>
    /// <param name="seed">The plan's seed.</param>
    /// <param name="stream">Tells the networks of a plan apart, which would drop alike.</param>
    public CudaDropoutStates(CudaBackend backend, float rate, ulong seed, int stream)
    {
        (_backend, _rate, _seed) = (backend, rate, seed);
        _stream = Streams + (ulong)stream;
        ByteCount = DropoutDescriptor.StatesBytes(backend.CuDnn);
        _storage = backend.Allocate(
            (ByteCount + sizeof(float) - 1) / sizeof(float),
            MemoryCategory.Workspace
        );
        try
        {
            Descriptor = Create(0);
        }
        catch
        {
            _storage.Dispose();
            throw;
        }
    }

    /// <summary>What a recurrent network's descriptor takes.</summary>
    public DropoutDescriptor Descriptor { get; }

    public override string Name =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"cuDNN {_backend.Context.Libraries.Native.CuDnn.Version}, {ByteCount} bytes"
        );

    public override long ByteCount { get; }

    private DeviceSpan<byte> States =>
        CudaBackend
            .Span(new Tensor(_storage, 0, new Shape(checked((int)_storage.Count))))
            .Cast<byte>()
            .Slice(0, ByteCount);

    public override byte[] Read() => States.ToArray(_backend.Stream);

    public override void Write(ReadOnlySpan<byte> states) =>
        States.CopyFrom(states, _backend.Stream);

    // Another descriptor fills the memory that the network's own goes on pointing to.
    public override void Begin(ulong step) => Create(step).Dispose();

    public void Dispose()
    {
        Descriptor.Dispose();
        _storage.Dispose();
    }

    private DropoutDescriptor Create(ulong step)
    {
        (uint low, uint high, _, _) = Philox.Block(_seed, _stream, step);
        return DropoutDescriptor.Create(_backend.CuDnn, _rate, low | ((ulong)high << 32), States);
    }
}
