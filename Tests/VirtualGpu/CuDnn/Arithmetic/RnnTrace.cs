using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>
/// What one sequence leaves behind in one layer and direction, step by step in the order of computation:
/// what backward needs to know.
/// </summary>
/// <param name="kind">the cell</param>
/// <param name="steps">T</param>
/// <param name="hidden">H</param>
/// <param name="state">width of the state: P with a projection, else H</param>
internal sealed class RnnTrace(RecurrentKind kind, int steps, int hidden, int state)
{
    public int Steps => steps;

    /// <summary>[T, G * H], after their nonlinearities; without gates the new state.</summary>
    public double[] Gates { get; } = new double[steps * RecurrentCell.Gates(kind) * hidden];

    /// <summary>[T, H], GRU: the recurrent sum of the new gate, before the reset.</summary>
    public double[] RecurrentNew { get; } =
        new double[kind == RecurrentKind.Gru ? steps * hidden : 0];

    /// <summary>[T, H], LSTM: the cell state, not clipped.</summary>
    public double[] Cells { get; } = new double[kind == RecurrentKind.Lstm ? steps * hidden : 0];

    /// <summary>[T, H], LSTM: the output before the projection.</summary>
    public double[] Unprojected { get; } =
        new double[kind == RecurrentKind.Lstm ? steps * hidden : 0];

    /// <summary>[T, P]</summary>
    public double[] States { get; } = new double[steps * state];
}
