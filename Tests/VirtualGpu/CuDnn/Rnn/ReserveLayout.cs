using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>Doubles in the reserve: a row for each step and sequence.</summary>
internal readonly record struct ReserveArea(long Offset, int Width);

/// <summary>How the reserve is divided. A row of an area belongs to step t of sequence b, at t * B + b.</summary>
internal sealed class ReserveLayout
{
    private readonly int _batch;
    private readonly long _rows;
    private long _end = ReserveStamp.Length;

    public ReserveLayout(RnnNet net, int maxLength, int batch)
    {
        (_batch, _rows) = (batch, (long)maxLength * batch);
        (int hidden, int gates) = (net.HiddenSize, net.Gates * net.HiddenSize);
        bool gru = net.Kind == RecurrentKind.Gru;
        for (int layer = 0; layer + 1 < net.NumLayers; layer++)
        {
            Outputs.Add(Take(net.OutputSize));
            for (int direction = 0; direction < net.Directions; direction++)
                Masks.Add(Take(net.OutputSize));
        }
        for (int layer = 0; layer < net.PseudoLayers; layer++)
        {
            Gates.Add(Take(gates));
            RecurrentNew.Add(Take(gru ? hidden : 0));
            Cells.Add(Take(net.IsLstm ? hidden : 0));
            Unprojected.Add(Take(net.IsLstm ? hidden : 0));
            InputDeltas.Add(Take(gates));
            RecurrentDeltas.Add(Take(gates));
            StateDeltas.Add(Take(net.State));
        }
        // Another size for each algorithm, so that one cannot pass for another.
        Bytes = _end * sizeof(double) + 256 * (1 + (long)net.Algorithm);
    }

    public long Bytes { get; }

    /// <summary>Of each layer but the last: its output, before dropout.</summary>
    public List<ReserveArea> Outputs { get; } = [];

    /// <summary>Of each layer but the last, for each direction of the next one: the factors of dropout.</summary>
    public List<ReserveArea> Masks { get; } = [];

    /// <summary>Of each pseudo-layer, as in <see cref="RnnTrace"/>.</summary>
    public List<ReserveArea> Gates { get; } = [];
    public List<ReserveArea> RecurrentNew { get; } = [];
    public List<ReserveArea> Cells { get; } = [];
    public List<ReserveArea> Unprojected { get; } = [];

    /// <summary>Of each pseudo-layer, as in <see cref="RnnDeltas"/>.</summary>
    public List<ReserveArea> InputDeltas { get; } = [];
    public List<ReserveArea> RecurrentDeltas { get; } = [];
    public List<ReserveArea> StateDeltas { get; } = [];

    /// <summary>Address of a row.</summary>
    public nint Row(nint reserve, ReserveArea area, int t, int b) =>
        reserve + (nint)((area.Offset + ((long)t * _batch + b) * area.Width) * sizeof(double));

    private ReserveArea Take(int width)
    {
        var area = new ReserveArea(_end, width);
        _end += _rows * width;
        return area;
    }
}
