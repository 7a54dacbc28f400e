using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

// Elementwise operations (sums, activations, gates, masks). Threads take runs of values.
internal sealed unsafe partial class CpuBackend
{
    private protected override void PointwiseCore(PointwiseOp op, in PointwiseArguments arguments)
    {
        switch (op)
        {
            case PointwiseOp.Add:
                _pointwise.Apply(ElementOp.Add, arguments);
                break;
            case PointwiseOp.MultiplyAddGelu:
                _pointwise.Apply(ElementOp.MultiplyAddGelu, arguments);
                break;
            case PointwiseOp.MultiplyAddGeluGradient:
                _pointwise.Apply(ElementOp.GeluGradient, arguments);
                ColumnSum(arguments.Out, arguments.C, arguments.Sum);
                break;
            case PointwiseOp.MultiplyAdd:
                _pointwise.Apply(ElementOp.MultiplyAdd, arguments);
                break;
            case PointwiseOp.AddRelu:
                _pointwise.Apply(ElementOp.AddRelu, arguments);
                break;
            case PointwiseOp.ReluGradient:
                _pointwise.Apply(ElementOp.ReluGradient, arguments);
                break;
            case PointwiseOp.GluGradient:
                // Rows and columns are those of what is gated.
                _pointwise.Apply(ElementOp.GluGradient, arguments with { Out = arguments.A });
                break;
            case PointwiseOp.Gelu:
                _pointwise.Apply(ElementOp.Gelu, arguments);
                break;
            case PointwiseOp.GeluGradient:
                _pointwise.Apply(ElementOp.GeluGradient, arguments);
                break;
            case PointwiseOp.AddGlu:
                _pointwise.Apply(ElementOp.AddGlu, arguments);
                break;
            case PointwiseOp.AddGluGradientAndGelu:
                _pointwise.Apply(ElementOp.AddGluGradientAndGelu, arguments);
                ColumnSum(arguments.B, default, arguments.Sum);
                break;
            case PointwiseOp.AddGated:
                _pointwise.Apply(ElementOp.AddGated, arguments);
                break;
            case PointwiseOp.AddGatedGradient:
                _pointwise.Apply(ElementOp.AddGatedGradient, arguments);
                ColumnSum(arguments.B, default, arguments.Sum);
                break;
            default:
                throw new ArgumentOutOfRangeException(
                    nameof(op),
                    op,
                    "There is no such operation."
                );
        }
    }

    /// <summary>Runs an elementwise operation of this backend's convolutions, also on packed rows.</summary>
    /// <param name="op">The operation.</param>
    /// <param name="arguments">The operands.</param>
    /// <param name="bits">One bit for each value, where the operation uses bits.</param>
    /// <param name="scale">The factor of a gradient.</param>
    /// <param name="layout">Where packed rows lie; null where the batch is not packed.</param>
    internal void Elements(
        ElementOp op,
        in PointwiseArguments arguments,
        Tensor bits = default,
        float scale = 1f,
        SequenceLayout? layout = null
    ) => _pointwise.Apply(op, arguments, bits, scale, layout);

    private sealed class PointwiseJob(CpuBackend backend) : ParallelJob
    {
        // Parts begin at multiples of this, which is a multiple of 32, so that no two parts share a word of bits.
        private const int Unit = 1024;

        private ElementOp _op;
        private PointwiseOperands _operands;
        private long _count;
        private int _parts;
        private bool _byRows;

        public void Apply(
            ElementOp op,
            in PointwiseArguments a,
            Tensor bits = default,
            float scale = 1f,
            SequenceLayout? layout = null
        )
        {
            _op = op;
            _operands = new PointwiseOperands
            {
                A = Pointer(a.A),
                B = Pointer(a.B),
                Row = Pointer(a.Row),
                C = Pointer(a.C),
                Bits = (uint*)Pointer(bits),
                Scale = scale,
                Out = Pointer(a.Out),
                Layout = layout,
                // A gate's row has twice as many columns as its output.
                Columns =
                    a.Row.IsEmpty
                    || layout is not null
                    || op is ElementOp.AddGlu or ElementOp.AddGluGradientAndGelu
                        ? a.Out.Shape.Columns
                        : (int)a.Row.Count,
            };
            long elements = a.Out.Count;
            _byRows =
                op
                    is ElementOp.MultiplyAdd
                        or ElementOp.MultiplyAddGelu
                        or ElementOp.TimesRow
                        or ElementOp.AddGlu
                        or ElementOp.AddGluGradientAndGelu
                        or ElementOp.GluGradient
                        or ElementOp.AddGated
                        or ElementOp.AddGatedGradient;
            _count =
                !_byRows ? elements
                : elements == _operands.Columns ? 1
                : elements / _operands.Columns;
            _parts = backend.Parts(elements);
            backend.Run(this, _parts);
        }

        public override void Execute(int part)
        {
            long from;
            long to;
            if (_byRows)
            {
                (from, to) = Share(_count, part, _parts);
            }
            else
            {
                (from, to) = Share((_count + Unit - 1) / Unit, part, _parts);
                from *= Unit;
                to = Math.Min(to * Unit, _count);
            }
            switch (backend.Lanes)
            {
                case 16:
                    PointwiseKernels<Vector512<float>, Lanes512>.Run(_op, _operands, from, to);
                    break;
                case 8:
                    PointwiseKernels<Vector256<float>, Lanes256>.Run(_op, _operands, from, to);
                    break;
                default:
                    PointwiseKernels<Vector128<float>, Lanes128>.Run(_op, _operands, from, to);
                    break;
            }
        }
    }
}

/// <summary>The pointers and sizes of an elementwise operation.</summary>
internal unsafe struct PointwiseOperands
{
    public float* A;
    public float* B;
    public float* C;
    public float* Row;
    public uint* Bits;
    public float* Out;
    public int Columns;
    public float Scale;
    public SequenceLayout? Layout;
}

/// <summary>
/// The elementwise operations of this backend: those of <see cref="PointwiseOp"/> and those that follow a convolution. The names a, b, c,
/// out and row are those of <see cref="PointwiseArguments"/>.
/// </summary>
internal enum ElementOp
{
    /// <inheritdoc cref="PointwiseOp.Add"/>
    Add,

    /// <inheritdoc cref="PointwiseOp.MultiplyAddGelu"/>
    MultiplyAddGelu,

    /// <inheritdoc cref="PointwiseOp.Gelu"/>
    Gelu,

    /// <summary>out = a * gelu'(b)</summary>
    GeluGradient,

    /// <inheritdoc cref="PointwiseOp.MultiplyAdd"/>
    MultiplyAdd,

    /// <inheritdoc cref="PointwiseOp.AddGlu"/>
    AddGlu,

    /// <summary>b = the gradient of b, in place; out = gelu(c).</summary>
    AddGluGradientAndGelu,

    /// <inheritdoc cref="PointwiseOp.AddRelu"/>
    AddRelu,

    /// <inheritdoc cref="PointwiseOp.GluGradient"/>
    GluGradient,

    /// <inheritdoc cref="PointwiseOp.AddGated"/>
    AddGated,

    /// <summary>b = the gradient of b, in place; out = a * sigmoid(b + row).</summary>
    AddGatedGradient,

    /// <summary>out = a * scale where b &gt; 0, else 0</summary>
    ReluGradient,

    /// <summary>
    /// out = a * row, where the row is repeated over the steps: [B, C] counts as one row of B * C values for each step. Packed, each step
    /// uses as much of the row as it has sequences.
    /// </summary>
    TimesRow,

    /// <summary>out = relu(relu(out) + a). The bits record where the inner ReLU passed its value.</summary>
    ResidualRelu,

    /// <summary>a = a where b &gt; 0 (b being the output), else 0; out = a * scale where the bits are set, else 0.</summary>
    ResidualReluGradient,
}
