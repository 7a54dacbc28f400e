namespace Sequor.VirtualGpu.Ptx;

/// <summary>A parameter of a kernel, at its place in the block of arguments.</summary>
internal sealed record PtxParameter(string Name, long Offset, long Bytes, int Alignment);

/// <summary>A kernel as parsed; compiled when it is first launched.</summary>
internal sealed class PtxKernel
{
    /// <summary>
    /// Shared, local and parameter addresses do not begin at 0, so that a null pointer into them is one.
    /// </summary>
    public const ulong WindowStart = 0x400;

    /// <summary>What lies between shared variables, so that leaving one is found.</summary>
    public const int SharedGap = 64;

    private PtxCode? _code;

    public required string Name { get; init; }

    /// <summary>The line of its name in the PTX text.</summary>
    public required int Line { get; init; }

    /// <summary>What its module says that it is written for.</summary>
    public required PtxTarget Target { get; init; }

    public required IReadOnlyList<PtxParameter> Parameters { get; init; }

    /// <summary>Bytes of a launch's arguments.</summary>
    public long ParameterBytes =>
        Parameters.Count == 0 ? 0 : Parameters[^1].Offset + Parameters[^1].Bytes;

    public required IReadOnlyList<PtxInstruction> Instructions { get; init; }

    /// <summary>Label to the number of the instruction behind it.</summary>
    public required IReadOnlyDictionary<string, int> Labels { get; init; }

    public required IReadOnlyList<PtxRegister> Registers { get; init; }

    /// <summary>Shared variables of fixed size, and the dynamic one if there is any.</summary>
    public required IReadOnlyList<PtxVariable> Shared { get; init; }

    public required IReadOnlyList<PtxVariable> Local { get; init; }

    /// <summary>Where shared variables of fixed size end, and the launch's own bytes begin.</summary>
    public required ulong SharedEnd { get; init; }

    /// <summary>Bytes of shared variables of fixed size, one behind the other as their alignment has it.</summary>
    public required long StaticSharedBytes { get; init; }

    /// <summary>Bytes a thread has of its own.</summary>
    public required long LocalBytes { get; init; }

    /// <summary><c>.reqntid</c>, or 0.</summary>
    public required long RequiredThreads { get; init; }

    /// <summary><c>.maxntid</c>, where it is below 1024; else 1024, the most that a launch can have.</summary>
    public required long MaximumThreads { get; init; }

    /// <summary>Its code, compiled once.</summary>
    /// <exception cref="PtxException">An instruction is not supported.</exception>
    public PtxCode Compile() => _code ??= PtxCompiler.Compile(this);

    /// <summary>Runs it to its end.</summary>
    /// <exception cref="PtxFaultException">The kernel did something wrong.</exception>
    /// <exception cref="ArgumentException">The launch does not fit the kernel.</exception>
    public void Launch(PtxLaunch launch) => PtxExecution.Run(this, launch);
}
