using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

internal sealed unsafe partial class CpuBackend
{
    internal override void Pointwise(PointwiseOp op, in PointwiseArguments arguments) =>
        _pointwise.Apply(op, arguments);

    private sealed class PointwiseJob(CpuBackend backend) : ParallelJob
    {
        // A multiple of 32: parts never share a word of bits.
        private const int Unit = 1024;

        private PointwiseOp _op;
        private PointwiseOperands _operands;
        private long _count;
        private int _parts;
        private bool _byRows;

        public void Apply(PointwiseOp op, in PointwiseArguments a)
        {
            _op = op;
            _operands = new PointwiseOperands
            {
                A = Pointer(a.A),
                B = Pointer(a.B),
                Row = Pointer(a.Row),
                Bits = (uint*)Pointer(a.Bits),
                Out = Pointer(a.Out),
                Layout = a.Layout,
                // In place on b: there its columns are twice those that count.
                Columns =
                    op is PointwiseOp.GluGradient ? a.A.Shape.Columns
                    : a.Row.IsEmpty || a.Layout is not null ? a.Out.Shape.Columns
                    : (int)a.Row.Count,
            };
            long elements = op is PointwiseOp.GluGradient ? a.A.Count : a.Out.Count;
            _byRows =
                op
                    is PointwiseOp.AddTimesRow
                        or PointwiseOp.TimesRow
                        or PointwiseOp.Glu
                        or PointwiseOp.GluGradient;
            _count = _byRows ? elements / _operands.Columns : elements;
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

/// <summary>Pointers of an elementwise operation.</summary>
internal unsafe struct PointwiseOperands
{
    public float* A;
    public float* B;
    public float* Row;
    public uint* Bits;
    public float* Out;
    public int Columns;
    public SequenceLayout? Layout;
}
