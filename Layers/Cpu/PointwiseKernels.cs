using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

/// <summary>The elementwise operations over a range of elements.</summary>
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
    public static TV Gate(TV x)
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
                RowKernels<TV, TO>.Run(op, o, from, to);
                break;
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
