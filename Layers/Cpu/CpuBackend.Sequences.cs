using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

// Sequences of different lengths: packs and unpacks their rows, and takes their means over time and their last steps.
internal sealed unsafe partial class CpuBackend
{
    private protected override void PackCore(Tensor x, SequenceLayout layout, Tensor packed) =>
        _sequences.Pack(x, layout, packed);

    private protected override void UnpackCore(Tensor packed, SequenceLayout layout, Tensor x) =>
        _sequences.Unpack(packed, layout, x);

    private protected override void MeanOverTimeCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor mean
    ) => _sequences.Mean(x, layout, mean);

    private protected override void MeanOverTimeGradientCore(
        Tensor dmean,
        SequenceLayout? layout,
        Tensor dx
    ) => _sequences.MeanGradient(dmean, layout, dx);

    private protected override void LastStepsCore(Tensor x, SequenceLayout layout, Tensor y)
    {
        for (int b = 0; b < layout.Batch; b++)
            Copy(LastRow(x, layout, b), y.RowRange(layout.Order[b], 1));
    }

    private protected override void LastStepsGradientCore(
        Tensor dy,
        SequenceLayout layout,
        Tensor dx
    )
    {
        Fill(dx, 0f);
        for (int b = 0; b < layout.Batch; b++)
            Copy(dy.RowRange(layout.Order[b], 1), LastRow(dx, layout, b));
    }

    private protected override void FirstStepsCore(Tensor x, SequenceLayout layout, Tensor y)
    {
        for (int b = 0; b < layout.Batch; b++)
            Copy(x.RowRange(b, 1), y.RowRange(layout.Order[b], 1));
    }

    private protected override void FirstStepsGradientCore(
        Tensor dy,
        SequenceLayout layout,
        Tensor dx
    )
    {
        for (int b = 0; b < layout.Batch; b++)
            Copy(dy.RowRange(layout.Order[b], 1), dx.RowRange(b, 1));
    }

    private static Tensor LastRow(Tensor x, SequenceLayout layout, int b) =>
        x.RowRange(layout.Row(layout.Lengths[b] - 1) + b, 1);

    /// <summary>Copies between packed and padded rows, and operations over the steps of each sequence.</summary>
    private sealed class SequenceJob(CpuBackend backend) : ParallelJob
    {
        private enum Kind
        {
            Pack,
            Unpack,
            Mean,
            MeanGradient,
        }

        private Kind _kind;
        private float* _from;
        private float* _to;
        private int _steps;
        private int _batch;
        private int _columns;
        private SequenceLayout? _layout;
        private int _parts;

        public void Pack(Tensor x, SequenceLayout layout, Tensor packed) =>
            Run(Kind.Pack, x, packed, layout, x, layout.Steps);

        public void Unpack(Tensor packed, SequenceLayout layout, Tensor x) =>
            Run(Kind.Unpack, packed, x, layout, x, x.Shape.First);

        public void Mean(Tensor x, SequenceLayout? layout, Tensor mean) =>
            Run(Kind.Mean, x, mean, layout, x, mean.Shape.Rows);

        public void MeanGradient(Tensor dmean, SequenceLayout? layout, Tensor dx) =>
            Run(Kind.MeanGradient, dmean, dx, layout, dx, dmean.Shape.Rows);

        // Copies are split by steps. Means are split by sequences, since a part walks all steps of its sequences.
        private void Run(
            Kind kind,
            Tensor from,
            Tensor to,
            SequenceLayout? layout,
            Tensor large,
            long items
        )
        {
            _kind = kind;
            _from = Pointer(from);
            _to = Pointer(to);
            _layout = layout is { IsPacked: true } ? layout : null;
            _steps = large.Shape.First;
            _batch = large.Shape[1];
            _columns = large.Shape.Columns;
            _items = (int)items;
            _parts = Math.Min(backend.Parts(large.Count), _items);
            backend.Run(this, _parts);
        }

        private int _items;

        public override void Execute(int part)
        {
            switch (backend.Lanes)
            {
                case 16:
                    Execute<Vector512<float>, Lanes512>(part);
                    break;
                case 8:
                    Execute<Vector256<float>, Lanes256>(part);
                    break;
                default:
                    Execute<Vector128<float>, Lanes128>(part);
                    break;
            }
        }

        private void Execute<TV, TO>(int part)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            (long first, long last) = Share(_items, part, _parts);
            for (int i = (int)first; i < last; i++)
            {
                switch (_kind)
                {
                    case Kind.Pack:
                        PackStep(_layout!, i);
                        break;
                    case Kind.Unpack:
                        UnpackStep(_layout!, i);
                        break;
                    case Kind.Mean:
                        Mean<TV, TO>(i);
                        break;
                    default:
                        MeanGradient<TV, TO>(i);
                        break;
                }
            }
        }

        private void PackStep(SequenceLayout layout, int t)
        {
            float* to = _to + (long)layout.Row(t) * _columns;
            int active = layout.Active(t);
            for (int b = 0; b < active; b++)
                Row(_from, t, layout.Order[b])
                    .CopyTo(new Span<float>(to + (long)b * _columns, _columns));
        }

        private void UnpackStep(SequenceLayout layout, int t)
        {
            int active = layout.Active(t);
            for (int b = 0; b < layout.Batch; b++)
            {
                Span<float> row = Row(_to, t, layout.Order[b]);
                if (b >= active)
                    row.Clear();
                else
                    new Span<float>(_from + ((long)layout.Row(t) + b) * _columns, _columns).CopyTo(
                        row
                    );
            }
        }

        private Span<float> Row(float* padded, int t, int b) =>
            new(padded + ((long)t * _batch + b) * _columns, _columns);

        private int Length(int b) => _layout?.Lengths[b] ?? _steps;

        // Where a sequence's row of a step lies, and where its mean lies.
        private float* At(float* rows, int t, int b) =>
            rows + (_layout is null ? (long)t * _batch + b : (long)_layout.Row(t) + b) * _columns;

        private float* Average(float* averages, int b) =>
            averages + (long)(_layout is null ? b : _layout.Order[b]) * _columns;

        private void Mean<TV, TO>(int b)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int length = Length(b);
            float* mean = Average(_to, b);
            TV scale = TO.Set(1f / length);
            for (int c = 0; c < _columns; c += TO.Width)
            {
                int left = _columns - c;
                TV sum = TO.Zero;
                for (int t = 0; t < length; t++)
                    sum = TO.Add(sum, Lane<TV, TO>.Get(At(_from, t, b) + c, left));
                Lane<TV, TO>.Put(mean + c, TO.Mul(sum, scale), left);
            }
        }

        private void MeanGradient<TV, TO>(int b)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int length = Length(b);
            float* dmean = Average(_from, b);
            TV scale = TO.Set(1f / length);
            for (int c = 0; c < _columns; c += TO.Width)
            {
                int left = _columns - c;
                TV gradient = TO.Mul(scale, Lane<TV, TO>.Get(dmean + c, left));
                for (int t = 0; t < length; t++)
                    Lane<TV, TO>.Put(At(_to, t, b) + c, gradient, left);
            }
        }
    }
}
