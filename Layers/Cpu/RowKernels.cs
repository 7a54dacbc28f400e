using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

/// <summary>
/// The elementwise operations over a range of rows: those in which a row of values, one a column, takes part, and the gates, which are one
/// half of a row.
/// </summary>
internal static unsafe class RowKernels<TV, TO>
    where TV : struct
    where TO : struct, ILanes<TV>
{
    /// <summary>A row's operands; null where the operation has none.</summary>
    private struct Operands
    {
        public float* A;
        public float* B;
        public float* C;
        public float* Result;

        /// <summary>The values by column.</summary>
        public float* Row;

        /// <summary>B where it has two halves.</summary>
        public float* Gates;
        public int Columns;
    }

    private interface IRowOp
    {
        // The columns from i on, of which so many are left.
        static abstract void At(in Operands o, int i, int left);
    }

    public static void Run(ElementOp op, in PointwiseOperands o, long from, long to)
    {
        switch (op)
        {
            case ElementOp.MultiplyAdd:
                Rows<MultiplyAdd>(o, from, to);
                break;
            case ElementOp.TimesRow:
                Rows<TimesRow>(o, from, to);
                break;
            case ElementOp.MultiplyAddGelu:
                Rows<MultiplyAddGelu>(o, from, to);
                break;
            case ElementOp.AddGlu:
                Rows<AddGlu>(o, from, to);
                break;
            case ElementOp.GluGradient:
                Rows<GluGradient>(o, from, to);
                break;
            case ElementOp.AddGated:
                Rows<AddGated>(o, from, to);
                break;
            case ElementOp.AddGatedGradient:
                Rows<AddGatedGradient>(o, from, to);
                break;
            default:
                Rows<AddGluGradientAndGelu>(o, from, to);
                break;
        }
    }

    private static void Rows<TOp>(in PointwiseOperands o, long from, long to)
        where TOp : struct, IRowOp
    {
        SequenceLayout? layout = o.Layout;
        int step = layout?.StepOf((int)from) ?? 0;
        for (long row = from; row < to; row++)
        {
            float* values = o.Row;
            if (layout != null)
            {
                while (row >= layout.Row(step + 1))
                    step++;
                values += (row - layout.Row(step)) * o.Columns;
            }
            Row<TOp>(o, row, values);
        }
    }

    // Whole vectors first, for which the JIT leaves out what a row's end needs.
    private static void Row<TOp>(in PointwiseOperands o, long row, float* values)
        where TOp : struct, IRowOp
    {
        int columns = o.Columns;
        var r = new Operands
        {
            A = o.A == null ? null : o.A + row * columns,
            B = o.B == null ? null : o.B + row * columns,
            C = o.C == null ? null : o.C + row * columns,
            Gates = o.B == null ? null : o.B + row * 2 * columns,
            Result = o.Out + row * columns,
            Row = values,
            Columns = columns,
        };
        int i = 0;
        for (; i + TO.Width <= columns; i += TO.Width)
            TOp.At(r, i, TO.Width);
        if (i < columns)
            TOp.At(r, i, columns - i);
    }

    private readonly struct MultiplyAdd : IRowOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void At(in Operands o, int i, int left) =>
            Put(
                o.Result + i,
                TO.Fma(Get(o.A + i, left), Get(o.Row + i, left), Get(o.Result + i, left)),
                left
            );
    }

    private readonly struct TimesRow : IRowOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void At(in Operands o, int i, int left) =>
            Put(o.Result + i, TO.Mul(Get(o.A + i, left), Get(o.Row + i, left)), left);
    }

    private readonly struct MultiplyAddGelu : IRowOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void At(in Operands o, int i, int left)
        {
            TV sum = TO.Fma(Get(o.A + i, left), Get(o.Row + i, left), Get(o.B + i, left));
            Put(o.B + i, sum, left);
            Put(o.Result + i, TO.Mul(sum, PointwiseKernels<TV, TO>.Gate(sum)), left);
        }
    }

    private readonly struct AddGlu : IRowOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void At(in Operands o, int i, int left)
        {
            TV gate = Sigmoid(Gates(o, o.Gates, o.Columns + i, left));
            TV start = o.A == null ? TO.Zero : Get(o.A + i, left);
            Put(o.Result + i, TO.Fma(Gates(o, o.Gates, i, left), gate, start), left);
        }
    }

    private readonly struct GluGradient : IRowOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void At(in Operands o, int i, int left)
        {
            TV gate = Sigmoid(Gates(o, o.Gates, o.Columns + i, left));
            TV open = TO.Mul(Get(o.A + i, left), gate);
            TV slope = TO.Mul(TO.Mul(open, Gates(o, o.Gates, i, left)), TO.Sub(TO.Set(1f), gate));
            Put(o.Gates + i, open, left);
            Put(o.Gates + o.Columns + i, slope, left);
        }
    }

    private readonly struct AddGated : IRowOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void At(in Operands o, int i, int left)
        {
            TV gate = Sigmoid(Gates(o, o.B, i, left));
            TV start = o.A == null ? TO.Zero : Get(o.A + i, left);
            Put(o.Result + i, TO.Fma(Get(o.C + i, left), gate, start), left);
        }
    }

    private readonly struct AddGatedGradient : IRowOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void At(in Operands o, int i, int left)
        {
            TV gate = Sigmoid(Gates(o, o.B, i, left));
            TV open = TO.Mul(Get(o.A + i, left), gate);
            TV slope = TO.Mul(TO.Mul(open, Get(o.C + i, left)), TO.Sub(TO.Set(1f), gate));
            Put(o.B + i, slope, left);
            Put(o.Result + i, open, left);
        }
    }

    // The GLU's gradient, and the GELU of the values that the GLU had before its product, once more.
    private readonly struct AddGluGradientAndGelu : IRowOp
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void At(in Operands o, int i, int left)
        {
            GluGradient.At(o, i, left);
            TV before = Get(o.C + i, left);
            Put(o.Result + i, TO.Mul(before, PointwiseKernels<TV, TO>.Gate(before)), left);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Gates(in Operands o, float* gates, int column, int left)
    {
        TV values = Get(gates + column, left);
        return o.Row == null ? values : TO.Add(values, Get(o.Row + column, left));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Sigmoid(TV a) => VectorMath<TV, TO>.Sigmoid(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Get(float* p, int left) => Lane<TV, TO>.Get(p, left);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Put(float* p, TV value, int left) => Lane<TV, TO>.Put(p, value, left);
}
