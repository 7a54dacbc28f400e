using Sequor.Reference;

namespace Sequor.VirtualGpu;

/// <summary>Bounds that an LSTM's cell state is read within; it is kept as it is.</summary>
internal static class CellClip
{
    /// <summary>The state as it is read.</summary>
    public static double Read(RecurrentLayer layer, double cell) =>
        layer.CellClip is { } clip ? Math.Clamp(cell, clip.Min, clip.Max) : cell;

    /// <summary>The derivative of what is read by what is kept.</summary>
    public static double Slope(RecurrentLayer layer, double cell) =>
        layer.CellClip is { } clip && (cell < clip.Min || cell > clip.Max) ? 0 : 1;
}
