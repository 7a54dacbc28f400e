using System.Numerics;
using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

/// <summary>
/// The right-hand side of a product, [depth, columns], laid out in panels of columns. The panels follow each other; each is [depth][width]
/// and padded with zeros to a vector width. This does not own its memory.
/// </summary>
internal readonly unsafe struct Packed(float* data, int depth, int columns, int lanes)
{
    public readonly float* Data = data;
    public readonly int Depth = depth;
    public readonly int Columns = columns;
    private readonly int _lanes = lanes;

    // 0 where packed, else the distance of two rows in floats.
    private readonly nint _stride;

    // How many steps of depth are skipped.
    private readonly int _skipped;

    private Packed(float* data, int depth, int columns, int lanes, nint stride, int skipped = 0)
        : this(data, depth, columns, lanes) => (_stride, _skipped) = (stride, skipped);

    /// <summary>The same matrix without its first steps of depth.</summary>
    public Packed From(int skipped) => new(Data, Depth, Columns, _lanes, _stride, skipped);

    /// <summary>
    /// A row-major matrix that is used where it lies. Its rows must be readable up to <see cref="PaddedColumns"/>; the values there do not
    /// matter.
    /// </summary>
    public static Packed RowMajor(float* data, nint stride, int depth, int columns, int lanes) =>
        new(data, depth, columns, lanes, stride);

    /// <summary>The number of columns including the padding of the last panel.</summary>
    public static int PaddedColumns(int columns, int lanes)
    {
        int rest = columns % Tile.MaxWidth(lanes);
        return columns - rest + (rest == 0 ? 0 : Tile.PanelWidth(rest, lanes));
    }

    /// <summary>The number of floats that a matrix of this size takes when packed.</summary>
    public static long Elements(int depth, int columns, int lanes) =>
        (long)depth * PaddedColumns(columns, lanes);

    /// <summary>The width of the panel that begins with a column: from one step of depth to the next.</summary>
    public int PanelWidth(int column) => Tile.PanelWidth(Columns - column, _lanes);

    /// <summary>The panel that begins with a column; it is filled with as many columns as there are, and zeros behind them.</summary>
    public float* Panel(int column) => Data + (nint)column * Depth;

    /// <summary>
    /// Fills <paramref name="depthCount"/> steps of depth from <paramref name="depthFrom"/> on. Element (k, n) is source[k * depthStride +
    /// n * columnStride], with k counted from the first step that is filled.
    /// </summary>
    public void Fill(
        float* source,
        nint depthStride,
        nint columnStride,
        int depthFrom,
        int depthCount
    ) => Fill(source, depthStride, columnStride, depthFrom, depthCount, 0, Columns);

    /// <summary>Fills a range of columns, which begins with a panel: see <see cref="Tile.MaxWidth"/>.</summary>
    public void Fill(
        float* source,
        nint depthStride,
        nint columnStride,
        int depthFrom,
        int depthCount,
        int columnFrom,
        int columnTo
    )
    {
        int full = Tile.MaxWidth(_lanes);
        for (int first = columnFrom; first < columnTo; first += full)
        {
            int width = PanelWidth(first);
            int used = Math.Min(width, Columns - first);
            float* to = Panel(first) + (nint)depthFrom * width;
            float* from = source + first * columnStride;
            for (int k = 0; k < depthCount; k++, to += width, from += depthStride)
            {
                if (columnStride == 1)
                {
                    Unsafe.CopyBlockUnaligned(to, from, (uint)used * sizeof(float));
                }
                else
                {
                    for (int n = 0; n < used; n++)
                        to[n] = from[n * columnStride];
                }
                for (int n = used; n < width; n++)
                    to[n] = 0f;
            }
        }
    }

    /// <summary>
    /// Multiplies rows of A by the first tile.Taps * tile.Depth steps of depth of this matrix. The pointers are those of the first row and
    /// of column 0.
    /// </summary>
    public void Multiply(in Tile tile, int rows, float* a, float* init, float* c) =>
        Multiply(tile, rows, a, init, c, 0, Columns);

    /// <summary>The same for a range of columns, which begins with a panel: see <see cref="Tile.MaxWidth"/>.</summary>
    public void Multiply(
        in Tile tile,
        int rows,
        float* a,
        float* init,
        float* c,
        int columnFrom,
        int columnTo
    )
    {
        if (rows == 1 && _stride == 0)
        {
            var part = new Packed(
                Data + (nint)columnFrom * Depth,
                Depth,
                columnTo - columnFrom,
                _lanes,
                0,
                _skipped
            );
            part.MultiplyRow(tile, a, init == null ? null : init + columnFrom, c + columnFrom);
            return;
        }
        // A block of rows stays in the second-level cache while every panel passes over it.
        const int Block = 128;
        int full = Tile.MaxWidth(_lanes);
        for (int row = 0; row < rows; row += Block)
        {
            int count = Math.Min(Block, rows - row);
            for (int first = columnFrom; first < columnTo; first += full)
            {
                int width = Tile.PanelWidth(Columns - first, _lanes);
                Tile panel = tile;
                panel.PanelStride = _stride == 0 ? width : _stride;
                nint start = _stride == 0 ? (nint)first * Depth : first;
                panel.Run(
                    _lanes,
                    width,
                    count,
                    a + row * tile.RowStride,
                    Data + start + _skipped * panel.PanelStride,
                    init == null ? null : init + row * tile.InitStride + first,
                    c + row * tile.OutputStride + first,
                    Math.Min(full, Columns - first)
                );
            }
        }
    }

    // The narrower last panel runs beside the last of the others.
    private void MultiplyRow(in Tile tile, float* a, float* init, float* c)
    {
        // A power of two.
        int full = Tile.MaxWidth(_lanes);
        int rest = Columns & (full - 1);
        int whole = Columns - rest;
        int panels = whole >> BitOperations.TrailingZeroCount(full);
        // The last of them, four at most, run beside the narrower one.
        int groups = Math.Max(0, panels - 1) / Tile.MostPanels;
        var place = new Tile.RowPlace
        {
            B = Data + (nint)_skipped * full,
            Init = init,
            C = c,
            Panels = Tile.MostPanels,
            Groups = groups,
            PanelStride = (nint)full * Depth,
        };
        if (groups > 0)
        {
            tile.RunRow(_lanes, a, place);
            int done = groups * Tile.MostPanels;
            place.B += done * place.PanelStride;
            place.C += done * full;
            if (init != null)
                place.Init += done * full;
            panels -= done;
        }
        place.Panels = panels;
        place.Groups = 1;
        if (rest == 0)
        {
            tile.RunRow(_lanes, a, place);
            return;
        }
        int width = place.RestWidth = Tile.PanelWidth(rest, _lanes);
        place.Rest = Data + (nint)(Columns - rest) * Depth + (nint)_skipped * width;
        place.RestC = c + Columns - rest;
        place.RestInit = init == null ? null : init + Columns - rest;
        if (width == rest)
            tile.RunRow(_lanes, a, place);
        else
            RunPart(tile, a, place, rest);
    }

    // What the last panel's width has beyond the columns belongs to others in C, so it is read from and written to a block of its own.
    private void RunPart(in Tile tile, float* a, Tile.RowPlace place, int rest)
    {
        const int Widest = 32;
        float* block = stackalloc float[Widest];
        float* result = place.RestC;
        if (place.RestInit != null)
        {
            Unsafe.CopyBlockUnaligned(block, place.RestInit, (uint)rest * sizeof(float));
            place.RestInit = block;
        }
        place.RestC = block;
        tile.RunRow(_lanes, a, place);
        Unsafe.CopyBlockUnaligned(result, block, (uint)rest * sizeof(float));
    }
}
