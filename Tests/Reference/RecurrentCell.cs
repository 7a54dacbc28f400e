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
    /// <param name="h">[B, H], the hidden state; overwritten</param>
    /// <param name="c">[B, H], the cell state; overwritten by LSTM, unused by the others</param>
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
        Require.Length(h, batch * hidden);
        Require.Length(c, batch * hidden);
        var input = Linear.Forward(x, layer.WeightIh, layer.BiasIh, batch, layer.Inputs, rows);
        var recurrent = Linear.Forward(h, layer.WeightHh, layer.BiasHh, batch, hidden, rows);
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
                    case RecurrentKind.Lstm:
                        var i = Activation.Sigmoid(Sum(0));
                        var f = Activation.Sigmoid(Sum(1));
                        var g = Math.Tanh(Sum(2));
                        var o = Activation.Sigmoid(Sum(3));
                        c[at] = f * c[at] + i * g;
                        h[at] = o * Math.Tanh(c[at]);
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
    }
}
