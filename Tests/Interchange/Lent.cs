using System.Runtime.InteropServices;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Native;

namespace Sequor.Tests.Interchange;

/// <summary>Memory of other code, on the host or on a GPU, with values that it wrote at any float of the block.</summary>
internal sealed unsafe class Lent : IDisposable
{
    private const int Alignment = 256;

    private readonly void* _host;
    private readonly DeviceBuffer<float>? _device;
    private readonly CudaStream? _stream;
    private readonly int _first;
    private readonly int _count;

    /// <param name="backend">Whose kind of memory it is.</param>
    /// <param name="values">The values.</param>
    /// <param name="first">How many floats behind a multiple of 256 bytes the first one lies.</param>
    public Lent(Backend backend, float[] values, int first = 0)
    {
        (_first, _count) = (first, values.Length);
        // Their neighbours are known, so that a write beyond the values is found.
        float[] block = Block(values);
        if (backend is CudaBackend gpu)
        {
            _stream = gpu.Stream;
            _device = gpu.Context.Allocate<float>(block.Length);
            _device.Span.CopyFrom(block, _stream);
            Address = (nint)_device.Handle.Value + first * sizeof(float);
            return;
        }
        _host = NativeMemory.AlignedAlloc((nuint)(block.Length * sizeof(float)), Alignment);
        block.CopyTo(new Span<float>(_host, block.Length));
        Address = (nint)_host + first * sizeof(float);
    }

    /// <summary>Where the first value is.</summary>
    public nint Address { get; }

    /// <summary>The same as other code's producer says it.</summary>
    public Producer Producer(Backend backend, params long[] sizes) =>
        new()
        {
            Data = Address,
            Sizes = sizes,
            Device = DeviceOf(backend),
        };

    /// <summary>The values now. It waits for the backend's work.</summary>
    /// <exception cref="InvalidOperationException">The block was written beside them.</exception>
    public float[] Read()
    {
        float[] block = new float[_first + _count + 1];
        if (_device is not null)
            _device.Span.CopyTo(block, _stream!);
        else
            new ReadOnlySpan<float>(_host, block.Length).CopyTo(block);
        float[] values = block[_first..(_first + _count)];
        return block.AsSpan().SequenceEqual(Block(values))
            ? values
            : throw new InvalidOperationException("the block was written beside the values");
    }

    public void Dispose()
    {
        _device?.Dispose();
        NativeMemory.AlignedFree(_host);
    }

    public static DLDevice DeviceOf(Backend backend) =>
        new() { device_type = backend is CudaBackend ? DLDeviceType.kDLCUDA : DLDeviceType.kDLCPU };

    private float[] Block(float[] values) => [.. Enumerable.Repeat(-77f, _first), .. values, -78f];
}
