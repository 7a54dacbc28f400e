using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

// The unrolled inner loops for as many columns as one vector has lanes.
internal unsafe partial struct Tile
{
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows8Single<T0, O0>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        nint row = t.RowStride;
        nint row2 = 2 * row;
        nint row3 = 3 * row;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T0 x2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride);
        T0 x3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride);
        T0 x4 = init == null ? O0.Zero : O0.Load(init + 4 * t.InitStride);
        T0 x5 = init == null ? O0.Zero : O0.Load(init + 5 * t.InitStride);
        T0 x6 = init == null ? O0.Zero : O0.Load(init + 6 * t.InitStride);
        T0 x7 = init == null ? O0.Zero : O0.Load(init + 7 * t.InitStride);
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
                x0 = O0.Fma(O0.Set(*p), b0, x0);
                x1 = O0.Fma(O0.Set(p[row]), b0, x1);
                x2 = O0.Fma(O0.Set(p[row2]), b0, x2);
                x3 = O0.Fma(O0.Set(p[row3]), b0, x3);
                x4 = O0.Fma(O0.Set(*q), b0, x4);
                x5 = O0.Fma(O0.Set(q[row]), b0, x5);
                x6 = O0.Fma(O0.Set(q[row2]), b0, x6);
                x7 = O0.Fma(O0.Set(q[row3]), b0, x7);
                p += step;
                q += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O0.Store(c + 2 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x2) : x2);
        O0.Store(c + 3 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x3) : x3);
        O0.Store(c + 4 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x4) : x4);
        O0.Store(c + 5 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x5) : x5);
        O0.Store(c + 6 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x6) : x6);
        O0.Store(c + 7 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x7) : x7);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows4Single<T0, O0>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        nint row = t.RowStride;
        nint row2 = 2 * row;
        nint row3 = 3 * row;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        T0 x2 = init == null ? O0.Zero : O0.Load(init + 2 * t.InitStride);
        T0 x3 = init == null ? O0.Zero : O0.Load(init + 3 * t.InitStride);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                x0 = O0.Fma(O0.Set(*p), b0, x0);
                x1 = O0.Fma(O0.Set(p[row]), b0, x1);
                x2 = O0.Fma(O0.Set(p[row2]), b0, x2);
                x3 = O0.Fma(O0.Set(p[row3]), b0, x3);
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
        O0.Store(c + 2 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x2) : x2);
        O0.Store(c + 3 * t.OutputStride, t.Relu ? O0.Max(O0.Zero, x3) : x3);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows2Single<T0, O0>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        nint row = t.RowStride;
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        T0 x1 = init == null ? O0.Zero : O0.Load(init + t.InitStride);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                x0 = O0.Fma(O0.Set(*p), b0, x0);
                x1 = O0.Fma(O0.Set(p[row]), b0, x1);
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
        O0.Store(c + t.OutputStride, t.Relu ? O0.Max(O0.Zero, x1) : x1);
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Rows1Single<T0, O0>(in Tile t, float* a, float* b, float* init, float* c)
        where T0 : struct
        where O0 : struct, ILanes<T0>
    {
        T0 x0 = init == null ? O0.Zero : O0.Load(init);
        nint step = t.DepthStride;
        nint panel = t.PanelStride;
        int depth = t.Depth;
        for (int tap = 0; tap < t.Taps; tap++, a += t.TapStride)
        {
            float* p = a;
            for (int k = 0; k < depth; k++)
            {
                T0 b0 = O0.Load(b);
                x0 = O0.Fma(O0.Set(*p), b0, x0);
                p += step;
                b += panel;
            }
        }
        O0.Store(c, t.Relu ? O0.Max(O0.Zero, x0) : x0);
    }
}
