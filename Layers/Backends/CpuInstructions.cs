using System.Globalization;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;

namespace Sequor.Layers;

/// <summary>
/// The capabilities of the processor's vectors, as far as the runtime uses them; its settings (such as DOTNET_EnableAVX2=0) switch
/// instruction sets off.
/// </summary>
public static class CpuInstructions
{
    /// <summary>The width of the widest vectors that the processor has instructions for, in bits: 512, 256 or 128.</summary>
    public static int VectorBits =>
        Vector512.IsHardwareAccelerated ? 512
        : Vector256.IsHardwareAccelerated ? 256
        : 128;

    /// <summary>
    /// Whether one instruction computes a product and a sum, rounding once. Otherwise the runtime computes the fused operation in double
    /// precision and lane by lane, which takes a hundred times as long as to multiply and to add.
    /// </summary>
    public static bool FusedMultiplyAdd => Fma.IsSupported || AdvSimd.IsSupported;

    // There are 32 registers with AVX-512 and on Arm, also for narrower vectors, and 16 elsewhere.
    internal static bool ManyRegisters => Avx512F.VL.IsSupported || AdvSimd.Arm64.IsSupported;

    /// <summary>The instructions that implement vectors of a width, such as "AVX2, FMA" or "SSE4.2, no FMA".</summary>
    /// <param name="vectorBits">512, 256 or 128. Vectors wider than the processor's are composed of those it has.</param>
    public static string Describe(int vectorBits)
    {
        int bits = Math.Min(vectorBits, VectorBits);
        if (bits == 512)
            return "AVX-512";
        string name =
            AdvSimd.IsSupported ? "AdvSimd"
            : Avx2.IsSupported ? "AVX2"
            : Avx.IsSupported ? "AVX"
            : Sse42.IsSupported ? "SSE4.2"
            : Vector128.IsHardwareAccelerated ? "SSE2"
            : "no vector instructions";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{name}, {(FusedMultiplyAdd ? "FMA" : "no FMA")}"
        );
    }
}
