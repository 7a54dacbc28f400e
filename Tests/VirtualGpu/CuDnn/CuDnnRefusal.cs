using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>Ends a call into the virtual cuDNN with a status, and with what cudnnGetLastErrorString will say.</summary>
internal sealed class CuDnnRefusal(cudnnStatus_t status, string why) : Exception(why)
{
    public cudnnStatus_t Status => status;

    /// <summary>An argument is wrong.</summary>
    public static CuDnnRefusal BadParam(string why) =>
        new(cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, why);

    /// <summary>The arguments are right, but nothing takes them.</summary>
    public static CuDnnRefusal NotSupported(string why) =>
        new(cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED, why);

    /// <summary>Refuses what does not hold.</summary>
    /// <exception cref="CuDnnRefusal">It does not hold.</exception>
    public static void Unless(bool holds, string why)
    {
        if (!holds)
            throw BadParam(why);
    }
}
