using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

/// <summary>The elementwise operations over a range of elements, or of rows for operations that have rows.</summary>
internal static unsafe class PointwiseKernels<TV, TO>
    where TV : struct
    where TO : struct, ILanes<TV>
{
    private interface IMap
    {
        static abstract TV Map(TV a, TV b);
    }

    private readonly struct Add : IMap
    {
        public static TV Map(TV a, TV b) => TO.Add(a, b);
    }

    private readonly struct AddRelu : IMap
    {
        public static TV Map(TV a, TV b) => TO.Max(TO.Zero, TO.Add(a, b));
    }

    private readonly struct GeluGradient : IMap
    {
        public static TV Map(TV a, TV b)
        {
            // gelu(b) = b s(v), where s is the sigmoid and v = 2 sqrt(2/pi) (b + 0.044715 b^3); gelu' = s + b s (1 - s) v'.
            TV one = TO.Set(1f);
            TV s = Gate(b);
            TV slope = TO.Fma(TO.Mul(b, b), TO.Set(3f * Cubic * Linear), TO.Set(Linear));
            return TO.Mul(a, TO.Fma(TO.Mul(TO.Mul(b, s), TO.Sub(one, s)), slope, s));
        }
    }

    private const float Linear = 1.5957691216057308f;
    private const float Cubic = 0.044715f;

    // (1 + tanh(u)) / 2 = sigmoid(2u)
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Gate(TV x)
    {
        TV inner = TO.Fma(TO.Mul(x, x), TO.Set(Cubic * Linear), TO.Set(Linear));
        return VectorMath<TV, TO>.Sigmoid(TO.Mul(x, inner));
    }

    public static void Run(ElementOp op, in PointwiseOperands o, long from, long to)
    {
        switch (op)
        {
            case ElementOp.Add:
                Map<Add>(o, from, to);
                break;
            case ElementOp.AddRelu:
                Map<AddRelu>(o, from, to);
                break;
            case ElementOp.Gelu:
                Gelu(o, from, to);
                break;
            case ElementOp.GeluGradient:
                Map<GeluGradient>(o, from, to);
                break;
            case ElementOp.ReluGradient:
                ReluGradient(o, from, to);
                break;
            case ElementOp.ResidualRelu:
                ResidualRelu(o, from, to);
                break;
            case ElementOp.ResidualReluGradient:
                ResidualReluGradient(o, from, to);
                break;
            default:
                if (o.Layout is not null)
                {
                    PackedRows(op, o, o.Layout, from, to);
                    break;
                }
                for (long row = from; row < to; row++)
                    Row(op, o, row);
                break;
        }
    }

    private static void PackedRows(
        ElementOp op,
        PointwiseOperands o,
        SequenceLayout layout,
        long from,
        long to
    )
    {
        float* first = o.Row;
        int step = layout.StepOf((int)from);
        for (long row = from; row < to; row++)
        {
            while (row >= layout.Row(step + 1))
                step++;
            o.Row = first + (row - layout.Row(step)) * o.Columns;
            Row(op, o, row);
        }
    }

    private static void Map<TMap>(in PointwiseOperands o, long from, long to)
        where TMap : struct, IMap
    {
        float* a = o.A;
        float* b = o.B;
        float* result = o.Out;
        long i = from;
        for (; i + TO.Width <= to; i += TO.Width)
            TO.Store(result + i, TMap.Map(TO.Load(a + i), TO.Load(b + i)));
        if (i < to)
        {
            int left = (int)(to - i);
            TO.StorePartial(
                result + i,
                TMap.Map(TO.LoadPartial(a + i, left), TO.LoadPartial(b + i, left)),
                left
            );
        }
    }

    private static void Gelu(in PointwiseOperands o, long from, long to)
    {
        for (long i = from; i < to; i += TO.Width)
        {
            int left = (int)Math.Min(TO.Width, to - i);
            TV value = Lane<TV, TO>.Get(o.A + i, left);
            Lane<TV, TO>.Put(o.Out + i, TO.Mul(value, Gate(value)), left);
        }
    }

    private static void Row(ElementOp op, in PointwiseOperands o, long row)
    {
        int columns = o.Columns;
        float* a = o.A == null ? null : o.A + row * columns;
        float* result = o.Out + row * columns;
        float* b = o.B == null ? null : o.B + row * columns;
        float* gates = o.B == null ? null : o.B + row * 2 * columns;
        float* c = o.C == null ? null : o.C + row * columns;
        for (int i = 0; i < columns; i += TO.Width)
        {
            int left = Math.Min(columns - i, TO.Width);
            switch (op)
            {
                case ElementOp.MultiplyAdd:
                    Lane<TV, TO>.Put(
                        result + i,
                        TO.Fma(
                            Lane<TV, TO>.Get(a + i, left),
                            Lane<TV, TO>.Get(o.Row + i, left),
                            Lane<TV, TO>.Get(result + i, left)
                        ),
                        left
                    );
                    break;
                case ElementOp.TimesRow:
                    Lane<TV, TO>.Put(
                        result + i,
                        TO.Mul(Lane<TV, TO>.Get(a + i, left), Lane<TV, TO>.Get(o.Row + i, left)),
                        left
                    );
                    break;
                case ElementOp.MultiplyAddGelu:
                {
                    TV sum = TO.Fma(
                        Lane<TV, TO>.Get(a + i, left),
                        Lane<TV, TO>.Get(o.Row + i, left),
                        Lane<TV, TO>.Get(b + i, left)
                    );
                    Lane<TV, TO>.Put(b + i, sum, left);
                    Lane<TV, TO>.Put(result + i, TO.Mul(sum, Gate(sum)), left);
                    break;
                }
                case ElementOp.AddGlu:
                {
                    TV gate = VectorMath<TV, TO>.Sigmoid(Gates(o, gates, columns + i, left));
                    TV start = a == null ? TO.Zero : Lane<TV, TO>.Get(a + i, left);
                    Lane<TV, TO>.Put(
                        result + i,
                        TO.Fma(Gates(o, gates, i, left), gate, start),
                        left
                    );
                    break;
                }
                case ElementOp.GluGradient:
                {
                    TV gate = VectorMath<TV, TO>.Sigmoid(Gates(o, gates, columns + i, left));
                    TV open = TO.Mul(Lane<TV, TO>.Get(a + i, left), gate);
                    TV slope = TO.Mul(
                        TO.Mul(open, Gates(o, gates, i, left)),
                        TO.Sub(TO.Set(1f), gate)
                    );
                    Lane<TV, TO>.Put(gates + i, open, left);
                    Lane<TV, TO>.Put(gates + columns + i, slope, left);
                    break;
                }
                case ElementOp.AddGated:
                {
                    TV gate = VectorMath<TV, TO>.Sigmoid(Gates(o, b, i, left));
                    TV start = a == null ? TO.Zero : Lane<TV, TO>.Get(a + i, left);
                    Lane<TV, TO>.Put(
                        result + i,
                        TO.Fma(Lane<TV, TO>.Get(c + i, left), gate, start),
                        left
                    );
                    break;
                }
                case ElementOp.AddGatedGradient:
                {
                    TV gate = VectorMath<TV, TO>.Sigmoid(Gates(o, b, i, left));
                    TV open = TO.Mul(Lane<TV, TO>.Get(a + i, left), gate);
                    TV slope = TO.Mul(
                        TO.Mul(open, Lane<TV, TO>.Get(c + i, left)),
                        TO.Sub(TO.Set(1f), gate)
                    );
                    Lane<TV, TO>.Put(b + i, slope, left);
                    Lane<TV, TO>.Put(result + i, open, left);
                    break;
                }
                default:
                {
                    TV dy = Lane<TV, TO>.Get(a + i, left);
                    TV gate = VectorMath<TV, TO>.Sigmoid(Gates(o, gates, columns + i, left));
                    TV open = TO.Mul(dy, gate);
                    TV slope = TO.Mul(
                        TO.Mul(open, Gates(o, gates, i, left)),
                        TO.Sub(TO.Set(1f), gate)
                    );
                    Lane<TV, TO>.Put(gates + i, open, left);
                    Lane<TV, TO>.Put(gates + columns + i, slope, left);
                    TV before = Lane<TV, TO>.Get(c + i, left);
                    Lane<TV, TO>.Put(result + i, TO.Mul(before, Gate(before)), left);
                    break;
                }
            }
        }
    }

    private static TV Gates(in PointwiseOperands o, float* gates, int column, int left)
    {
        TV values = Lane<TV, TO>.Get(gates + column, left);
        return o.Row == null ? values : TO.Add(values, Lane<TV, TO>.Get(o.Row + column, left));
    }

    private static void ReluGradient(in PointwiseOperands o, long from, long to)
    {
        TV scale = TO.Set(o.Scale);
        for (long i = from; i < to; i += TO.Width)
        {
            int left = (int)Math.Min(TO.Width, to - i);
            TV passed = TO.Greater(Lane<TV, TO>.Get(o.B + i, left), TO.Zero);
            TV slope = TO.Select(passed, Lane<TV, TO>.Get(o.A + i, left), TO.Zero);
            Lane<TV, TO>.Put(o.Out + i, TO.Mul(slope, scale), left);
        }
    }

    private static void ResidualRelu(in PointwiseOperands o, long from, long to)
    {
        for (long i = from; i < to; i += 32)
        {
            uint word = 0;
            for (int lane = 0; lane < 32 && i + lane < to; lane += TO.Width)
            {
                int left = (int)Math.Min(TO.Width, to - i - lane);
                TV inner = TO.Max(TO.Zero, Lane<TV, TO>.Get(o.Out + i + lane, left));
                TV passed = TO.Greater(inner, TO.Zero);
                word |= TO.SignBits(passed) << lane;
                TV sum = TO.Add(inner, Lane<TV, TO>.Get(o.A + i + lane, left));
                Lane<TV, TO>.Put(o.Out + i + lane, TO.Max(TO.Zero, sum), left);
            }
            if (o.Bits != null)
                o.Bits[i / 32] = word;
        }
    }

    private static void ResidualReluGradient(in PointwiseOperands o, long from, long to)
    {
        for (long i = from; i < to; i += 32)
        {
            uint word = o.Bits[i / 32];
            for (int lane = 0; lane < 32 && i + lane < to; lane += TO.Width)
            {
                int left = (int)Math.Min(TO.Width, to - i - lane);
                TV passed = TO.Greater(Lane<TV, TO>.Get(o.B + i + lane, left), TO.Zero);
                TV outer = TO.Select(passed, Lane<TV, TO>.Get(o.A + i + lane, left), TO.Zero);
                Lane<TV, TO>.Put(o.A + i + lane, outer, left);
                TV inner = TO.Select(
                    TO.FromBits(word >> lane),
                    TO.Mul(outer, TO.Set(o.Scale)),
                    TO.Zero
                );
                Lane<TV, TO>.Put(o.Out + i + lane, inner, left);
            }
        }
    }
}
