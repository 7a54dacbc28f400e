using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

// Sums over rows, and the losses, which are sums over all values.
internal sealed unsafe partial class CpuBackend
{
    private protected override void ColumnSumCore(Tensor a, Tensor b, Tensor sum) =>
        _reduction.ColumnSum(a, b, sum);

    private protected override void MeanSquaredErrorCore(
        Tensor prediction,
        Tensor target,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => _reduction.MeanSquaredError(prediction, target, mask, gradient, value);

    private protected override void SoftmaxCrossEntropyCore(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => _reduction.SoftmaxCrossEntropy(logits, classes, mask, gradient, value);

    private protected override void BinaryCrossEntropyCore(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => _reduction.BinaryCrossEntropy(logits, targets, mask, gradient, value);

    /// <summary>Sums over rows and over all values. Partial sums are joined in the order of the parts.</summary>
    private sealed partial class ReductionJob(CpuBackend backend) : ParallelJob
    {
        private enum Kind
        {
            Columns,
            SquaredError,
            MaskedSquaredError,
            CrossEntropy,
            BinaryCrossEntropy,
        }

        private readonly double[] _losses = new double[backend.Threads];
        private Kind _kind;
        private float* _a;
        private float* _b;
        private float* _mask;
        private float* _out;
        private float* _partials;
        private long _rows;
        private int _columns;
        private int _parts;
        private float _scale;

        public void ColumnSum(Tensor a, Tensor b, Tensor sum)
        {
            _a = Pointer(a);
            _b = Pointer(b);
            _rows = a.Shape.Rows;
            _columns = a.Shape.Columns;
            _parts = backend.Parts(a.Count);
            _partials = backend._scratch.Take((long)_parts * _columns);
            Run(Kind.Columns);
            float* total = Pointer(sum);
            for (int part = 0; part < _parts; part++)
            {
                for (int c = 0; c < _columns; c++)
                    total[c] += _partials[(long)part * _columns + c];
            }
        }

        public void MeanSquaredError(
            Tensor prediction,
            Tensor target,
            Tensor mask,
            Tensor gradient,
            Tensor value
        )
        {
            if (!mask.IsEmpty)
            {
                RowLoss(Kind.MaskedSquaredError, prediction, target, mask, gradient, value);
                return;
            }
            _a = Pointer(prediction);
            _b = Pointer(target);
            _out = Pointer(gradient);
            _rows = prediction.Count;
            _columns = 1;
            _scale = 2f / _rows;
            _parts = backend.Parts(_rows);
            Run(Kind.SquaredError);
            *Pointer(value) = (float)(Losses() / _rows);
        }

        public void SoftmaxCrossEntropy(
            Tensor logits,
            Tensor classes,
            Tensor mask,
            Tensor gradient,
            Tensor value
        ) => RowLoss(Kind.CrossEntropy, logits, classes, mask, gradient, value);

        public void BinaryCrossEntropy(
            Tensor logits,
            Tensor targets,
            Tensor mask,
            Tensor gradient,
            Tensor value
        ) => RowLoss(Kind.BinaryCrossEntropy, logits, targets, mask, gradient, value);

        private void RowLoss(
            Kind kind,
            Tensor output,
            Tensor targets,
            Tensor mask,
            Tensor gradient,
            Tensor value
        )
        {
            _a = Pointer(output);
            _b = Pointer(targets);
            _mask = Pointer(mask);
            _out = Pointer(gradient);
            _rows = output.Shape.Rows;
            _columns = output.Shape.Columns;
            double weight = _rows;
            if (_mask != null)
            {
                weight = 0;
                for (long i = 0; i < _rows; i++)
                    weight += _mask[i];
            }
            // The squared error is also a mean over columns, and the gradient of a square has a factor of 2.
            bool squared = kind == Kind.MaskedSquaredError;
            double all = squared ? weight * _columns : weight;
            _scale = weight == 0 ? 0f : (float)((squared ? 2 : 1) / all);
            _parts = backend.Parts(output.Count);
            Run(kind);
            *Pointer(value) = weight == 0 ? 0f : (float)(Losses() / all);
        }

        private void Run(Kind kind)
        {
            _kind = kind;
            backend.Run(this, _parts);
        }

        private double Losses()
        {
            double sum = 0;
            for (int part = 0; part < _parts; part++)
                sum += _losses[part];
            return sum;
        }

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
            (long from, long to) = Share(_rows, part, _parts);
            switch (_kind)
            {
                case Kind.Columns:
                    Columns<TV, TO>(from, to, _partials + (long)part * _columns);
                    break;
                case Kind.SquaredError:
                    _losses[part] = SquaredError(from, to);
                    break;
                case Kind.MaskedSquaredError:
                    _losses[part] = MaskedSquaredError(from, to);
                    break;
                case Kind.BinaryCrossEntropy:
                    _losses[part] = BinaryCrossEntropy<TV, TO>(from, to);
                    break;
                default:
                    _losses[part] = CrossEntropy<TV, TO>(from, to);
                    break;
            }
        }

        private void Columns<TV, TO>(long from, long to, float* sums)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int first = 0;
            // Four vectors at a time, since each row that is gone to lies on a page of its own where there are thousands of columns.
            for (; first + 4 * TO.Width <= _columns; first += 4 * TO.Width)
                Columns4<TV, TO>(from, to, first, sums + first);
            for (int c = first; c < _columns; c += TO.Width)
            {
                int left = Math.Min(TO.Width, _columns - c);
                TV sum = TO.Zero;
                for (long r = from; r < to; r++)
                {
                    TV a = Lane<TV, TO>.Get(_a + r * _columns + c, left);
                    sum =
                        _b == null
                            ? TO.Add(sum, a)
                            : TO.Fma(a, Lane<TV, TO>.Get(_b + r * _columns + c, left), sum);
                }
                Lane<TV, TO>.Put(sums + c, sum, left);
            }
        }

        private void Columns4<TV, TO>(long from, long to, int first, float* sums)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            TV s0 = TO.Zero;
            TV s1 = TO.Zero;
            TV s2 = TO.Zero;
            TV s3 = TO.Zero;
            for (long r = from; r < to; r++)
            {
                float* a = _a + r * _columns + first;
                if (_b == null)
                {
                    s0 = TO.Add(s0, TO.Load(a));
                    s1 = TO.Add(s1, TO.Load(a + TO.Width));
                    s2 = TO.Add(s2, TO.Load(a + 2 * TO.Width));
                    s3 = TO.Add(s3, TO.Load(a + 3 * TO.Width));
                    continue;
                }
                float* b = _b + r * _columns + first;
                s0 = TO.Fma(TO.Load(a), TO.Load(b), s0);
                s1 = TO.Fma(TO.Load(a + TO.Width), TO.Load(b + TO.Width), s1);
                s2 = TO.Fma(TO.Load(a + 2 * TO.Width), TO.Load(b + 2 * TO.Width), s2);
                s3 = TO.Fma(TO.Load(a + 3 * TO.Width), TO.Load(b + 3 * TO.Width), s3);
            }
            TO.Store(sums, s0);
            TO.Store(sums + TO.Width, s1);
            TO.Store(sums + 2 * TO.Width, s2);
            TO.Store(sums + 3 * TO.Width, s3);
        }

        private double SquaredError(long from, long to)
        {
            double sum = 0;
            for (long i = from; i < to; i++)
            {
                float difference = _a[i] - _b[i];
                sum += (double)difference * difference;
                if (_out != null)
                    _out[i] = _scale * difference;
            }
            return sum;
        }

        private double MaskedSquaredError(long from, long to)
        {
            double loss = 0;
            for (long r = from; r < to; r++)
            {
                float weight = _mask[r];
                if (ClearedWithout(weight, r))
                    continue;
                float factor = weight * _scale;
                double sum = 0;
                for (long i = r * _columns; i < (r + 1) * _columns; i++)
                {
                    float difference = _a[i] - _b[i];
                    sum += (double)difference * difference;
                    if (_out != null)
                        _out[i] = factor * difference;
                }
                loss += weight * sum;
            }
            return loss;
        }

        // Rows of weight 0 are not read, whatever they hold. Returns true for those, after setting their gradient to zero.
        private bool ClearedWithout(float weight, long row)
        {
            if (weight != 0)
                return false;
            if (_out != null)
                new Span<float>(_out + row * _columns, _columns).Clear();
            return true;
        }

        private double BinaryCrossEntropy<TV, TO>(long from, long to)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            float* lanes = stackalloc float[16];
            TV one = TO.Set(1f);
            double loss = 0;
            for (long r = from; r < to; r++)
            {
                float* row = _a + r * _columns;
                float* targets = _b + r * _columns;
                float* gradient = _out == null ? null : _out + r * _columns;
                float weight = _mask == null ? 1f : _mask[r];
                if (ClearedWithout(weight, r))
                    continue;
                TV factor = TO.Set(weight * _scale);
                TV sums = TO.Zero;
                for (int c = 0; c < _columns; c += TO.Width)
                {
                    int left = _columns - c;
                    TV x = Lane<TV, TO>.Get(row + c, left);
                    TV y = Lane<TV, TO>.Get(targets + c, left);
                    // exp(-|x|) never overflows.
                    TV e = VectorMath<TV, TO>.Exp(TO.Sub(TO.Zero, TO.Abs(x)));
                    // As the second operand of Max, NaN is passed on.
                    TV linear = TO.Sub(TO.Max(TO.Zero, x), TO.Mul(x, y));
                    TV term = TO.Add(linear, VectorMath<TV, TO>.Log1P(e));
                    sums = TO.Add(sums, Lane<TV, TO>.Keep(term, left));
                    if (gradient == null)
                        continue;
                    TV large = TO.Div(one, TO.Add(one, e));
                    TV small = TO.Mul(e, large);
                    TV sigmoid = TO.Select(TO.Greater(x, TO.Zero), large, small);
                    TV slope = TO.Mul(factor, TO.Sub(sigmoid, y));
                    if (left >= TO.Width)
                        TO.Store(gradient + c, slope);
                    else
                        PutRest<TV, TO>(gradient + c, slope, left, lanes);
                }
                loss += weight * (double)TO.Sum(sums);
            }
            return loss;
        }
    }
}
