using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// C[m, n] = start + A[m, :] * B[:, n] for the few last columns of a product, whose panel would be padded to twice as many columns and
/// more: each element is a dot product of a row of A and a column of B, both of which lie in one run of memory. An element's sum does
/// not depend on how rows are split.
/// </summary>
internal static unsafe class ColumnDots
{
    /// <summary>The most columns that this is faster for than a panel is.</summary>
    private const int Most = 4;

    // Adding up the lanes of a sum takes as long as many of its multiplications.
    private const int LeastDepth = 256;

    /// <summary>How many of the last columns of a product are faster by dot products; 0 for none.</summary>
    /// <param name="depth">The length of a column.</param>
    /// <param name="columns">All columns.</param>
    /// <param name="lanes">Of a vector.</param>
    public static int Columns(int depth, int columns, int lanes)
    {
        int rest = columns % Tile.MaxWidth(lanes);
        return rest <= Most && depth >= LeastDepth ? rest : 0;
    }

    /// <summary>Computes rows of some columns.</summary>
    /// <param name="lanes">Of a vector.</param>
    /// <param name="tile">One tap; A's steps of depth follow each other.</param>
    /// <param name="rows">The rows.</param>
    /// <param name="a">The first row of A.</param>
    /// <param name="b">The columns of B, one after another.</param>
    /// <param name="columns">How many of them.</param>
    /// <param name="init">The first row of start values; null for zeros.</param>
    /// <param name="c">The first row of C.</param>
    public static void Multiply(
        int lanes,
        in Tile tile,
        int rows,
        float* a,
        float* b,
        int columns,
        float* init,
        float* c
    )
    {
        switch (lanes)
        {
            case 16:
                Multiply<Vector512<float>, Lanes512>(tile, rows, a, b, columns, init, c);
                break;
            case 8:
                Multiply<Vector256<float>, Lanes256>(tile, rows, a, b, columns, init, c);
                break;
            default:
                Multiply<Vector128<float>, Lanes128>(tile, rows, a, b, columns, init, c);
                break;
        }
    }

    private static void Multiply<TV, TO>(
        in Tile tile,
        int rows,
        float* a,
        float* b,
        int columns,
        float* init,
        float* c
    )
        where TV : struct
        where TO : struct, ILanes<TV>
    {
        // Four rows of two columns are eight sums, which hide how long an addition takes; what is left of either is computed twice.
        float* sums = stackalloc float[8];
        for (int row = 0; row < rows; row += 4)
        {
            int last = rows - 1 - row;
            nint row1 = Math.Min(1, last) * tile.RowStride;
            nint row2 = Math.Min(2, last) * tile.RowStride;
            nint row3 = Math.Min(3, last) * tile.RowStride;
            for (int column = 0; column < columns; column += 2)
            {
                int next = Math.Min(1, columns - 1 - column);
                float* of = b + (nint)column * tile.Depth;
                Block<TV, TO>(
                    a + row * tile.RowStride,
                    row1,
                    row2,
                    row3,
                    of,
                    of + (nint)next * tile.Depth,
                    tile.Depth,
                    sums
                );
                for (int r = 0; r <= Math.Min(3, last); r++)
                {
                    for (int n = 0; n <= next; n++)
                    {
                        float start =
                            init == null ? 0f : init[(row + r) * tile.InitStride + column + n];
                        c[(row + r) * tile.OutputStride + column + n] = start + sums[2 * r + n];
                    }
                }
            }
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Block<TV, TO>(
        float* a,
        nint row1,
        nint row2,
        nint row3,
        float* b0,
        float* b1,
        int depth,
        float* sums
    )
        where TV : struct
        where TO : struct, ILanes<TV>
    {
        TV x0 = TO.Zero;
        TV x1 = TO.Zero;
        TV x2 = TO.Zero;
        TV x3 = TO.Zero;
        TV y0 = TO.Zero;
        TV y1 = TO.Zero;
        TV y2 = TO.Zero;
        TV y3 = TO.Zero;
        int k = 0;
        for (; k + TO.Width <= depth; k += TO.Width)
        {
            TV v0 = TO.Load(b0 + k);
            TV v1 = TO.Load(b1 + k);
            TV u = TO.Load(a + k);
            x0 = TO.Fma(u, v0, x0);
            y0 = TO.Fma(u, v1, y0);
            u = TO.Load(a + row1 + k);
            x1 = TO.Fma(u, v0, x1);
            y1 = TO.Fma(u, v1, y1);
            u = TO.Load(a + row2 + k);
            x2 = TO.Fma(u, v0, x2);
            y2 = TO.Fma(u, v1, y2);
            u = TO.Load(a + row3 + k);
            x3 = TO.Fma(u, v0, x3);
            y3 = TO.Fma(u, v1, y3);
        }
        if (k < depth)
        {
            int left = depth - k;
            TV v0 = TO.LoadPartial(b0 + k, left);
            TV v1 = TO.LoadPartial(b1 + k, left);
            TV u = TO.LoadPartial(a + k, left);
            x0 = TO.Fma(u, v0, x0);
            y0 = TO.Fma(u, v1, y0);
            u = TO.LoadPartial(a + row1 + k, left);
            x1 = TO.Fma(u, v0, x1);
            y1 = TO.Fma(u, v1, y1);
            u = TO.LoadPartial(a + row2 + k, left);
            x2 = TO.Fma(u, v0, x2);
            y2 = TO.Fma(u, v1, y2);
            u = TO.LoadPartial(a + row3 + k, left);
            x3 = TO.Fma(u, v0, x3);
            y3 = TO.Fma(u, v1, y3);
        }
        sums[0] = TO.Sum(x0);
        sums[1] = TO.Sum(y0);
        sums[2] = TO.Sum(x1);
        sums[3] = TO.Sum(y1);
        sums[4] = TO.Sum(x2);
        sums[5] = TO.Sum(y2);
        sums[6] = TO.Sum(x3);
        sums[7] = TO.Sum(y3);
    }
}
