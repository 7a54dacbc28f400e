using Sequor.Layers;
using Sequor.Layers.Cpu;

namespace Sequor.Tests.Kernels;

/// <summary>Tensors of the CPU backend, with which kernels are compared.</summary>
internal sealed class HostTensors(CpuBackend backend) : IDisposable
{
    private readonly List<Storage> _taken = [];

    public HostTensors()
        : this(Backends.Get(512, 1)) { }

    public CpuBackend Backend { get; } = backend;

    public Tensor Put(float[] values, params int[] sizes)
    {
        Tensor tensor = New(sizes);
        Backend.Upload(values, tensor);
        return tensor;
    }

    public Tensor New(params int[] sizes)
    {
        Shape shape = sizes.Length switch
        {
            1 => new Shape(sizes[0]),
            2 => new Shape(sizes[0], sizes[1]),
            _ => new Shape(sizes[0], sizes[1], sizes[2]),
        };
        Storage storage = Backend.Allocate(shape.Count, MemoryCategory.Workspace);
        _taken.Add(storage);
        return new Tensor(storage, 0, shape);
    }

    public float[] Get(Tensor tensor)
    {
        float[] values = new float[tensor.Count];
        Backend.Download(tensor, values);
        return values;
    }

    public void Dispose()
    {
        foreach (Storage storage in _taken)
            storage.Dispose();
    }
}
