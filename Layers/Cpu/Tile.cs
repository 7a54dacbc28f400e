using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// C[m, n] = start + the sum over taps and depth of A * B, for a panel of at most <see cref="MaxWidth"/> columns.
/// <para>A is read in place through strides: row-major, transposed, or several shifted copies of one matrix, which are the taps. B is a
/// panel of [taps * depth] rows, padded to its width. The start values are zero, a bias row (stride 0) or C itself. Each element's sum runs
/// over taps, then depth, in order, whatever the number of rows, so a result does not depend on how rows are split.</para>
/// </summary>
internal unsafe partial struct Tile
{
    /// <summary>The number of elements of A between two rows of C.</summary>
    public nint RowStride;

    /// <summary>The number of elements of A between two steps of depth.</summary>
    public nint DepthStride;

    /// <summary>The number of elements of A between two taps.</summary>
    public nint TapStride;
    public int Depth;
    public int Taps;

    /// <summary>The number of elements of B between two steps of depth: a packed panel's width, or a row of an unpacked matrix.</summary>
    public nint PanelStride;

    /// <summary>The number of elements between two rows of start values; 0 repeats one row.</summary>
    public nint InitStride;

    /// <summary>The number of elements between two rows of C.</summary>
    public nint OutputStride;

    /// <summary>
    /// Of one row alone: where A's taps go back in a ring of steps, its beginning and its size in elements; a tap before the beginning lies
    /// as far from the end. Null where they do not.
    /// </summary>
    public float* Ring;

    /// <summary>See <see cref="Ring"/>.</summary>
    public nint RingSize;

    /// <summary>Whether max(value, 0) is stored.</summary>
    public bool Relu;

    /// <summary>What is fetched while the product runs; null where nothing is.</summary>
    public Ahead* Ahead;

    /// <summary>The widest panel for vectors of this many lanes.</summary>
    public static int MaxWidth(int lanes) => 2 * Math.Min(Math.Max(lanes, 4), 16);

    /// <summary>The width of the panel that starts with <paramref name="left"/> columns to go, padding included.</summary>
    public static int PanelWidth(int left, int lanes) =>
        lanes switch
        {
            16 => left > 24 ? 32
            : left > 16 ? 24
            : left > 8 ? 16
            : 8,
            8 => left > 12 ? 16
            : left > 8 ? 12
            : 8,
            _ => 8,
        };

    // How many rows are computed at once, of those that are left. The more, the fewer loads a multiplication, and a processor that begins
    // two multiplications a cycle, each of which takes four, needs eight sums to add to. Eight rows of two vectors take 18 registers.
    // Where there are 16, six rows do; two rows that would be left over then are joined with six, as twice four.
    private static int NextRows(int lanes, int width, int rows) =>
        rows >= 8
        && (lanes == 16 || width == lanes || (lanes == 4 && CpuInstructions.ManyRegisters))
            ? 8
        : rows is >= 6 and not 8 && width > lanes ? 6
        : rows >= 4 ? 4
        : rows >= 2 ? 2
        : 1;

    /// <summary>The steps of depth, over all panels and blocks of rows, at which a product fetches ahead.</summary>
    public readonly long FetchingSteps(int lanes, int rows, int columns)
    {
        int width = MaxWidth(lanes);
        int blocks = 0;
        for (int left = rows; left >= 4; left -= NextRows(lanes, width, left))
            blocks++;
        return (long)(columns / width) * blocks * Depth * Taps;
    }

    /// <summary>Computes <paramref name="rows"/> rows of one panel. <paramref name="init"/> may be null, which means zero.</summary>
    public readonly void Run(
        int lanes,
        int width,
        int rows,
        float* a,
        float* b,
        float* init,
        float* c,
        int columns
    )
    {
        if (columns < width)
        {
            RunNarrow(lanes, width, rows, a, b, init, c, columns);
            return;
        }
        while (rows > 0)
        {
            int done = NextRows(lanes, width, rows);
            switch (width)
            {
                case 32:
                    Pair<Vector512<float>, Lanes512, Vector512<float>, Lanes512>(
                        done,
                        a,
                        b,
                        init,
                        c
                    );
                    break;
                case 24:
                    Pair<Vector512<float>, Lanes512, Vector256<float>, Lanes256>(
                        done,
                        a,
                        b,
                        init,
                        c
                    );
                    break;
                case 16 when lanes == 16:
                    Single<Vector512<float>, Lanes512>(done, a, b, init, c);
                    break;
                case 16:
                    Pair<Vector256<float>, Lanes256, Vector256<float>, Lanes256>(
                        done,
                        a,
                        b,
                        init,
                        c
                    );
                    break;
                case 12:
                    Pair<Vector256<float>, Lanes256, Vector128<float>, Lanes128>(
                        done,
                        a,
                        b,
                        init,
                        c
                    );
                    break;
                case 8 when lanes > 4:
                    Single<Vector256<float>, Lanes256>(done, a, b, init, c);
                    break;
                default:
                    Pair<Vector128<float>, Lanes128, Vector128<float>, Lanes128>(
                        done,
                        a,
                        b,
                        init,
                        c
                    );
                    break;
            }
            rows -= done;
            a += done * RowStride;
            c += done * OutputStride;
            if (init != null)
                init += done * InitStride;
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Pair<T0, O0, T1, O1>(int rows, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
        where T1 : struct
        where O1 : struct, ILanes<T1>
    {
        switch (rows)
        {
            case 8:
                Rows8<T0, O0, T1, O1>(this, a, b, init, c, Fetched(a));
                break;
            case 6:
                Rows6<T0, O0, T1, O1>(this, a, b, init, c, Fetched(a));
                break;
            case 4:
                Rows4<T0, O0, T1, O1>(this, a, b, init, c, Fetched(a));
                break;
            case 2:
                Rows2<T0, O0, T1, O1>(this, a, b, init, c);
                break;
            default:
                Rows1<T0, O0, T1, O1>(this, a, b, init, c);
                break;
        }
    }

    // Where there is nothing to fetch, the loops ask for what they have.
    private readonly byte* Fetched(float* a) =>
        Ahead == null ? (byte*)a : Ahead->Next((long)Depth * Taps);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private readonly void Single<T0, O0>(int rows, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        switch (rows)
        {
            case 8:
                Rows8Single<T0, O0>(this, a, b, init, c);
                break;
            case 4:
                Rows4Single<T0, O0>(this, a, b, init, c);
                break;
            case 2:
                Rows2Single<T0, O0>(this, a, b, init, c);
                break;
            default:
                Rows1Single<T0, O0>(this, a, b, init, c);
                break;
        }
    }

    // The unrolled loops write whole panels and call nothing, since otherwise the JIT keeps no sum in a register. So a panel that C does
    // not fill goes through a block of its own.
    private readonly void RunNarrow(
        int lanes,
        int width,
        int rows,
        float* a,
        float* b,
        float* init,
        float* c,
        int columns
    )
    {
        const int Height = 8;
        float* block = stackalloc float[Height * width];
        new Span<float>(block, Height * width).Clear();
        Tile tile = this;
        tile.OutputStride = width;
        tile.InitStride = width;
        for (int row = 0; row < rows; row += Height)
        {
            int count = Math.Min(Height, rows - row);
            for (int r = 0; init != null && r < count; r++)
                Copy(init + (row + r) * InitStride, block + r * width, columns);
            tile.Run(
                lanes,
                width,
                count,
                a + row * RowStride,
                b,
                init == null ? null : block,
                block,
                width
            );
            for (int r = 0; r < count; r++)
                Copy(block + r * width, c + (row + r) * OutputStride, columns);
        }
    }

    private static void Copy(float* from, float* to, int count) =>
        new ReadOnlySpan<float>(from, count).CopyTo(new Span<float>(to, count));
}
