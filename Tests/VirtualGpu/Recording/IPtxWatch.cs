using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Recording;

/// <summary>Sees every access of a launch to global memory, after it was checked and before it is made.</summary>
internal interface IPtxWatch
{
    /// <param name="address">Of its first byte.</param>
    /// <param name="bytes">How many it asks for.</param>
    /// <param name="site">The number of its instruction.</param>
    void Touch(ulong address, int bytes, int site, PtxAccess access);
}
