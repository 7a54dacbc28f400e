namespace Sequor.VirtualGpu.Ptx;

/// <summary>What one pair of braces declares; and so do the module, and a kernel's parameters.</summary>
internal sealed class PtxScope
{
    /// <summary>Its registers.</summary>
    public PtxRegisters Registers { get; } = new();

    /// <summary>Its variables by name.</summary>
    public Dictionary<string, PtxVariable> Variables { get; } = new(StringComparer.Ordinal);

    /// <summary>Its labels: each name's own key among the kernel's labels.</summary>
    public Dictionary<string, string> Labels { get; } = new(StringComparer.Ordinal);

    /// <summary>Whether a name is taken: registers, variables and labels share one set of names.</summary>
    public bool Has(string name) =>
        Variables.ContainsKey(name) || Labels.ContainsKey(name) || Registers.Has(name);

    /// <summary>Whether one of the names stem0, stem1 and so on is taken by a variable or a label.</summary>
    public bool HasAny(string stem, long count) =>
        Variables.Keys.Concat(Labels.Keys).Any(name => PtxRegisters.IsOf(name, stem, count));
}
