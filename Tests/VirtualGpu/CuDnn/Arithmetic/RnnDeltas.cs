using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>
/// Gradients by the sums inside one layer and direction, for one sequence, in the order of forward's steps: what the
/// gradients by the weights are made of.
/// </summary>
internal sealed class RnnDeltas(RecurrentKind kind, int steps, int hidden, int state)
{
    public int Steps => steps;

    /// <summary>[T, G * H], by the input's sums.</summary>
    public double[] Input { get; } = new double[steps * RecurrentCell.Gates(kind) * hidden];

    /// <summary>[T, G * H], by the recurrent sums; another than the input's only where GRU resets.</summary>
    public double[] Recurrent { get; } = new double[steps * RecurrentCell.Gates(kind) * hidden];

    /// <summary>[T, P], by the state, from the output and all later steps.</summary>
    public double[] States { get; } = new double[steps * state];
}
