using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// A context's access to another context's memory, which is on another device. It ends when every object that stands for it, and every
/// buffer made from one, has been disposed.
/// </summary>
public sealed unsafe class CudaPeerAccess : CudaObject
{
    // By the two contexts' handles: how many objects stand for the access, and whether one of them enabled it.
    private static readonly Dictionary<(nint From, nint To), (int Count, bool Ours)> Enabled = [];

    private bool _released;

    private CudaPeerAccess(CudaContext context, CudaContext peer)
        : base(context, peer)
    {
        Context = context;
        Peer = peer;
    }

    /// <inheritdoc cref="CudaContext.EnablePeerAccess"/>
    internal static CudaPeerAccess Enable(CudaContext context, CudaContext peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        context.ThrowIfDisposed();
        peer.ThrowIfDisposed();
        if (peer.NativeHandle == context.NativeHandle)
            throw new ArgumentException(
                "It is the same context, whose memory needs no access.",
                nameof(peer)
            );
        bool can = context.Device.CanAccess(peer.Device);
        if (!can && peer.Device.Handle != context.Device.Handle)
            throw new NotSupportedException(
                $"{context.Device} cannot use memory of {peer.Device} directly"
                    + " (cuDeviceCanAccessPeer gives 0); copies between the two work all the same."
            );
        (nint, nint) key = (context.NativeHandle.Value, peer.NativeHandle.Value);
        using CudaContextScope scope = context.Enter();
        lock (Enabled)
        {
            (int count, bool ours) = Enabled.GetValueOrDefault(key);
            if (count == 0)
            {
                CUresult result = context.Driver.cuCtxEnablePeerAccess(peer.NativeHandle, 0);
                // Other code of the process enabled it, and has to disable it.
                ours = result != CUresult.CUDA_ERROR_PEER_ACCESS_ALREADY_ENABLED;
                if (ours && result != CUresult.CUDA_SUCCESS)
                    throw context.Error(
                        result,
                        nameof(CudaDriver.cuCtxEnablePeerAccess),
                        $"from {context.Device} to memory of {peer.Device}"
                    );
            }
            Enabled[key] = (count + 1, ours);
        }
        return new CudaPeerAccess(context, peer);
    }

    /// <summary>The context that uses the memory.</summary>
    public CudaContext Context { get; }

    /// <summary>The context that has the memory.</summary>
    public CudaContext Peer { get; }

    /// <summary>
    /// A buffer of the peer as one of this context: kernels and copies of this context use it in place, over the link. It holds both the
    /// access and the buffer.
    /// </summary>
    /// <typeparam name="T">The elements' type.</typeparam>
    /// <param name="buffer">A buffer of the peer.</param>
    /// <exception cref="ArgumentException">The buffer is not the peer's.</exception>
    /// <exception cref="NotSupportedException">The buffer is from a pool, which peer access does not include.</exception>
    /// <exception cref="ObjectDisposedException">The access or the buffer was disposed.</exception>
    public DeviceBuffer<T> Use<T>(DeviceBuffer<T> buffer)
        where T : unmanaged
    {
        ArgumentNullException.ThrowIfNull(buffer);
        ThrowIfDisposed();
        CUdeviceptr address = buffer.Handle;
        if (buffer.Context.NativeHandle != Peer.NativeHandle)
            throw new ArgumentException(
                $"The buffer is of context 0x{buffer.Context.NativeHandle.Value:x} on"
                    + $" {buffer.Context.Device}, not of the peer's"
                    + $" 0x{Peer.NativeHandle.Value:x} on {Peer.Device}.",
                nameof(buffer)
            );
        if (buffer.IsPooled)
            throw new NotSupportedException(
                "The buffer is from a memory pool, which peer access does not include;"
                    + " allocate it from the context."
            );
        return DeviceBuffer<T>.Of(Context, address, buffer.Length, this, buffer);
    }

    private protected override CudaContext Home => Context;

    private protected override void Release()
    {
        _released = true;
        if (Forget())
            Context.Park(
                Context.Driver.cuCtxDisablePeerAccess(Peer.NativeHandle),
                nameof(CudaDriver.cuCtxDisablePeerAccess)
            );
    }

    // Where the context has gone, the access has gone with it.
    private protected override void LetGo(bool forgotten)
    {
        if (!_released)
            Forget();
    }

    /// <summary>Counts this object out; whether the access has to be disabled.</summary>
    private bool Forget()
    {
        (nint, nint) key = (Context.NativeHandle.Value, Peer.NativeHandle.Value);
        lock (Enabled)
        {
            (int count, bool ours) = Enabled[key];
            if (count > 1)
            {
                Enabled[key] = (count - 1, ours);
                return false;
            }
            Enabled.Remove(key);
            return ours;
        }
    }
}
