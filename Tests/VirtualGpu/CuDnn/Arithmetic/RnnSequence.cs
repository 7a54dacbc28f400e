using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>
/// One sequence through one layer in one direction, forward. The states are those of the reference's naive cell;
/// the gates, which it does not show, are computed beside it.
/// </summary>
internal static class RnnSequence
{
    /// <summary>Runs through all steps.</summary>
    /// <param name="kind">the cell</param>
    /// <param name="layer">its weights</param>
    /// <param name="x">[T, I], in the order of computation</param>
    /// <param name="steps">T</param>
    /// <param name="h">[P], the state; overwritten with the last</param>
    /// <param name="c">[H], the cell state; overwritten with the last, if LSTM</param>
    public static RnnTrace Forward(
        RecurrentKind kind,
        RecurrentLayer layer,
        double[] x,
        int steps,
        double[] h,
        double[] c
    )
    {
        var trace = new RnnTrace(kind, steps, layer.Hidden, layer.State);
        double[] row = new double[layer.Inputs];
        for (int t = 0; t < steps; t++)
        {
            x.AsSpan(t * layer.Inputs, layer.Inputs).CopyTo(row);
            KeepGates(kind, layer, row, h, trace, t);
            RecurrentCell.Step(kind, layer, row, h, c, 1);
            for (int i = 0; i < h.Length; i++)
                h[i] = DoubleRows.Rounded(h[i], layer.Inputs + layer.State, i + t);
            h.CopyTo(trace.States, t * h.Length);
            if (kind == RecurrentKind.Lstm)
                KeepCells(layer, c, trace, t);
        }
        return trace;
    }

    private static void KeepGates(
        RecurrentKind kind,
        RecurrentLayer layer,
        double[] x,
        double[] h,
        RnnTrace trace,
        int t
    )
    {
        int hidden = layer.Hidden;
        int rows = RecurrentCell.Gates(kind) * hidden;
        Span<double> gates = trace.Gates.AsSpan(t * rows, rows);
        for (int j = 0; j < hidden; j++)
        {
            switch (kind)
            {
                case RecurrentKind.Lstm:
                    gates[j] = Activation.Sigmoid(Sum(j));
                    gates[hidden + j] = Activation.Sigmoid(Sum(hidden + j));
                    gates[2 * hidden + j] = Math.Tanh(Sum(2 * hidden + j));
                    gates[3 * hidden + j] = Activation.Sigmoid(Sum(3 * hidden + j));
                    break;
                case RecurrentKind.Gru:
                    double reset = Activation.Sigmoid(Sum(j));
                    double recurrent = Recurrent(2 * hidden + j);
                    gates[j] = reset;
                    gates[hidden + j] = Activation.Sigmoid(Sum(hidden + j));
                    gates[2 * hidden + j] = Math.Tanh(Input(2 * hidden + j) + reset * recurrent);
                    trace.RecurrentNew[t * hidden + j] = recurrent;
                    break;
                case RecurrentKind.Tanh:
                    gates[j] = Math.Tanh(Sum(j));
                    break;
                default:
                    gates[j] = Activation.Relu(Sum(j));
                    break;
            }
        }

        double Input(int row) =>
            layer.BiasIh[row]
            + DoubleRows.Dot(layer.WeightIh.AsSpan(row * layer.Inputs, layer.Inputs), x);
        double Recurrent(int row) =>
            layer.BiasHh[row]
            + DoubleRows.Dot(layer.WeightHh.AsSpan(row * layer.State, layer.State), h);
        double Sum(int row) => Input(row) + Recurrent(row);
    }

    private static void KeepCells(RecurrentLayer layer, double[] c, RnnTrace trace, int t)
    {
        int hidden = layer.Hidden;
        for (int j = 0; j < hidden; j++)
        {
            double output = trace.Gates[(t * 4 + 3) * hidden + j];
            trace.Cells[t * hidden + j] = c[j];
            trace.Unprojected[t * hidden + j] = output * Math.Tanh(CellClip.Read(layer, c[j]));
        }
    }
}
