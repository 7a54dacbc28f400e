using ManagedCuda.BasicTypes;
using static ManagedCuda.DoubleDriver;

namespace ManagedCuda;

/// <summary>A stream: made here, or somebody else's.</summary>
public unsafe class CudaStream : IDisposable
{
    private readonly CUstream _stream;
    private readonly bool _isOwner;
    private bool disposed;

    public CudaStream()
    {
        Sequor.Native.CUstream made;
        Check(Driver.cuStreamCreate(&made, 0));
        _stream.Pointer = made.Value;
        _isOwner = true;
    }

    public CudaStream(CUstream stream)
        : this(stream, false) { }

    public CudaStream(CUstream stream, bool isOwner)
    {
        _stream = stream;
        _isOwner = isOwner;
    }

    public CUstream Stream => disposed ? throw new ObjectDisposedException(ToString()) : _stream;

    public void Synchronize() => Check(Driver.cuStreamSynchronize(new(Stream.Pointer)));

    public void WaitEvent(CUevent cuevent) =>
        Check(Driver.cuStreamWaitEvent(new(Stream.Pointer), new(cuevent.Pointer), 0));

    public void Dispose()
    {
        if (!disposed && _isOwner)
            Check(Driver.cuStreamDestroy(new(_stream.Pointer)));
        disposed = true;
    }
}
