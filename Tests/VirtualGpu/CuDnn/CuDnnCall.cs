using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>What every call into the virtual cuDNN goes through.</summary>
internal static class CuDnnCall
{
    [ThreadStatic]
    private static string? t_lastError;

    /// <summary>What is known of the calling thread's last error; reading it clears it.</summary>
    public static string TakeLastError()
    {
        string text = t_lastError ?? "";
        t_lastError = null;
        return text;
    }

    /// <summary>Runs a call, and keeps why it was refused.</summary>
    public static cudnnStatus_t Run(string name, Action<VirtualDevice> body)
    {
        string? why = null;
        cudnnStatus_t status = VirtualCall.Run(
            name,
            cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED,
            cudnnStatus_t.CUDNN_STATUS_EXECUTION_FAILED,
            device =>
            {
                try
                {
                    body(device);
                    return cudnnStatus_t.CUDNN_STATUS_SUCCESS;
                }
                catch (CuDnnRefusal e)
                {
                    why = e.Message;
                    return e.Status;
                }
                catch (VirtualStatusException e)
                {
                    why = $"the driver returned {e.Status}";
                    return cudnnStatus_t.CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER;
                }
            }
        );
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            t_lastError = $"{name}: {why ?? status.ToString()}";
        return status;
    }

    /// <summary>The object of a handle.</summary>
    /// <exception cref="CuDnnRefusal">There is none.</exception>
    public static T Find<T>(VirtualDevice device, nint handle, string call, string argument)
        where T : class, ICuDnnObject =>
        device.Table<T>(T.Kind).Find(handle, call, argument)
        ?? throw CuDnnRefusal.BadParam($"{argument} is no {T.Kind}");

    /// <summary>Makes an object, and gives out its handle.</summary>
    /// <exception cref="CuDnnRefusal">There is no place for the handle.</exception>
    public static unsafe void Create<T>(VirtualDevice device, nint* handle, T made)
        where T : class, ICuDnnObject
    {
        CuDnnRefusal.Unless(handle != null, "the place for the handle is null");
        *handle = device.Table<T>(T.Kind).Add(made);
    }

    /// <summary>Destroys an object.</summary>
    /// <exception cref="CuDnnRefusal">There is none.</exception>
    public static T Destroy<T>(VirtualDevice device, nint handle, string call)
        where T : class, ICuDnnObject =>
        device.Table<T>(T.Kind).Remove(handle, call, T.Kind)
        ?? throw CuDnnRefusal.BadParam($"this is no {T.Kind}");
}

/// <summary>An object that the virtual cuDNN hands out.</summary>
internal interface ICuDnnObject
{
    /// <summary>What messages call it.</summary>
    static abstract string Kind { get; }
}
