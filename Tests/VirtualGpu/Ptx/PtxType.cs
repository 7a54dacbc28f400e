namespace Sequor.VirtualGpu.Ptx;

/// <summary>Types of PTX's operands.</summary>
internal enum PtxType
{
    None,
    Pred,
    B8,
    B16,
    B32,
    B64,
    U8,
    U16,
    U32,
    U64,
    S8,
    S16,
    S32,
    S64,
    F16,
    F32,
    F64,

    /// <summary>Of instructions alone: no register is declared so.</summary>
    BF16,
    TF32,
    BF16X2,

    /// <summary>Two floats of 16 bits.</summary>
    F16X2,
}

/// <summary>State spaces of PTX.</summary>
internal enum PtxSpace
{
    Generic,
    Global,
    Shared,
    Local,
    Const,
    Param,
}

internal static class PtxTypes
{
    /// <summary>The type of a modifier such as <c>u32</c>; <see cref="PtxType.None"/> if it is none.</summary>
    public static PtxType Parse(string name) =>
        name switch
        {
            "pred" => PtxType.Pred,
            "b8" => PtxType.B8,
            "b16" => PtxType.B16,
            "b32" => PtxType.B32,
            "b64" => PtxType.B64,
            "u8" => PtxType.U8,
            "u16" => PtxType.U16,
            "u32" => PtxType.U32,
            "u64" => PtxType.U64,
            "s8" => PtxType.S8,
            "s16" => PtxType.S16,
            "s32" => PtxType.S32,
            "s64" => PtxType.S64,
            "f16" => PtxType.F16,
            "f32" => PtxType.F32,
            "f64" => PtxType.F64,
            "bf16" => PtxType.BF16,
            "tf32" => PtxType.TF32,
            "bf16x2" => PtxType.BF16X2,
            "f16x2" => PtxType.F16X2,
            _ => PtxType.None,
        };

    /// <summary>Bytes in memory.</summary>
    public static int Bytes(this PtxType type) =>
        type switch
        {
            PtxType.B8 or PtxType.U8 or PtxType.S8 => 1,
            PtxType.B16 or PtxType.U16 or PtxType.S16 or PtxType.F16 or PtxType.BF16 => 2,
            PtxType.B32 or PtxType.U32 or PtxType.S32 or PtxType.F32 => 4,
            PtxType.TF32 or PtxType.BF16X2 or PtxType.F16X2 => 4,
            PtxType.B64 or PtxType.U64 or PtxType.S64 or PtxType.F64 => 8,
            PtxType.Pred => 1,
            _ => 0,
        };

    /// <summary>Bits that may be of anything.</summary>
    public static bool IsBits(this PtxType type) =>
        type is PtxType.B8 or PtxType.B16 or PtxType.B32 or PtxType.B64;

    public static bool IsFloat(this PtxType type) => type is PtxType.F32 or PtxType.F64;

    public static bool IsSigned(this PtxType type) =>
        type is PtxType.S8 or PtxType.S16 or PtxType.S32 or PtxType.S64;

    /// <summary>Whole numbers and bits of up to 64.</summary>
    public static bool IsInteger(this PtxType type) =>
        type is not (PtxType.None or PtxType.Pred or (>= PtxType.F16 and <= PtxType.F16X2));

    /// <summary>Types that instructions have and no register or variable is declared with.</summary>
    public static bool IsOfInstructions(this PtxType type) =>
        type is PtxType.BF16 or PtxType.TF32 or PtxType.BF16X2;
}
