using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

// One row of C at a time, as a step of one sequence has: a matrix and a vector. Nothing of B is read twice, so what counts is that enough
// of it is under way: up to four panels and the narrower last one run side by side, each with two sums of its own. Every sum has the order
// that it has with more rows.
internal unsafe partial struct Tile
{
    /// <summary>The most full panels that run side by side.</summary>
    public const int MostPanels = 4;

    /// <summary>What is read and written beside one another in <see cref="RunRow"/>.</summary>
    public struct RowPlace
    {
        /// <summary>The first full panel; null for none.</summary>
        public float* B;

        /// <summary>Start values of the full panels; null for zeros.</summary>
        public float* Init;

        /// <summary>The result of the full panels.</summary>
        public float* C;

        /// <summary>The last panel, of <see cref="RestWidth"/> columns.</summary>
        public float* Rest;

        /// <summary>Its start values, of its whole width; null for zeros.</summary>
        public float* RestInit;

        /// <summary>Its result, of its whole width.</summary>
        public float* RestC;

        /// <summary>Full panels that run side by side, 0 to <see cref="MostPanels"/>.</summary>
        public int Panels;

        /// <summary>How often so many of them follow each other.</summary>
        public int Groups;

        /// <summary>The last panel's width, padding included; 0 for none.</summary>
        public int RestWidth;

        /// <summary>Floats from one full panel to the next.</summary>
        public nint PanelStride;
    }

    /// <summary>Computes one row.</summary>
    public readonly void RunRow(int lanes, float* a, in RowPlace place)
    {
        switch (lanes)
        {
            case 16:
                RowOf<Vector512<float>, Lanes512, Vector256<float>, Lanes256>(a, place);
                break;
            case 8:
                RowOf<Vector256<float>, Lanes256, Vector128<float>, Lanes128>(a, place);
                break;
            default:
                RowOf<Vector128<float>, Lanes128, Vector128<float>, Lanes128>(a, place);
                break;
        }
    }

    private readonly void RowOf<TV, TO, TN, TM>(float* a, in RowPlace place)
        where TV : struct
        where TO : struct, ILanes<TV>
        where TN : struct
        where TM : struct, ILanes<TN>
    {
        switch (place.Panels)
        {
            case 0:
                RowOf<TV, TO, TN, TM, None>(a, place);
                break;
            case 1:
                RowOf<TV, TO, TN, TM, One>(a, place);
                break;
            case 2:
                RowOf<TV, TO, TN, TM, Two>(a, place);
                break;
            case 3:
                RowOf<TV, TO, TN, TM, Three>(a, place);
                break;
            default:
                RowOf<TV, TO, TN, TM, Four>(a, place);
                break;
        }
    }

    private readonly void RowOf<TV, TO, TN, TM, TPanels>(float* a, in RowPlace place)
        where TV : struct
        where TO : struct, ILanes<TV>
        where TN : struct
        where TM : struct, ILanes<TN>
        where TPanels : struct, INumber
    {
        if (place.RestWidth == 0)
            Row<TV, TO, TN, TM, TPanels, None, None>(this, a, place);
        else if (place.RestWidth == TM.Width)
            Row<TV, TO, TN, TM, TPanels, None, One>(this, a, place);
        else if (place.RestWidth == TO.Width)
            Row<TV, TO, TN, TM, TPanels, One, None>(this, a, place);
        else if (place.RestWidth == TO.Width + TM.Width && TM.Width != TO.Width)
            Row<TV, TO, TN, TM, TPanels, One, One>(this, a, place);
        else
            Row<TV, TO, TN, TM, TPanels, Two, None>(this, a, place);
    }

    // The JIT makes a loop of its own for each number of panels and of the last one's vectors, without branches.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Row<TV, TO, TN, TM, TPanels, TWide, TNarrow>(
        in Tile t,
        float* a,
        in RowPlace at
    )
        where TV : struct
        where TO : struct, ILanes<TV>
        where TN : struct
        where TM : struct, ILanes<TN>
        where TPanels : struct, INumber
        where TWide : struct, INumber
        where TNarrow : struct, INumber
    {
        int narrow = TWide.Value * TO.Width;
        nint width = narrow + TNarrow.Value * TM.Width;
        nint panel = at.PanelStride;
        nint step = t.DepthStride;
        int depth = t.Depth;
        bool relu = t.Relu;
        float* first = at.B;
        float* init = at.Init;
        float* restInit = at.RestInit;
        float* c = at.C;
        float* restC = at.RestC;
        for (int group = at.Groups; group > 0; group--)
        {
            TV x0 = TPanels.Value > 0 && init != null ? TO.Load(init) : TO.Zero;
            TV y0 = TPanels.Value > 0 && init != null ? TO.Load(init + TO.Width) : TO.Zero;
            TV x1 = TPanels.Value > 1 && init != null ? TO.Load(init + 2 * TO.Width) : TO.Zero;
            TV y1 = TPanels.Value > 1 && init != null ? TO.Load(init + 3 * TO.Width) : TO.Zero;
            TV x2 = TPanels.Value > 2 && init != null ? TO.Load(init + 4 * TO.Width) : TO.Zero;
            TV y2 = TPanels.Value > 2 && init != null ? TO.Load(init + 5 * TO.Width) : TO.Zero;
            TV x3 = TPanels.Value > 3 && init != null ? TO.Load(init + 6 * TO.Width) : TO.Zero;
            TV y3 = TPanels.Value > 3 && init != null ? TO.Load(init + 7 * TO.Width) : TO.Zero;
            TV z0 = TWide.Value > 0 && restInit != null ? TO.Load(restInit) : TO.Zero;
            TV z1 = TWide.Value > 1 && restInit != null ? TO.Load(restInit + TO.Width) : TO.Zero;
            TN w = TNarrow.Value > 0 && restInit != null ? TM.Load(restInit + narrow) : TM.Zero;
            float* b = first;
            float* rest = at.Rest;
            float* row = a;
            for (int tap = 0; tap < t.Taps; tap++, row += t.TapStride)
            {
                if (row < t.Ring)
                    row += t.RingSize;
                float* p = row;
                for (int k = 0; k < depth; k++)
                {
                    TV s = TO.Set(*p);
                    if (TPanels.Value > 0)
                    {
                        x0 = TO.Fma(s, TO.Load(b), x0);
                        y0 = TO.Fma(s, TO.Load(b + TO.Width), y0);
                    }
                    if (TPanels.Value > 1)
                    {
                        x1 = TO.Fma(s, TO.Load(b + panel), x1);
                        y1 = TO.Fma(s, TO.Load(b + panel + TO.Width), y1);
                    }
                    if (TPanels.Value > 2)
                    {
                        x2 = TO.Fma(s, TO.Load(b + 2 * panel), x2);
                        y2 = TO.Fma(s, TO.Load(b + 2 * panel + TO.Width), y2);
                    }
                    if (TPanels.Value > 3)
                    {
                        x3 = TO.Fma(s, TO.Load(b + 3 * panel), x3);
                        y3 = TO.Fma(s, TO.Load(b + 3 * panel + TO.Width), y3);
                    }
                    if (TWide.Value > 0)
                        z0 = TO.Fma(s, TO.Load(rest), z0);
                    if (TWide.Value > 1)
                        z1 = TO.Fma(s, TO.Load(rest + TO.Width), z1);
                    if (TNarrow.Value > 0)
                        w = TM.Fma(TM.Set(*p), TM.Load(rest + narrow), w);
                    p += step;
                    b += 2 * TO.Width;
                    rest += width;
                }
            }
            if (TPanels.Value > 0)
            {
                TO.Store(c, relu ? TO.Max(TO.Zero, x0) : x0);
                TO.Store(c + TO.Width, relu ? TO.Max(TO.Zero, y0) : y0);
            }
            if (TPanels.Value > 1)
            {
                TO.Store(c + 2 * TO.Width, relu ? TO.Max(TO.Zero, x1) : x1);
                TO.Store(c + 3 * TO.Width, relu ? TO.Max(TO.Zero, y1) : y1);
            }
            if (TPanels.Value > 2)
            {
                TO.Store(c + 4 * TO.Width, relu ? TO.Max(TO.Zero, x2) : x2);
                TO.Store(c + 5 * TO.Width, relu ? TO.Max(TO.Zero, y2) : y2);
            }
            if (TPanels.Value > 3)
            {
                TO.Store(c + 6 * TO.Width, relu ? TO.Max(TO.Zero, x3) : x3);
                TO.Store(c + 7 * TO.Width, relu ? TO.Max(TO.Zero, y3) : y3);
            }
            if (TWide.Value > 0)
                TO.Store(restC, relu ? TO.Max(TO.Zero, z0) : z0);
            if (TWide.Value > 1)
                TO.Store(restC + TO.Width, relu ? TO.Max(TO.Zero, z1) : z1);
            if (TNarrow.Value > 0)
                TM.Store(restC + narrow, relu ? TM.Max(TM.Zero, w) : w);
            first += TPanels.Value * panel;
            c += TPanels.Value * 2 * TO.Width;
            if (init != null)
                init += TPanels.Value * 2 * TO.Width;
        }
    }

    /// <summary>A number that the JIT knows.</summary>
    private interface INumber
    {
        static abstract int Value { get; }
    }

    private readonly struct None : INumber
    {
        public static int Value => 0;
    }

    private readonly struct One : INumber
    {
        public static int Value => 1;
    }

    private readonly struct Two : INumber
    {
        public static int Value => 2;
    }

    private readonly struct Three : INumber
    {
        public static int Value => 3;
    }

    private readonly struct Four : INumber
    {
        public static int Value => 4;
    }
}
