using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sequor.Layers.Cpu;

// The unrolled inner loops for two vectors of columns. The sums of some rows are held in registers, with one multiply-add for each row,
// vector and element of depth. The methods differ only in their number of rows.
internal unsafe partial struct Tile
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8<T0, O0, T1, O1>(
        in Tile t,
        float* a,
        float* b,
        float* init,
        float* c,
        byte* ahead
    )
        where T0 : struct
        where O0 : struct, ILanes<T0>
        where T1 : struct
        where O1 : struct, ILanes<T1>
    {
        nint row = t.RowStride;
        nint row2 = 2 * row;
        nint row3 = 3 * row;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T1 y0 = init == null ? O1.Zero : O1.Load(init + O0.Width);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T1 y1 = init == null ? O1.Zero : O1.Load(init + t.InitStride + O0.Width);
        T0 x2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride);
        T1 y2 = init == null ? O1.Zero : O1.Load(init + 2 * t.InitStride + O0.Width);
        T0 x3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride);
        T1 y3 = init == null ? O1.Zero : O1.Load(init + 3 * t.InitStride + O0.Width);
        T0 x4 = init == null ? O0.Zero : O0.Load(init + 4 * t.InitStride);
        T1 y4 = init == null ? O1.Zero : O1.Load(init + 4 * t.InitStride + O0.Width);
        T0 x5 = init == null ? O0.Zero : O0.Load(init + 5 * t.InitStride);
        T1 y5 = init == null ? O1.Zero : O1.Load(init + 5 * t.InitStride + O0.Width);
        T0 x6 = init == null ? O0.Zero : O0.Load(init + 6 * t.InitStride);
        T1 y6 = init == null ? O1.Zero : O1.Load(init + 6 * t.InitStride + O0.Width);
        T0 x7 = init == null ? O0.Zero : O0.Load(init + 7 * t.InitStride);
        T1 y7 = init == null ? O1.Zero : O1.Load(init + 7 * t.InitStride + O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        nint aheadStep = t.Ahead == null ? 0 : t.Ahead->Step;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            float* q = a + 2 * row2;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T1 b1 = O1.Load(b + O0.Width);
                T0 s0 = O0.Set(*p);
                x0 = O0.Fma(s0, b0, x0);
                y0 = O1.Fma(Lower<T0, T1>(s0), b1, y0);
                T0 s1 = O0.Set(p[row]);
                x1 = O0.Fma(s1, b0, x1);
                y1 = O1.Fma(Lower<T0, T1>(s1), b1, y1);
                T0 s2 = O0.Set(p[row2]);
                x2 = O0.Fma(s2, b0, x2);
                y2 = O1.Fma(Lower<T0, T1>(s2), b1, y2);
                T0 s3 = O0.Set(p[row3]);
                x3 = O0.Fma(s3, b0, x3);
                y3 = O1.Fma(Lower<T0, T1>(s3), b1, y3);
                T0 s4 = O0.Set(*q);
                x4 = O0.Fma(s4, b0, x4);
                y4 = O1.Fma(Lower<T0, T1>(s4), b1, y4);
                T0 s5 = O0.Set(q[row]);
                x5 = O0.Fma(s5, b0, x5);
                y5 = O1.Fma(Lower<T0, T1>(s5), b1, y5);
                T0 s6 = O0.Set(q[row2]);
                x6 = O0.Fma(s6, b0, x6);
                y6 = O1.Fma(Lower<T0, T1>(s6), b1, y6);
                T0 s7 = O0.Set(q[row3]);
                x7 = O0.Fma(s7, b0, x7);
                y7 = O1.Fma(Lower<T0, T1>(s7), b1, y7);
                if (Sse.IsSupported)
                    Sse.Prefetch1(ahead);
                ahead += aheadStep;
                p += step;
                q += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O1.Store(c + O0.Width, t.Relu ? O1.Max(O1.Zero, y0) : y0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O1.Store(c + t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y1) : y1);
        O0.Store(c + 2 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x2) : x2);
        O1.Store(c + 2 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y2) : y2);
        O0.Store(c + 3 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x3) : x3);
        O1.Store(c + 3 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y3) : y3);
        O0.Store(c + 4 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x4) : x4);
        O1.Store(c + 4 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y4) : y4);
        O0.Store(c + 5 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x5) : x5);
        O1.Store(c + 5 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y5) : y5);
        O0.Store(c + 6 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x6) : x6);
        O1.Store(c + 6 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y6) : y6);
        O0.Store(c + 7 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x7) : x7);
        O1.Store(c + 7 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y7) : y7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows6<T0, O0, T1, O1>(
        in Tile t,
        float* a,
        float* b,
        float* init,
        float* c,
        byte* ahead
    )
        where T0 : struct
        where O0 : struct, ILanes<T0>
        where T1 : struct
        where O1 : struct, ILanes<T1>
    {
        nint row = t.RowStride;
        nint row2 = 2 * row;
        nint row3 = 3 * row;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T1 y0 = init == null ? O1.Zero : O1.Load(init + O0.Width);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T1 y1 = init == null ? O1.Zero : O1.Load(init + t.InitStride + O0.Width);
        T0 x2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride);
        T1 y2 = init == null ? O1.Zero : O1.Load(init + 2 * t.InitStride + O0.Width);
        T0 x3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride);
        T1 y3 = init == null ? O1.Zero : O1.Load(init + 3 * t.InitStride + O0.Width);
        T0 x4 = init == null ? O0.Zero : O0.Load(init + 4 * t.InitStride);
        T1 y4 = init == null ? O1.Zero : O1.Load(init + 4 * t.InitStride + O0.Width);
        T0 x5 = init == null ? O0.Zero : O0.Load(init + 5 * t.InitStride);
        T1 y5 = init == null ? O1.Zero : O1.Load(init + 5 * t.InitStride + O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        nint aheadStep = t.Ahead == null ? 0 : t.Ahead->Step;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            float* q = a + 2 * row2;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T1 b1 = O1.Load(b + O0.Width);
                T0 s0 = O0.Set(*p);
                x0 = O0.Fma(s0, b0, x0);
                y0 = O1.Fma(Lower<T0, T1>(s0), b1, y0);
                T0 s1 = O0.Set(p[row]);
                x1 = O0.Fma(s1, b0, x1);
                y1 = O1.Fma(Lower<T0, T1>(s1), b1, y1);
                T0 s2 = O0.Set(p[row2]);
                x2 = O0.Fma(s2, b0, x2);
                y2 = O1.Fma(Lower<T0, T1>(s2), b1, y2);
                T0 s3 = O0.Set(p[row3]);
                x3 = O0.Fma(s3, b0, x3);
                y3 = O1.Fma(Lower<T0, T1>(s3), b1, y3);
                T0 s4 = O0.Set(*q);
                x4 = O0.Fma(s4, b0, x4);
                y4 = O1.Fma(Lower<T0, T1>(s4), b1, y4);
                T0 s5 = O0.Set(q[row]);
                x5 = O0.Fma(s5, b0, x5);
                y5 = O1.Fma(Lower<T0, T1>(s5), b1, y5);
                if (Sse.IsSupported)
                    Sse.Prefetch1(ahead);
                ahead += aheadStep;
                p += step;
                q += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O1.Store(c + O0.Width, t.Relu ? O1.Max(O1.Zero, y0) : y0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O1.Store(c + t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y1) : y1);
        O0.Store(c + 2 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x2) : x2);
        O1.Store(c + 2 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y2) : y2);
        O0.Store(c + 3 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x3) : x3);
        O1.Store(c + 3 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y3) : y3);
        O0.Store(c + 4 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x4) : x4);
        O1.Store(c + 4 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y4) : y4);
        O0.Store(c + 5 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x5) : x5);
        O1.Store(c + 5 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y5) : y5);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4<T0, O0, T1, O1>(
        in Tile t,
        float* a,
        float* b,
        float* init,
        float* c,
        byte* ahead
    )
        where T0 : struct
        where O0 : struct, ILanes<T0>
        where T1 : struct
        where O1 : struct, ILanes<T1>
    {
        nint row = t.RowStride;
        nint row2 = 2 * row;
        nint row3 = 3 * row;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T1 y0 = init == null ? O1.Zero : O1.Load(init + O0.Width);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T1 y1 = init == null ? O1.Zero : O1.Load(init + t.InitStride + O0.Width);
        T0 x2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride);
        T1 y2 = init == null ? O1.Zero : O1.Load(init + 2 * t.InitStride + O0.Width);
        T0 x3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride);
        T1 y3 = init == null ? O1.Zero : O1.Load(init + 3 * t.InitStride + O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        nint aheadStep = t.Ahead == null ? 0 : t.Ahead->Step;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T1 b1 = O1.Load(b + O0.Width);
                T0 s0 = O0.Set(*p);
                x0 = O0.Fma(s0, b0, x0);
                y0 = O1.Fma(Lower<T0, T1>(s0), b1, y0);
                T0 s1 = O0.Set(p[row]);
                x1 = O0.Fma(s1, b0, x1);
                y1 = O1.Fma(Lower<T0, T1>(s1), b1, y1);
                T0 s2 = O0.Set(p[row2]);
                x2 = O0.Fma(s2, b0, x2);
                y2 = O1.Fma(Lower<T0, T1>(s2), b1, y2);
                T0 s3 = O0.Set(p[row3]);
                x3 = O0.Fma(s3, b0, x3);
                y3 = O1.Fma(Lower<T0, T1>(s3), b1, y3);
                if (Sse.IsSupported)
                    Sse.Prefetch1(ahead);
                ahead += aheadStep;
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O1.Store(c + O0.Width, t.Relu ? O1.Max(O1.Zero, y0) : y0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O1.Store(c + t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y1) : y1);
        O0.Store(c + 2 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x2) : x2);
        O1.Store(c + 2 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y2) : y2);
        O0.Store(c + 3 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x3) : x3);
        O1.Store(c + 3 * t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y3) : y3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2<T0, O0, T1, O1>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
        where T1 : struct
        where O1 : struct, ILanes<T1>
    {
        nint row = t.RowStride;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T1 y0 = init == null ? O1.Zero : O1.Load(init + O0.Width);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T1 y1 = init == null ? O1.Zero : O1.Load(init + t.InitStride + O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T1 b1 = O1.Load(b + O0.Width);
                T0 s0 = O0.Set(*p);
                x0 = O0.Fma(s0, b0, x0);
                y0 = O1.Fma(Lower<T0, T1>(s0), b1, y0);
                T0 s1 = O0.Set(p[row]);
                x1 = O0.Fma(s1, b0, x1);
                y1 = O1.Fma(Lower<T0, T1>(s1), b1, y1);
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O1.Store(c + O0.Width, t.Relu ? O1.Max(O1.Zero, y0) : y0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O1.Store(c + t.OutputStride + O0.Width, t.Relu ? O1.Max(O1.Zero, y1) : y1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1<T0, O0, T1, O1>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
        where T1 : struct
        where O1 : struct, ILanes<T1>
    {
        nint row = t.RowStride;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T1 y0 = init == null ? O1.Zero : O1.Load(init + O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T1 b1 = O1.Load(b + O0.Width);
                T0 s0 = O0.Set(*p);
                x0 = O0.Fma(s0, b0, x0);
                y0 = O1.Fma(Lower<T0, T1>(s0), b1, y0);
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O1.Store(c + O0.Width, t.Relu ? O1.Max(O1.Zero, y0) : y0);
    }

    // A vector's first lanes are in the same register: no instruction, where the same value in a narrower vector would be one more load, or
    // a shuffle, which takes the place of a multiplication.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static T1 Lower<T0, T1>(T0 vector)
        where T0 : struct
        where T1 : struct
    {
        if (typeof(T0) == typeof(Vector512<float>) && typeof(T1) == typeof(Vector256<float>))
            return Unsafe.BitCast<Vector256<float>, T1>(
                Unsafe.BitCast<T0, Vector512<float>>(vector).GetLower()
            );
        if (typeof(T0) == typeof(Vector256<float>) && typeof(T1) == typeof(Vector128<float>))
            return Unsafe.BitCast<Vector128<float>, T1>(
                Unsafe.BitCast<T0, Vector256<float>>(vector).GetLower()
            );
        return Unsafe.BitCast<T0, T1>(vector);
    }
}
