using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>One sequence through one layer in one direction, backward: plain loops, the chain rule step by step.</summary>
internal static class RnnSequenceBackward
{
    /// <summary>Gradients by what went into the layer.</summary>
    /// <param name="kind">the cell</param>
    /// <param name="layer">its weights</param>
    /// <param name="trace">what forward left; its states are not read</param>
    /// <param name="statesBefore">[T, P], the state that each step began with</param>
    /// <param name="c0">[H], the first cell state</param>
    /// <param name="dy">[T, P], gradient by the states that went out</param>
    /// <param name="dh">[P], gradient by the last state; overwritten with that by the first</param>
    /// <param name="dc">[H], the same of the cell state</param>
    /// <param name="dx">[T, I], out: gradient by the input</param>
    public static RnnDeltas Data(
        RecurrentKind kind,
        RecurrentLayer layer,
        RnnTrace trace,
        double[] statesBefore,
        double[] c0,
        double[] dy,
        double[] dh,
        double[] dc,
        double[] dx
    )
    {
        (int hidden, int state) = (layer.Hidden, layer.State);
        int rows = RecurrentCell.Gates(kind) * hidden;
        var deltas = new RnnDeltas(kind, trace.Steps, hidden, state);
        double[] dOutput = new double[hidden];
        double[] dBefore = new double[state];
        for (int t = trace.Steps - 1; t >= 0; t--)
        {
            for (int p = 0; p < state; p++)
                dh[p] += dy[t * state + p];
            dh.CopyTo(deltas.States, t * state);
            Unproject(layer, dh, dOutput);
            Array.Clear(dBefore);
            Span<double> input = deltas.Input.AsSpan(t * rows, rows);
            Span<double> recurrent = deltas.Recurrent.AsSpan(t * rows, rows);
            switch (kind)
            {
                case RecurrentKind.Lstm:
                    Lstm(layer, trace, t, c0, dOutput, dc, input);
                    input.CopyTo(recurrent);
                    break;
                case RecurrentKind.Gru:
                    Gru(trace, t, hidden, statesBefore, dOutput, dBefore, input, recurrent);
                    break;
                default:
                    Plain(kind, trace, t, hidden, dOutput, input);
                    input.CopyTo(recurrent);
                    break;
            }
            Span<double> dRow = dx.AsSpan(t * layer.Inputs, layer.Inputs);
            dRow.Clear();
            for (int r = 0; r < rows; r++)
            {
                DoubleRows.Add(input[r], Row(layer.WeightIh, r, layer.Inputs), dRow);
                DoubleRows.Add(recurrent[r], Row(layer.WeightHh, r, state), dBefore);
            }
            dBefore.CopyTo(dh, 0);
        }
        return deltas;
    }

    /// <summary>Adds gradients by the weights.</summary>
    /// <param name="deltas">what <see cref="Data"/> returned</param>
    /// <param name="x">[T, I], the input</param>
    /// <param name="statesBefore">[T, P], the state that each step began with</param>
    /// <param name="unprojected">[T, H], the outputs before the projection; read only with a projection</param>
    /// <param name="gradient">weights' gradients, of the layer's shape; added to</param>
    public static void Weights(
        RnnDeltas deltas,
        double[] x,
        double[] statesBefore,
        double[] unprojected,
        RecurrentLayer gradient
    )
    {
        (int inputs, int hidden, int state) = (gradient.Inputs, gradient.Hidden, gradient.State);
        int rows = gradient.BiasIh.Length;
        for (int t = 0; t < deltas.Steps; t++)
        {
            for (int r = 0; r < rows; r++)
            {
                double input = deltas.Input[t * rows + r];
                double recurrent = deltas.Recurrent[t * rows + r];
                gradient.BiasIh[r] += input;
                gradient.BiasHh[r] += recurrent;
                DoubleRows.Add(input, Row(x, t, inputs), Row(gradient.WeightIh, r, inputs));
                DoubleRows.Add(
                    recurrent,
                    Row(statesBefore, t, state),
                    Row(gradient.WeightHh, r, state)
                );
            }
            if (gradient.WeightHr is not { } projection)
                continue;
            for (int p = 0; p < state; p++)
                DoubleRows.Add(
                    deltas.States[t * state + p],
                    Row(unprojected, t, hidden),
                    Row(projection, p, hidden)
                );
        }
    }

    private static Span<double> Row(double[] matrix, int row, int width) =>
        matrix.AsSpan(row * width, width);

    private static void Unproject(RecurrentLayer layer, double[] dh, double[] dOutput)
    {
        if (layer.WeightHr is not { } projection)
        {
            dh.CopyTo(dOutput, 0);
            return;
        }
        Array.Clear(dOutput);
        for (int p = 0; p < dh.Length; p++)
            DoubleRows.Add(dh[p], Row(projection, p, dOutput.Length), dOutput);
    }

    private static void Lstm(
        RecurrentLayer layer,
        RnnTrace trace,
        int t,
        double[] c0,
        double[] dOutput,
        double[] dc,
        Span<double> delta
    )
    {
        int hidden = layer.Hidden;
        for (int j = 0; j < hidden; j++)
        {
            int gate = t * 4 * hidden + j;
            double i = trace.Gates[gate];
            double f = trace.Gates[gate + hidden];
            double g = trace.Gates[gate + 2 * hidden];
            double o = trace.Gates[gate + 3 * hidden];
            double cell = trace.Cells[t * hidden + j];
            double before = t == 0 ? c0[j] : trace.Cells[(t - 1) * hidden + j];
            double squashed = Math.Tanh(CellClip.Read(layer, cell));
            double dCell =
                dc[j] + dOutput[j] * o * (1 - squashed * squashed) * CellClip.Slope(layer, cell);
            delta[j] = dCell * g * i * (1 - i);
            delta[hidden + j] = dCell * CellClip.Read(layer, before) * f * (1 - f);
            delta[2 * hidden + j] = dCell * i * (1 - g * g);
            delta[3 * hidden + j] = dOutput[j] * squashed * o * (1 - o);
            dc[j] = dCell * f * CellClip.Slope(layer, before);
        }
    }

    private static void Gru(
        RnnTrace trace,
        int t,
        int hidden,
        double[] statesBefore,
        double[] dOutput,
        double[] dBefore,
        Span<double> input,
        Span<double> recurrent
    )
    {
        for (int j = 0; j < hidden; j++)
        {
            int gate = t * 3 * hidden + j;
            double r = trace.Gates[gate];
            double z = trace.Gates[gate + hidden];
            double n = trace.Gates[gate + 2 * hidden];
            double dNew = dOutput[j] * (1 - z) * (1 - n * n);
            double dReset = dNew * trace.RecurrentNew[t * hidden + j] * r * (1 - r);
            double dUpdate = dOutput[j] * (statesBefore[t * hidden + j] - n) * z * (1 - z);
            input[j] = recurrent[j] = dReset;
            input[hidden + j] = recurrent[hidden + j] = dUpdate;
            input[2 * hidden + j] = dNew;
            recurrent[2 * hidden + j] = dNew * r;
            dBefore[j] = dOutput[j] * z;
        }
    }

    private static void Plain(
        RecurrentKind kind,
        RnnTrace trace,
        int t,
        int hidden,
        double[] dOutput,
        Span<double> delta
    )
    {
        for (int j = 0; j < hidden; j++)
        {
            double a = trace.Gates[t * hidden + j];
            double slope =
                kind == RecurrentKind.Tanh ? 1 - a * a
                : a > 0 ? 1
                : 0;
            delta[j] = dOutput[j] * slope;
        }
    }
}
