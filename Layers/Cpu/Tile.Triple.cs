using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

// The unrolled inner loops for 24 columns: three vectors of eight, since a vector of sixteen beside one of eight keeps both multipliers of
// Zen 4 busy only two thirds of the time.
internal unsafe partial struct Tile
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8Triple<T0, O0>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        nint row = t.RowStride;
        nint row2 = 2 * row;
        nint row3 = 3 * row;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T0 y0 = init == null ? O0.Zero : O0.Load(init + O0.Width);
        T0 z0 = init == null ? O0.Zero : O0.Load(init + 2 * O0.Width);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T0 y1 = init == null ? O0.Zero : O0.Load(init + t.InitStride + O0.Width);
        T0 z1 = init == null ? O0.Zero : O0.Load(init + t.InitStride + 2 * O0.Width);
        T0 x2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride);
        T0 y2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride + O0.Width);
        T0 z2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride + 2 * O0.Width);
        T0 x3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride);
        T0 y3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride + O0.Width);
        T0 z3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride + 2 * O0.Width);
        T0 x4 = init == null ? O0.Zero : O0.Load(init + 4 * t.InitStride);
        T0 y4 = init == null ? O0.Zero : O0.Load(init + 4 * t.InitStride + O0.Width);
        T0 z4 = init == null ? O0.Zero : O0.Load(init + 4 * t.InitStride + 2 * O0.Width);
        T0 x5 = init == null ? O0.Zero : O0.Load(init + 5 * t.InitStride);
        T0 y5 = init == null ? O0.Zero : O0.Load(init + 5 * t.InitStride + O0.Width);
        T0 z5 = init == null ? O0.Zero : O0.Load(init + 5 * t.InitStride + 2 * O0.Width);
        T0 x6 = init == null ? O0.Zero : O0.Load(init + 6 * t.InitStride);
        T0 y6 = init == null ? O0.Zero : O0.Load(init + 6 * t.InitStride + O0.Width);
        T0 z6 = init == null ? O0.Zero : O0.Load(init + 6 * t.InitStride + 2 * O0.Width);
        T0 x7 = init == null ? O0.Zero : O0.Load(init + 7 * t.InitStride);
        T0 y7 = init == null ? O0.Zero : O0.Load(init + 7 * t.InitStride + O0.Width);
        T0 z7 = init == null ? O0.Zero : O0.Load(init + 7 * t.InitStride + 2 * O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            float* q = a + 2 * row2;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T0 b1 = O0.Load(b + O0.Width);
                T0 b2 = O0.Load(b + 2 * O0.Width);
                x0 = O0.Fma(O0.Set(*p), b0, x0);
                y0 = O0.Fma(O0.Set(*p), b1, y0);
                z0 = O0.Fma(O0.Set(*p), b2, z0);
                x1 = O0.Fma(O0.Set(p[row]), b0, x1);
                y1 = O0.Fma(O0.Set(p[row]), b1, y1);
                z1 = O0.Fma(O0.Set(p[row]), b2, z1);
                x2 = O0.Fma(O0.Set(p[row2]), b0, x2);
                y2 = O0.Fma(O0.Set(p[row2]), b1, y2);
                z2 = O0.Fma(O0.Set(p[row2]), b2, z2);
                x3 = O0.Fma(O0.Set(p[row3]), b0, x3);
                y3 = O0.Fma(O0.Set(p[row3]), b1, y3);
                z3 = O0.Fma(O0.Set(p[row3]), b2, z3);
                x4 = O0.Fma(O0.Set(*q), b0, x4);
                y4 = O0.Fma(O0.Set(*q), b1, y4);
                z4 = O0.Fma(O0.Set(*q), b2, z4);
                x5 = O0.Fma(O0.Set(q[row]), b0, x5);
                y5 = O0.Fma(O0.Set(q[row]), b1, y5);
                z5 = O0.Fma(O0.Set(q[row]), b2, z5);
                x6 = O0.Fma(O0.Set(q[row2]), b0, x6);
                y6 = O0.Fma(O0.Set(q[row2]), b1, y6);
                z6 = O0.Fma(O0.Set(q[row2]), b2, z6);
                x7 = O0.Fma(O0.Set(q[row3]), b0, x7);
                y7 = O0.Fma(O0.Set(q[row3]), b1, y7);
                z7 = O0.Fma(O0.Set(q[row3]), b2, z7);
                p += step;
                q += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O0.Store(c + O0.Width, t.Relu ? O0.Max(O0.Zero, y0) : y0);
        O0.Store(c + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z0) : z0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O0.Store(c + t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y1) : y1);
        O0.Store(c + t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z1) : z1);
        O0.Store(c + 2 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x2) : x2);
        O0.Store(c + 2 * t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y2) : y2);
        O0.Store(c + 2 * t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z2) : z2);
        O0.Store(c + 3 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x3) : x3);
        O0.Store(c + 3 * t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y3) : y3);
        O0.Store(c + 3 * t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z3) : z3);
        O0.Store(c + 4 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x4) : x4);
        O0.Store(c + 4 * t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y4) : y4);
        O0.Store(c + 4 * t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z4) : z4);
        O0.Store(c + 5 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x5) : x5);
        O0.Store(c + 5 * t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y5) : y5);
        O0.Store(c + 5 * t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z5) : z5);
        O0.Store(c + 6 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x6) : x6);
        O0.Store(c + 6 * t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y6) : y6);
        O0.Store(c + 6 * t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z6) : z6);
        O0.Store(c + 7 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x7) : x7);
        O0.Store(c + 7 * t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y7) : y7);
        O0.Store(c + 7 * t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z7) : z7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4Triple<T0, O0>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        nint row = t.RowStride;
        nint row2 = 2 * row;
        nint row3 = 3 * row;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T0 y0 = init == null ? O0.Zero : O0.Load(init + O0.Width);
        T0 z0 = init == null ? O0.Zero : O0.Load(init + 2 * O0.Width);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T0 y1 = init == null ? O0.Zero : O0.Load(init + t.InitStride + O0.Width);
        T0 z1 = init == null ? O0.Zero : O0.Load(init + t.InitStride + 2 * O0.Width);
        T0 x2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride);
        T0 y2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride + O0.Width);
        T0 z2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride + 2 * O0.Width);
        T0 x3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride);
        T0 y3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride + O0.Width);
        T0 z3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride + 2 * O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T0 b1 = O0.Load(b + O0.Width);
                T0 b2 = O0.Load(b + 2 * O0.Width);
                x0 = O0.Fma(O0.Set(*p), b0, x0);
                y0 = O0.Fma(O0.Set(*p), b1, y0);
                z0 = O0.Fma(O0.Set(*p), b2, z0);
                x1 = O0.Fma(O0.Set(p[row]), b0, x1);
                y1 = O0.Fma(O0.Set(p[row]), b1, y1);
                z1 = O0.Fma(O0.Set(p[row]), b2, z1);
                x2 = O0.Fma(O0.Set(p[row2]), b0, x2);
                y2 = O0.Fma(O0.Set(p[row2]), b1, y2);
                z2 = O0.Fma(O0.Set(p[row2]), b2, z2);
                x3 = O0.Fma(O0.Set(p[row3]), b0, x3);
                y3 = O0.Fma(O0.Set(p[row3]), b1, y3);
                z3 = O0.Fma(O0.Set(p[row3]), b2, z3);
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O0.Store(c + O0.Width, t.Relu ? O0.Max(O0.Zero, y0) : y0);
        O0.Store(c + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z0) : z0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O0.Store(c + t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y1) : y1);
        O0.Store(c + t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z1) : z1);
        O0.Store(c + 2 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x2) : x2);
        O0.Store(c + 2 * t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y2) : y2);
        O0.Store(c + 2 * t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z2) : z2);
        O0.Store(c + 3 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x3) : x3);
        O0.Store(c + 3 * t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y3) : y3);
        O0.Store(c + 3 * t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z3) : z3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2Triple<T0, O0>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        nint row = t.RowStride;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T0 y0 = init == null ? O0.Zero : O0.Load(init + O0.Width);
        T0 z0 = init == null ? O0.Zero : O0.Load(init + 2 * O0.Width);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T0 y1 = init == null ? O0.Zero : O0.Load(init + t.InitStride + O0.Width);
        T0 z1 = init == null ? O0.Zero : O0.Load(init + t.InitStride + 2 * O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T0 b1 = O0.Load(b + O0.Width);
                T0 b2 = O0.Load(b + 2 * O0.Width);
                x0 = O0.Fma(O0.Set(*p), b0, x0);
                y0 = O0.Fma(O0.Set(*p), b1, y0);
                z0 = O0.Fma(O0.Set(*p), b2, z0);
                x1 = O0.Fma(O0.Set(p[row]), b0, x1);
                y1 = O0.Fma(O0.Set(p[row]), b1, y1);
                z1 = O0.Fma(O0.Set(p[row]), b2, z1);
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O0.Store(c + O0.Width, t.Relu ? O0.Max(O0.Zero, y0) : y0);
        O0.Store(c + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z0) : z0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O0.Store(c + t.OutputStride + O0.Width, t.Relu ? O0.Max(O0.Zero, y1) : y1);
        O0.Store(c + t.OutputStride + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z1) : z1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1Triple<T0, O0>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        nint row = t.RowStride;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T0 y0 = init == null ? O0.Zero : O0.Load(init + O0.Width);
        T0 z0 = init == null ? O0.Zero : O0.Load(init + 2 * O0.Width);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                T0 b1 = O0.Load(b + O0.Width);
                T0 b2 = O0.Load(b + 2 * O0.Width);
                x0 = O0.Fma(O0.Set(*p), b0, x0);
                y0 = O0.Fma(O0.Set(*p), b1, y0);
                z0 = O0.Fma(O0.Set(*p), b2, z0);
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O0.Store(c + O0.Width, t.Relu ? O0.Max(O0.Zero, y0) : y0);
        O0.Store(c + 2 * O0.Width, t.Relu ? O0.Max(O0.Zero, z0) : z0);
    }
}
