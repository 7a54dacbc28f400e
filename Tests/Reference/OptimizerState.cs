namespace Sequor.Reference;

/// <summary>A running value for every parameter, zero at the start.</summary>
internal sealed class OptimizerState
{
    private double[][]? values;

    public double[][] For(IReadOnlyList<double[]> parameters) =>
        values ??= [.. parameters.Select(parameter => new double[parameter.Length])];
}
