namespace Sequor.Layers.Cpu;

/// <summary>
/// The innermost loops of a state space's scan: some steps of as many channels as a vector has lanes. Rows of steps are 32 floats apart.
/// Factors are (Re a, Im a, Re C', Im C') for each state; a state's own numbers are four vectors too.
/// </summary>
internal static unsafe class StateSpaceKernels<TV, TO>
    where TV : struct
    where TO : struct, ILanes<TV>
{
    private const int Row = 32;

    /// <summary>
    /// y += Re sum C' x, x = a x + u. A step of a state waits for two products in turn, so four states run side by side: they have enough
    /// to do in that time. There are six products and sums a state.
    /// </summary>
    public static void Forward(
        float* u,
        float* y,
        int count,
        float* factors,
        float* states,
        int size
    )
    {
        int next = 4 * TO.Width;
        for (int n = 0; n < size; n += 4)
        {
            float* f0 = factors + (long)n * next;
            float* f1 = f0 + next;
            float* f2 = f1 + next;
            float* f3 = f2 + next;
            float* s0 = states + (long)n * next;
            float* s1 = s0 + next;
            float* s2 = s1 + next;
            float* s3 = s2 + next;
            TV re0 = TO.Load(s0);
            TV im0 = TO.Load(s0 + TO.Width);
            TV re1 = TO.Load(s1);
            TV im1 = TO.Load(s1 + TO.Width);
            TV re2 = TO.Load(s2);
            TV im2 = TO.Load(s2 + TO.Width);
            TV re3 = TO.Load(s3);
            TV im3 = TO.Load(s3 + TO.Width);
            float* input = u;
            float* output = y;
            for (int j = 0; j < count; j++, input += Row, output += Row)
            {
                TV now = TO.Load(input);
                TV sum = TO.Load(output);
                Step(f0, now, ref re0, ref im0, ref sum);
                Step(f1, now, ref re1, ref im1, ref sum);
                Step(f2, now, ref re2, ref im2, ref sum);
                Step(f3, now, ref re3, ref im3, ref sum);
                TO.Store(output, sum);
            }
            TO.Store(s0, re0);
            TO.Store(s0 + TO.Width, im0);
            TO.Store(s1, re1);
            TO.Store(s1 + TO.Width, im1);
            TO.Store(s2, re2);
            TO.Store(s2 + TO.Width, im2);
            TO.Store(s3, re3);
            TO.Store(s3 + TO.Width, im3);
        }
    }

    [System.Runtime.CompilerServices.MethodImpl(
        System.Runtime.CompilerServices.MethodImplOptions.AggressiveInlining
    )]
    private static void Step(float* f, TV u, ref TV re, ref TV im, ref TV sum)
    {
        TV real = TO.Load(f);
        TV imaginary = TO.Load(f + TO.Width);
        TV before = re;
        re = TO.Fma(real, re, TO.NegatedFma(imaginary, im, u));
        im = TO.Fma(real, im, TO.Mul(imaginary, before));
        sum = TO.Fma(TO.Load(f + 2 * TO.Width), re, sum);
        sum = TO.NegatedFma(TO.Load(f + 3 * TO.Width), im, sum);
    }

    /// <summary>
    /// Against the recurrence: w = m + conj(a) w, m = dy + conj(a) m; du += Re conj(C') m; sums += (u w, u m). There are fourteen products
    /// and sums a state. The sums of these steps are made apart and then added to those before.
    /// </summary>
    public static void Backward(
        float* dy,
        float* u,
        float* du,
        int count,
        float* factors,
        float* states,
        float* sums,
        int size
    )
    {
        int next = 4 * TO.Width;
        for (int n = 0; n < size; n++, factors += next, states += next, sums += next)
        {
            TV real = TO.Load(factors);
            TV imaginary = TO.Load(factors + TO.Width);
            TV cReal = TO.Load(factors + 2 * TO.Width);
            TV cImaginary = TO.Load(factors + 3 * TO.Width);
            TV mReal = TO.Load(states);
            TV mImaginary = TO.Load(states + TO.Width);
            TV wReal = TO.Load(states + 2 * TO.Width);
            TV wImaginary = TO.Load(states + 3 * TO.Width);
            TV aReal = TO.Zero;
            TV aImaginary = TO.Zero;
            TV outReal = TO.Zero;
            TV outImaginary = TO.Zero;
            for (int j = 0; j < count * Row; j += Row)
            {
                TV before = wReal;
                wReal = TO.Fma(real, wReal, TO.Fma(imaginary, wImaginary, mReal));
                wImaginary = TO.Fma(real, wImaginary, TO.NegatedFma(imaginary, before, mImaginary));
                before = mReal;
                mReal = TO.Fma(real, mReal, TO.Fma(imaginary, mImaginary, TO.Load(dy + j)));
                mImaginary = TO.NegatedFma(imaginary, before, TO.Mul(real, mImaginary));
                TV sum = TO.Fma(cReal, mReal, TO.Load(du + j));
                TO.Store(du + j, TO.Fma(cImaginary, mImaginary, sum));
                TV input = TO.Load(u + j);
                aReal = TO.Fma(input, wReal, aReal);
                aImaginary = TO.Fma(input, wImaginary, aImaginary);
                outReal = TO.Fma(input, mReal, outReal);
                outImaginary = TO.Fma(input, mImaginary, outImaginary);
            }
            TO.Store(states, mReal);
            TO.Store(states + TO.Width, mImaginary);
            TO.Store(states + 2 * TO.Width, wReal);
            TO.Store(states + 3 * TO.Width, wImaginary);
            Add(sums, aReal);
            Add(sums + TO.Width, aImaginary);
            Add(sums + 2 * TO.Width, outReal);
            Add(sums + 3 * TO.Width, outImaginary);
        }
    }

    /// <summary>sums += sum over steps of a b.</summary>
    public static void AddProducts(float* a, float* b, int count, float* sums)
    {
        TV sum = TO.Zero;
        for (int j = 0; j < count * Row; j += Row)
            sum = TO.Fma(TO.Load(a + j), TO.Load(b + j), sum);
        Add(sums, sum);
    }

    private static void Add(float* to, TV value) => TO.Store(to, TO.Add(TO.Load(to), value));
}
