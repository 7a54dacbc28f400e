using Sequor.Native;

namespace Sequor.Interop;

// What a device can do with another one, and with other processes.
public sealed unsafe partial class CudaDevice
{
    /// <summary>Whether this device reads and writes another one's memory directly; false for itself.</summary>
    /// <exception cref="ArgumentException">The other device is one of other libraries.</exception>
    public bool CanAccess(CudaDevice peer)
    {
        RequireSame(peer);
        int can;
        CheckLink(
            _driver.cuDeviceCanAccessPeer(&can, Handle, peer.Handle),
            "cuDeviceCanAccessPeer",
            peer
        );
        return can != 0;
    }

    /// <summary>Reads one property of the link to another device by cuDeviceGetP2PAttribute.</summary>
    /// <exception cref="ArgumentException">The other device is this one, or one of other libraries.</exception>
    public int PeerAttribute(CUdevice_P2PAttribute attribute, CudaDevice peer)
    {
        RequireSame(peer);
        if (peer.Handle == Handle)
            throw new ArgumentException($"{this} has no link to itself.", nameof(peer));
        int value;
        CheckLink(
            _driver.cuDeviceGetP2PAttribute(&value, attribute, Handle, peer.Handle),
            "cuDeviceGetP2PAttribute",
            peer
        );
        return value;
    }

    /// <summary>
    /// Whether memory and events can be shared with other processes (<see cref="DeviceMemory.Export()"/>). A driver that cannot be asked
    /// says so when it is tried.
    /// </summary>
    public bool SharesWithProcesses
    {
        get
        {
            int value;
            CUresult result = _driver.cuDeviceGetAttribute(
                &value,
                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED,
                Handle
            );
            // Drivers older than the attribute know the functions nevertheless.
            if (result == CUresult.CUDA_ERROR_INVALID_VALUE)
                return true;
            Check(
                result,
                "cuDeviceGetAttribute",
                CUdevice_attribute.CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED
            );
            return value != 0;
        }
    }

    /// <summary>Throws if the device shares nothing with other processes.</summary>
    internal void RequireInterprocess()
    {
        if (!SharesWithProcesses)
            throw new NotSupportedException(
                $"{this} shares no memory and no events with other processes"
                    + " (CU_DEVICE_ATTRIBUTE_IPC_EVENT_SUPPORTED is 0)."
            );
    }

    private void RequireSame(CudaDevice peer)
    {
        ArgumentNullException.ThrowIfNull(peer);
        if (!ReferenceEquals(peer._driver, _driver))
            throw new ArgumentException(
                $"{peer} was found by other libraries than {this}.",
                nameof(peer)
            );
    }

    private void CheckLink(CUresult result, string call, CudaDevice peer)
    {
        if (result != CUresult.CUDA_SUCCESS)
            throw new CudaException(
                result,
                call,
                $"{call} gave {result} for CUDA devices {Index} and {peer.Index}."
            );
    }
}
