namespace Sequor.Reference;

/// <summary>A stack of recurrent layers in one direction.</summary>
public static class Recurrent
{
    /// <summary>Runs every layer over the whole sequence.</summary>
    /// <param name="kind">The cell of every layer.</param>
    /// <param name="layers">Parameters, first layer first; all of one hidden size H, and projected alike or not at all.</param>
    /// <param name="x">[T, B, I]</param>
    /// <param name="time">T</param>
    /// <param name="batch">B</param>
    /// <param name="h0">[layers, B, H or P], the hidden states before the first step; null for zeros</param>
    /// <param name="c0">[layers, B, H], the cell states before the first step, LSTM only; null for zeros</param>
    public static RecurrentResult Forward(
        RecurrentKind kind,
        IReadOnlyList<RecurrentLayer> layers,
        double[] x,
        int time,
        int batch,
        double[]? h0 = null,
        double[]? c0 = null
    )
    {
        var state = batch * layers[0].State;
        var cells = batch * layers[0].Hidden;
        Require.LengthIfGiven(h0, layers.Count * state);
        Require.LengthIfGiven(c0, layers.Count * cells);
        var finalHidden = new double[layers.Count * state];
        var finalCell = new double[layers.Count * cells];
        var y = x;
        for (var layer = 0; layer < layers.Count; layer++)
        {
            var h = h0 is null ? new double[state] : h0[(layer * state)..((layer + 1) * state)];
            var c = c0 is null ? new double[cells] : c0[(layer * cells)..((layer + 1) * cells)];
            y = Run(kind, layers[layer], y, time, batch, h, c);
            h.CopyTo(finalHidden, layer * state);
            c.CopyTo(finalCell, layer * cells);
        }
        return new RecurrentResult(y, finalHidden, kind == RecurrentKind.Lstm ? finalCell : []);
    }

    /// <summary>One layer over the sequence; h [B, H or P] and c [B, H] hold the states before it, and after it.</summary>
    private static double[] Run(
        RecurrentKind kind,
        RecurrentLayer layer,
        double[] x,
        int time,
        int batch,
        double[] h,
        double[] c
    )
    {
        var row = batch * layer.Inputs;
        Require.Length(x, time * row);
        var y = new double[time * h.Length];
        for (var t = 0; t < time; t++)
        {
            RecurrentCell.Step(kind, layer, x[(t * row)..((t + 1) * row)], h, c, batch);
            h.CopyTo(y, t * h.Length);
        }
        return y;
    }
}
