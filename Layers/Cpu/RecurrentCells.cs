using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

/// <summary>One step of a slice of rows: pointers to its gates, cells and outputs, and to their gradients.</summary>
internal unsafe struct CellRows
{
    public RecurrentKind Kind;
    public int Hidden;

    /// <summary>The first unit that is computed, and the one behind the last.</summary>
    public int From;
    public int To;
    public int Rows;
    public int GateStride;
    public int OutputStride;
    public int PreviousOutputStride;
    public float* Gates;
    public float* Cell;
    public float* PreviousCell;
    public float* Output;
    public float* PreviousOutput;
    public float* OutputGradient;
    public float* Carry;
    public float* CellCarry;
    public float* GateGradients;
    public int GateGradientStride;

    /// <summary>Backward, for an LSTM with a projection: writes the output before the projection again, which was not kept.</summary>
    public bool WritesOutput;

    /// <summary>The bounds to which a cell state is clipped where it is read.</summary>
    public CellClip? Clip;
}

/// <summary>The elementwise part of the recurrences. It turns the gates' sums into activations in place.</summary>
internal static unsafe class RecurrentCells<TV, TO>
    where TV : struct
    where TO : struct, ILanes<TV>
{
    private const float LeastNormal = 1.17549435e-38f;

    private static TV One => TO.Set(1f);

    private interface IActivation
    {
        static abstract TV Of(TV a);
    }

    private readonly struct Sigmoid : IActivation
    {
        public static TV Of(TV a) => VectorMath<TV, TO>.Sigmoid(a);
    }

    private readonly struct Tanh : IActivation
    {
        public static TV Of(TV a) => VectorMath<TV, TO>.Tanh(a);
    }

    private readonly struct Relu : IActivation
    {
        public static TV Of(TV a) => TO.Max(TO.Zero, a);
    }

    public static void Forward(in CellRows c)
    {
        for (int row = 0; row < c.Rows; row++)
        {
            float* y = c.Output + (nint)row * c.OutputStride + c.From;
            switch (c.Kind)
            {
                case RecurrentKind.Lstm:
                    ForwardLstm(c, row);
                    break;
                case RecurrentKind.Gru:
                    ForwardGru(c, row);
                    break;
                case RecurrentKind.Tanh:
                    Activate<Tanh>(y, c.To - c.From);
                    break;
                case RecurrentKind.Relu:
                    Activate<Relu>(y, c.To - c.From);
                    break;
                // Of the linear recurrence the sum is the output.
            }
        }
    }

    // One activation a loop: with all those of a cell in one, the JIT calls functions instead of inlining them.
    private static void Activate<TActivation>(float* values, int count)
        where TActivation : struct, IActivation
    {
        int i = 0;
        for (; i + TO.Width <= count; i += TO.Width)
            TO.Store(values + i, TActivation.Of(TO.Load(values + i)));
        if (i < count)
            TO.StorePartial(
                values + i,
                TActivation.Of(TO.LoadPartial(values + i, count - i)),
                count - i
            );
    }

    // The same units of two gates, h values apart; all units of both lie side by side.
    private static void ActivatePair<TActivation>(float* values, int h, int units)
        where TActivation : struct, IActivation
    {
        if (units == h)
        {
            Activate<TActivation>(values, 2 * h);
            return;
        }
        Activate<TActivation>(values, units);
        Activate<TActivation>(values + h, units);
    }

    public static void Backward(in CellRows c)
    {
        switch (c.Kind)
        {
            case RecurrentKind.Lstm:
                Backward<Lstm>(c);
                break;
            case RecurrentKind.Gru:
                Backward<Gru>(c);
                break;
            case RecurrentKind.Linear:
                Backward<LinearUnit>(c);
                break;
            case RecurrentKind.Tanh:
                Backward<TanhUnit>(c);
                break;
            default:
                Backward<ReluUnit>(c);
                break;
        }
    }

    // Whole vectors first, for which the JIT leaves out what a row's end needs.
    private static void Backward<TCell>(in CellRows c)
        where TCell : struct, ICell
    {
        for (int row = 0; row < c.Rows; row++)
        {
            int i = c.From;
            for (; i + TO.Width <= c.To; i += TO.Width)
                Backward<TCell>(c, row, i, TO.Width);
            if (i < c.To)
                Backward<TCell>(c, row, i, c.To - i);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void Backward<TCell>(in CellRows c, int row, int i, int left)
        where TCell : struct, ICell
    {
        TV dh = Lane<TV, TO>.Get(c.Carry + (nint)row * c.Hidden + i, left);
        if (c.OutputGradient != null)
        {
            float* dy = c.OutputGradient + (nint)row * c.OutputStride + i;
            dh = TO.Add(dh, Lane<TV, TO>.Get(dy, left));
        }
        TCell.Backward(c, row, i, left, dh, c.GateGradients + (nint)row * c.GateGradientStride + i);
    }

    private interface ICell
    {
        // The gradients of a vector of units' gates, given that of their output; left is the number of units to go.
        static abstract void Backward(in CellRows c, int row, int i, int left, TV dh, float* dg);
    }

    private readonly struct Lstm : ICell
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(in CellRows c, int row, int i, int left, TV dh, float* dg) =>
            BackwardLstm(c, row, i, left, dh, dg);
    }

    private readonly struct Gru : ICell
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(in CellRows c, int row, int i, int left, TV dh, float* dg) =>
            BackwardGru(c, row, i, left, dh, dg);
    }

    private readonly struct LinearUnit : ICell
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(in CellRows c, int row, int i, int left, TV dh, float* dg) =>
            Lane<TV, TO>.Put(dg, dh, left);
    }

    private readonly struct TanhUnit : ICell
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(in CellRows c, int row, int i, int left, TV dh, float* dg)
        {
            TV y = Lane<TV, TO>.Get(c.Gates + (nint)row * c.GateStride + i, left);
            Lane<TV, TO>.Put(dg, TO.Mul(dh, Fnma(y, y, One)), left);
        }
    }

    private readonly struct ReluUnit : ICell
    {
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public static void Backward(in CellRows c, int row, int i, int left, TV dh, float* dg)
        {
            TV y = Lane<TV, TO>.Get(c.Gates + (nint)row * c.GateStride + i, left);
            Lane<TV, TO>.Put(dg, TO.Select(TO.Greater(y, TO.Zero), dh, TO.Zero), left);
        }
    }

    private static void ForwardLstm(in CellRows c, int row)
    {
        int h = c.Hidden;
        int units = c.To - c.From;
        float* g = c.Gates + (nint)row * c.GateStride + c.From;
        ActivatePair<Sigmoid>(g, h, units);
        Activate<Tanh>(g + 2 * h, units);
        Activate<Sigmoid>(g + 3 * h, units);
        float* cells = c.Cell + (nint)row * h + c.From;
        float* before = c.PreviousCell == null ? null : c.PreviousCell + (nint)row * h + c.From;
        float* y = c.Output + (nint)row * c.OutputStride + c.From;
        int i = 0;
        for (; i + TO.Width <= units; i += TO.Width)
            ForwardLstm(c, g, before, cells, y, i, TO.Width);
        if (i < units)
            ForwardLstm(c, g, before, cells, y, i, units - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ForwardLstm(
        in CellRows c,
        float* g,
        float* before,
        float* cells,
        float* y,
        int i,
        int left
    )
    {
        int h = c.Hidden;
        TV previous = before == null ? TO.Zero : Lane<TV, TO>.Get(before + i, left);
        TV cell = TO.Fma(
            Lane<TV, TO>.Get(g + h + i, left),
            Clipped(previous, c),
            TO.Mul(Lane<TV, TO>.Get(g + i, left), Lane<TV, TO>.Get(g + 2 * h + i, left))
        );
        Lane<TV, TO>.Put(cells + i, cell, left);
        TV squashed = VectorMath<TV, TO>.Tanh(Clipped(cell, c));
        Lane<TV, TO>.Put(y + i, TO.Mul(Lane<TV, TO>.Get(g + 3 * h + i, left), squashed), left);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void BackwardLstm(in CellRows c, int row, int i, int left, TV dh, float* dg)
    {
        int h = c.Hidden;
        float* g = c.Gates + (nint)row * c.GateStride + i;
        nint at = (nint)row * h + i;
        TV input = Lane<TV, TO>.Get(g, left);
        TV forget = Lane<TV, TO>.Get(g + h, left);
        TV candidate = Lane<TV, TO>.Get(g + 2 * h, left);
        TV output = Lane<TV, TO>.Get(g + 3 * h, left);
        TV previous =
            c.PreviousCell == null ? TO.Zero : Lane<TV, TO>.Get(c.PreviousCell + at, left);
        TV cell = Lane<TV, TO>.Get(c.Cell + at, left);
        float* y = c.Output + (nint)row * c.OutputStride + i;
        // The squashed cell is the output by its gate, where that was kept, at half of what a tanh costs. A gate below the least normal float
        // may be 0 where the caller's thread flushes such numbers; so little depends on the quotient there that any finite one will do. NaN, as
        // the second operand, is passed on.
        TV squashed = c.WritesOutput
            ? VectorMath<TV, TO>.Tanh(Clipped(cell, c))
            : TO.Div(Lane<TV, TO>.Get(y, left), TO.Max(TO.Set(LeastNormal), output));
        TV dc = TO.Fma(
            TO.Mul(dh, output),
            Unclipped(Fnma(squashed, squashed, One), cell, c),
            Lane<TV, TO>.Get(c.CellCarry + at, left)
        );
        Lane<TV, TO>.Put(dg, TO.Mul(TO.Mul(dc, candidate), SigmoidSlope(input)), left);
        Lane<TV, TO>.Put(
            dg + h,
            TO.Mul(TO.Mul(dc, Clipped(previous, c)), SigmoidSlope(forget)),
            left
        );
        Lane<TV, TO>.Put(
            dg + 2 * h,
            TO.Mul(TO.Mul(dc, input), Fnma(candidate, candidate, One)),
            left
        );
        Lane<TV, TO>.Put(dg + 3 * h, TO.Mul(TO.Mul(dh, squashed), SigmoidSlope(output)), left);
        Lane<TV, TO>.Put(c.CellCarry + at, Unclipped(TO.Mul(dc, forget), previous, c), left);
        if (c.WritesOutput)
            Lane<TV, TO>.Put(y, TO.Mul(output, squashed), left);
    }

    // The cell state as it is read. NaN is passed on, as with cuDNN's CUDNN_PROPAGATE_NAN.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Clipped(TV cell, in CellRows c)
    {
        if (c.Clip is not { } clip)
            return cell;
        TV least = TO.Set(clip.Min);
        TV most = TO.Set(clip.Max);
        cell = TO.Select(TO.Greater(least, cell), least, cell);
        return TO.Select(TO.Greater(cell, most), most, cell);
    }

    // The gradient of a cell state, given that of the clipped state that was read.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Unclipped(TV gradient, TV cell, in CellRows c)
    {
        if (c.Clip is not { } clip)
            return gradient;
        gradient = TO.Select(TO.Greater(TO.Set(clip.Min), cell), TO.Zero, gradient);
        return TO.Select(TO.Greater(cell, TO.Set(clip.Max)), TO.Zero, gradient);
    }

    // The gates are n, r, z and W_hn h + b_hn.
    private static void ForwardGru(in CellRows c, int row)
    {
        int h = c.Hidden;
        int units = c.To - c.From;
        float* g = c.Gates + (nint)row * c.GateStride + c.From;
        ActivatePair<Sigmoid>(g + h, h, units);
        float* before =
            c.PreviousOutput == null
                ? null
                : c.PreviousOutput + (nint)row * c.PreviousOutputStride + c.From;
        float* y = c.Output + (nint)row * c.OutputStride + c.From;
        int i = 0;
        for (; i + TO.Width <= units; i += TO.Width)
            ForwardGru(g, h, before, y, i, TO.Width);
        if (i < units)
            ForwardGru(g, h, before, y, i, units - i);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void ForwardGru(float* g, int h, float* before, float* y, int i, int left)
    {
        TV candidate = VectorMath<TV, TO>.Tanh(
            TO.Fma(
                Lane<TV, TO>.Get(g + h + i, left),
                Lane<TV, TO>.Get(g + 3 * h + i, left),
                Lane<TV, TO>.Get(g + i, left)
            )
        );
        Lane<TV, TO>.Put(g + i, candidate, left);
        TV previous = before == null ? TO.Zero : Lane<TV, TO>.Get(before + i, left);
        Lane<TV, TO>.Put(
            y + i,
            TO.Fma(Lane<TV, TO>.Get(g + 2 * h + i, left), TO.Sub(previous, candidate), candidate),
            left
        );
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static void BackwardGru(in CellRows c, int row, int i, int left, TV dh, float* dg)
    {
        int h = c.Hidden;
        float* g = c.Gates + (nint)row * c.GateStride + i;
        nint at = (nint)row * h + i;
        TV candidate = Lane<TV, TO>.Get(g, left);
        TV reset = Lane<TV, TO>.Get(g + h, left);
        TV update = Lane<TV, TO>.Get(g + 2 * h, left);
        TV previous =
            c.PreviousOutput == null
                ? TO.Zero
                : Lane<TV, TO>.Get(c.PreviousOutput + (nint)row * c.PreviousOutputStride + i, left);
        TV dn = TO.Mul(TO.Mul(dh, TO.Sub(One, update)), Fnma(candidate, candidate, One));
        TV dz = TO.Mul(TO.Mul(dh, TO.Sub(previous, candidate)), SigmoidSlope(update));
        TV dr = TO.Mul(TO.Mul(dn, Lane<TV, TO>.Get(g + 3 * h, left)), SigmoidSlope(reset));
        Lane<TV, TO>.Put(dg, dn, left);
        Lane<TV, TO>.Put(dg + h, dr, left);
        Lane<TV, TO>.Put(dg + 2 * h, dz, left);
        Lane<TV, TO>.Put(dg + 3 * h, TO.Mul(dn, reset), left);
        Lane<TV, TO>.Put(c.Carry + at, TO.Mul(dh, update), left);
    }

    // c - a b
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV Fnma(TV a, TV b, TV c) => TO.NegatedFma(a, b, c);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static TV SigmoidSlope(TV s) => Fnma(s, s, s);
}
