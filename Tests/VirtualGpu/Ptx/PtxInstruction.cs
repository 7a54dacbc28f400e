namespace Sequor.VirtualGpu.Ptx;

/// <summary>A register that a kernel declares and an instruction names.</summary>
internal sealed record PtxRegister(string Name, PtxType Type, int Index);

/// <summary>A named piece of memory: of a module, a kernel, or a kernel's parameter.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Space">Where it lies.</param>
/// <param name="Bytes">Its size; 0 for the dynamic shared memory of a launch.</param>
/// <param name="Alignment">What its address is a multiple of.</param>
/// <param name="Initial">Its first bytes; empty where the text gives none.</param>
/// <param name="External">Declared <c>.extern</c>: its size is the launch's.</param>
internal sealed record PtxVariable(
    string Name,
    PtxSpace Space,
    long Bytes,
    int Alignment,
    byte[] Initial,
    bool External
)
{
    /// <summary>
    /// Its address within its space. Of shared, local and parameter variables the parser sets it; of global and
    /// constant ones whoever loads the module.
    /// </summary>
    public ulong Address { get; set; }
}

/// <summary>A place in the source that the PTX was made from.</summary>
internal readonly record struct PtxSource(string File, int Line, int Column)
{
    public override string ToString() => Line == 0 ? "no source line" : $"{File}:{Line}";
}

internal abstract record PtxOperand;

internal sealed record RegisterOperand(PtxRegister Register, bool Negated) : PtxOperand;

/// <summary>A special register, such as <c>%tid.x</c>.</summary>
internal sealed record SpecialOperand(string Name) : PtxOperand;

internal sealed record IntegerOperand(long Value) : PtxOperand;

/// <summary>A float given by its bits: 32 (<c>0f</c>) or 64 (<c>0d</c>).</summary>
internal sealed record FloatOperand(ulong Bits, bool IsDouble) : PtxOperand
{
    /// <summary>Its bits in a type: a float rounded to it, or as they are in one without a kind; null in others.</summary>
    public ulong? As(PtxType type) =>
        type switch
        {
            PtxType.F32 when IsDouble => BitConverter.SingleToUInt32Bits(
                (float)BitConverter.UInt64BitsToDouble(Bits)
            ),
            PtxType.F64 when !IsDouble => BitConverter.DoubleToUInt64Bits(
                BitConverter.UInt32BitsToSingle((uint)Bits)
            ),
            PtxType.F32 or PtxType.F64 => Bits,
            PtxType.B32 when !IsDouble => Bits,
            PtxType.B64 when IsDouble => Bits,
            _ => null,
        };
}

internal sealed record VariableOperand(PtxVariable Variable, long Offset) : PtxOperand;

internal sealed record LabelOperand(string Name) : PtxOperand;

/// <summary><c>[base + offset]</c>, where base is a register, a variable or nothing.</summary>
internal sealed record AddressOperand(PtxOperand? Base, long Offset) : PtxOperand;

/// <summary><c>{a, b}</c>.</summary>
internal sealed record VectorOperand(PtxOperand[] Elements) : PtxOperand;

/// <summary><c>p|q</c>: two results.</summary>
internal sealed record PairOperand(PtxOperand First, PtxOperand Second) : PtxOperand;

/// <summary><c>_</c>: a result that is not wanted.</summary>
internal sealed record SinkOperand : PtxOperand;

/// <summary>One instruction of a kernel.</summary>
/// <param name="Index">Its number in the kernel.</param>
/// <param name="Line">Its line in the PTX text, from 1.</param>
/// <param name="Source">Where it was made from.</param>
/// <param name="Guard">The predicate before it; null if there is none.</param>
/// <param name="Opcode">Its name up to the first dot.</param>
/// <param name="Modifiers">The rest of its name, without the types at its end.</param>
/// <param name="Types">The types at its name's end.</param>
/// <param name="Operands">Its operands.</param>
internal sealed record PtxInstruction(
    int Index,
    int Line,
    PtxSource Source,
    RegisterOperand? Guard,
    string Opcode,
    string[] Modifiers,
    PtxType[] Types,
    PtxOperand[] Operands
)
{
    /// <summary>Its whole name as the text has it.</summary>
    public required string Name { get; init; }

    /// <summary>The last of its types.</summary>
    public PtxType Type => Types.Length == 0 ? PtxType.None : Types[^1];

    public bool Has(string modifier) => Array.IndexOf(Modifiers, modifier) >= 0;
}
