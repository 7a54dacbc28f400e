namespace Sequor.Reference;

/// <summary>One time step of one recurrent layer, as PyTorch and cuDNN define it.</summary>
public static class RecurrentCell
{
    /// <summary>G: how many blocks of H rows the weights have.</summary>
    public static int Gates(RecurrentKind kind) =>
        kind switch
        {
            RecurrentKind.Lstm => 4,
            RecurrentKind.Gru => 3,
            _ => 1,
        };

    /// <summary>Advances the states.</summary>
    /// <param name="kind">The cell.</param>
    /// <param name="layer">Its parameters.</param>
    /// <param name="x">[B, I]</param>
    /// <param name="h">[B, H], with a projection [B, P], the hidden state; overwritten</param>
    /// <param name="c">[B, H], the cell state, not clipped; overwritten by LSTM, unused by the others</param>
    /// <param name="batch">B</param>
    public static void Step(
        RecurrentKind kind,
        RecurrentLayer layer,
        double[] x,
        double[] h,
        double[] c,
        int batch
    )
    {
        var hidden = layer.Hidden;
        var rows = Gates(kind) * hidden;
        Require.Length(h, batch * layer.State);
        Require.Length(c, batch * hidden);
        var input = Linear.Forward(x, layer.WeightIh, layer.BiasIh, batch, layer.Inputs, rows);
        var recurrent = Linear.Forward(h, layer.WeightHh, layer.BiasHh, batch, layer.State, rows);
        var unprojected = new double[batch * hidden];
        for (var b = 0; b < batch; b++)
        {
            for (var j = 0; j < hidden; j++)
            {
                int Gate(int gate) => b * rows + gate * hidden + j;
                double Sum(int gate) => input[Gate(gate)] + recurrent[Gate(gate)];

                var at = b * hidden + j;
                switch (kind)
                {
                    case RecurrentKind.Tanh:
                        h[at] = Math.Tanh(Sum(0));
                        break;
                    case RecurrentKind.Relu:
                        h[at] = Activation.Relu(Sum(0));
                        break;
                    case RecurrentKind.Linear:
                        h[at] = Sum(0);
                        break;
                    case RecurrentKind.Lstm:
                        var i = Activation.Sigmoid(Sum(0));
                        var f = Activation.Sigmoid(Sum(1));
                        var g = Math.Tanh(Sum(2));
                        var o = Activation.Sigmoid(Sum(3));
                        c[at] = f * Read(layer, c[at]) + i * g;
                        unprojected[at] = o * Math.Tanh(Read(layer, c[at]));
                        break;
                    case RecurrentKind.Gru:
                        var r = Activation.Sigmoid(Sum(0));
                        var z = Activation.Sigmoid(Sum(1));
                        var n = Math.Tanh(input[Gate(2)] + r * recurrent[Gate(2)]);
                        h[at] = (1 - z) * n + z * h[at];
                        break;
                    default:
                        throw new ArgumentOutOfRangeException(nameof(kind), kind, null);
                }
            }
        }
        if (kind == RecurrentKind.Lstm)
        {
            var projected = layer.WeightHr is null
                ? unprojected
                : Linear.Forward(unprojected, layer.WeightHr, null, batch, hidden, layer.State);
            projected.CopyTo(h, 0);
        }
    }

    private static double Read(RecurrentLayer layer, double cell) =>
        layer.CellClip is { } clip ? Math.Clamp(cell, clip.Min, clip.Max) : cell;
}
