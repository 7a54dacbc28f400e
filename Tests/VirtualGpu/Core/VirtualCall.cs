namespace Sequor.VirtualGpu;

/// <summary>Ends a call with a status of the driver; the libraries make their own of it.</summary>
internal sealed class VirtualStatusException(Native.CUresult status) : Exception(status.ToString())
{
    public Native.CUresult Status => status;
}

/// <summary>What every call into a virtual library goes through.</summary>
internal static class VirtualCall
{
    /// <summary>
    /// Runs a call: one at a time, counted, refused where a test wants it so. No exception leaves it.
    /// </summary>
    /// <param name="name">The header's name.</param>
    /// <param name="gone">The status where there is no virtual device any more.</param>
    /// <param name="failed">The status after a fault.</param>
    /// <param name="body">The call.</param>
    public static TStatus Run<TStatus>(
        string name,
        TStatus gone,
        TStatus failed,
        Func<VirtualDevice, TStatus> body
    )
        where TStatus : unmanaged, Enum
    {
        VirtualDevice? device = VirtualDevice.Running;
        if (device is null)
            return gone;
        lock (device.Gate)
        {
            if (device.Disposed)
                return gone;
            device.Counts.Call(name);
            if (device.Refused(name) is { } status)
                return (TStatus)Enum.ToObject(typeof(TStatus), status);
            try
            {
                return body(device);
            }
            catch (VirtualFaultException e)
            {
                device.Record(e.Fault);
                return failed;
            }
            catch (VirtualStatusException e)
            {
                return e.Status is TStatus own ? own : failed;
            }
#pragma warning disable CA1031 // an exception that crosses into native code ends the process
            catch (Exception e)
            {
                device.Record(FaultKind.Internal, name, "", 0, e.ToString());
                return failed;
            }
#pragma warning restore CA1031
        }
    }
}
