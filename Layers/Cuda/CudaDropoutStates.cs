using System.Globalization;
using Sequor.Interop;

namespace Sequor.Layers.Cuda;

/// <summary>The random states from which cuDNN draws the dropout between the layers of a recurrent network.</summary>
internal sealed class CudaDropoutStates : LibraryRandom, IDisposable
{
    // Far from the stream numbers of parameters and masks, so that no two draw the same numbers.
    private const ulong Streams = 1UL << 61;

    private readonly CudaBackend _backend;
    private readonly float _rate;
    private readonly ulong _seed;
    private readonly ulong _stream;
    private readonly Storage _storage;

    /// <summary>Allocates the states and seeds them for step 0.</summary>
    /// <param name="backend">The backend whose cuDNN draws from them.</param>
    /// <param name="rate">The probability that an element is dropped, from 0 to 1.</param>
    /// <param name="seed">The plan's seed.</param>
    /// <param name="stream">A number that differs between the networks of a plan, which would otherwise drop the same elements.</param>
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

    /// <summary>The descriptor that a recurrent network's descriptor takes.</summary>
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

    // Creating another descriptor refills the states' memory, which the network's own descriptor keeps pointing to.
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
