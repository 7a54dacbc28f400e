namespace Sequor.Workloads;

/// <summary>What recurrent networks have in common: layers, of which each keeps some values a unit.</summary>
public abstract class RecurrentArchitecture : Architecture
{
    private protected RecurrentArchitecture() { }

    /// <inheritdoc/>
    public override string DepthName => "layer";

    /// <inheritdoc/>
    public override int DefaultDepth => 1;

    /// <summary>Values that a unit keeps for backward at each step.</summary>
    private protected abstract int Kept { get; }

    /// <inheritdoc/>
    public override long KeptBytes(long rows, PresetModel sizes) =>
        checked(rows * sizes.Depth * Kept * sizes.Hidden * sizeof(float));
}
