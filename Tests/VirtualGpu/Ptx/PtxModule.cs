namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// A module of PTX as clang writes it for one 64-bit target. What is not supported is refused by name and line.
/// </summary>
internal sealed class PtxModule
{
    private readonly Dictionary<string, PtxKernel> _kernels;

    internal PtxModule(
        PtxTarget target,
        IEnumerable<PtxKernel> kernels,
        IReadOnlyList<PtxVariable> globals
    )
    {
        Target = target;
        _kernels = kernels.ToDictionary(k => k.Name);
        Globals = globals;
    }

    /// <summary>What it says that it is written in and for.</summary>
    public PtxTarget Target { get; }

    public IReadOnlyDictionary<string, PtxKernel> Kernels => _kernels;

    /// <summary>
    /// Variables in global and constant memory. Whoever loads the module gives each its
    /// <see cref="PtxVariable.Address"/>, and writes <see cref="PtxVariable.Initial"/> there, zeros behind.
    /// </summary>
    public IReadOnlyList<PtxVariable> Globals { get; }

    /// <summary>Parses a module, and compiles every kernel in it, so that nothing is refused later.</summary>
    /// <exception cref="PtxException">The text is malformed, or uses what is not supported.</exception>
    public static PtxModule Parse(string text)
    {
        ArgumentNullException.ThrowIfNull(text);
        PtxModule module = new PtxParser(text).Module();
        foreach (PtxKernel kernel in module.Kernels.Values)
            kernel.Compile();
        return module;
    }
}
