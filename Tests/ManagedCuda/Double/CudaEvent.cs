using ManagedCuda.BasicTypes;
using static ManagedCuda.DoubleDriver;

namespace ManagedCuda;

/// <summary>An event, which records the time.</summary>
public unsafe class CudaEvent : IDisposable
{
    private readonly CUevent _event;
    private bool disposed;

    public CudaEvent()
    {
        Sequor.Native.CUevent made;
        Check(Driver.cuEventCreate(&made, 0));
        _event.Pointer = made.Value;
    }

    public CUevent Event => disposed ? throw new ObjectDisposedException(ToString()) : _event;

    public void Record(CUstream stream) =>
        Check(Driver.cuEventRecord(new(Event.Pointer), new(stream.Pointer)));

    public void Dispose()
    {
        if (!disposed)
            Check(Driver.cuEventDestroy(new(_event.Pointer)));
        disposed = true;
    }
}
