using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// Batch normalisation, with the rows split over threads. Statistics and sums are computed in single precision for a few rows at a time,
/// while these are in the cache, and joined in double precision: block after block, then part after part.
/// </summary>
internal sealed unsafe class CpuBatchNorm : BatchNormOperation
{
    // So few rows that a sum of them in single precision loses next to nothing.
    private const int BlockRows = 64;

    private readonly CpuBackend _backend;
    private readonly BatchNormDescriptor _d;
    private readonly Job _job;

    public CpuBatchNorm(CpuBackend backend, in BatchNormDescriptor descriptor)
        : base(backend)
    {
        _backend = backend;
        _d = descriptor;
        _job = new Job(this);
    }

    // Each part has two rows of doubles and two of floats.
    public override long WorkspaceCount => PartFloats * _backend.Threads;

    private long PartFloats => 6L * _d.Size;

    protected override void MeasureCore(
        Tensor x,
        Tensor statistics,
        Tensor runningMean,
        Tensor runningVariance,
        Tensor workspace
    )
    {
        _job.X = CpuBackend.Pointer(x);
        _job.Workspace = CpuBackend.Pointer(workspace);
        int parts = _job.Start(Kind.Measure, x.Shape.Rows);
        double* means = (double*)_job.Workspace;
        double* squares = means + _d.Size;
        long rows = CpuBackend.Share(x.Shape.Rows, 0, parts).To;
        for (int part = 1; part < parts; part++)
        {
            (long from, long to) = CpuBackend.Share(x.Shape.Rows, part, parts);
            double* others = (double*)(_job.Workspace + part * PartFloats);
            for (int c = 0; c < _d.Size; c++)
                Join(ref means[c], ref squares[c], rows, others[c], others[_d.Size + c], to - from);
            rows += to - from;
        }
        float* mean = CpuBackend.Pointer(statistics);
        for (int c = 0; c < _d.Size; c++)
        {
            mean[c] = (float)means[c];
            mean[_d.Size + c] = Scale(squares[c] / rows);
            Move(
                ref CpuBackend.Pointer(runningMean)[c],
                ref CpuBackend.Pointer(runningVariance)[c],
                means[c],
                rows > 1 ? squares[c] / (rows - 1) : null
            );
        }
    }

    // Joins the mean and the sum of squared deviations of some rows with those of more rows (Chan et al. 1979).
    private static void Join(
        ref double mean,
        ref double squares,
        long rows,
        double otherMean,
        double otherSquares,
        long otherRows
    )
    {
        double off = otherMean - mean;
        double share = (double)otherRows / (rows + otherRows);
        mean += off * share;
        squares += otherSquares + off * off * rows * share;
    }

    private void Move(
        ref float runningMean,
        ref float runningVariance,
        double mean,
        double? variance
    )
    {
        float nextMean = (float)(runningMean + _d.Momentum * (mean - runningMean));
        float nextVariance = variance is { } sample
            ? (float)(runningVariance + _d.Momentum * (sample - runningVariance))
            : runningVariance;
        if (!float.IsFinite(nextMean) || !float.IsFinite(nextVariance))
            return;
        (runningMean, runningVariance) = (nextMean, nextVariance);
    }

    private float Scale(double variance) => (float)(1 / Math.Sqrt(variance + _d.Epsilon));

    protected override void RecallCore(
        Tensor runningMean,
        Tensor runningVariance,
        Tensor statistics
    )
    {
        float* to = CpuBackend.Pointer(statistics);
        for (int c = 0; c < _d.Size; c++)
        {
            to[c] = CpuBackend.Pointer(runningMean)[c];
            to[_d.Size + c] = Scale(CpuBackend.Pointer(runningVariance)[c]);
        }
    }

    protected override void NormaliseCore(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor bias,
        Tensor y
    )
    {
        _job.X = CpuBackend.Pointer(x);
        _job.Statistics = CpuBackend.Pointer(statistics);
        _job.Weight = CpuBackend.Pointer(weight);
        _job.Bias = CpuBackend.Pointer(bias);
        _job.Y = CpuBackend.Pointer(y);
        _job.Start(Kind.Normalise, x.Shape.Rows);
    }

    protected override void SumCore(
        Tensor x,
        Tensor statistics,
        Tensor dy,
        Tensor sums,
        bool accumulate,
        Tensor workspace
    )
    {
        _job.X = CpuBackend.Pointer(x);
        _job.Statistics = CpuBackend.Pointer(statistics);
        _job.Y = CpuBackend.Pointer(dy);
        _job.Workspace = CpuBackend.Pointer(workspace);
        int parts = _job.Start(Kind.Sum, x.Shape.Rows);
        float* to = CpuBackend.Pointer(sums);
        for (int i = 0; i < 2 * _d.Size; i++)
        {
            double sum = accumulate ? to[i] : 0;
            for (int part = 0; part < parts; part++)
                sum += ((double*)(_job.Workspace + part * PartFloats))[i];
            to[i] = (float)sum;
        }
    }

    protected override void BackwardCore(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor dy,
        Tensor sums,
        long rows,
        Tensor dx,
        bool accumulate
    )
    {
        _job.X = CpuBackend.Pointer(x);
        _job.Statistics = CpuBackend.Pointer(statistics);
        _job.Weight = CpuBackend.Pointer(weight);
        _job.Y = CpuBackend.Pointer(dy);
        _job.Sums = CpuBackend.Pointer(sums);
        _job.Dx = CpuBackend.Pointer(dx);
        _job.Accumulate = accumulate;
        _job.OneOverRows = (float)(1.0 / rows);
        _job.Start(Kind.Backward, x.Shape.Rows);
    }

    private enum Kind
    {
        Measure,
        Normalise,
        Sum,
        Backward,
    }

    private sealed class Job(CpuBatchNorm owner) : ParallelJob
    {
        private readonly int _size = owner._d.Size;
        private Kind _kind;
        private long _rows;
        private int _parts;

        public float* X;
        public float* Statistics;
        public float* Weight;
        public float* Bias;
        public float* Y;
        public float* Dx;
        public float* Sums;
        public float* Workspace;
        public float OneOverRows;
        public bool Accumulate;

        public int Start(Kind kind, long rows)
        {
            _kind = kind;
            _rows = rows;
            _parts = (int)Math.Min(owner._backend.Parts(rows * _size), rows);
            owner._backend.Run(this, _parts);
            return _parts;
        }

        public override void Execute(int part)
        {
            switch (owner._backend.Lanes)
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
            (long from, long to) = CpuBackend.Share(_rows, part, _parts);
            if (_kind is Kind.Measure or Kind.Sum)
            {
                float* own = Workspace + part * owner.PartFloats;
                double* totals = (double*)own;
                float* block = own + 4L * _size;
                new Span<double>(totals, 2 * _size).Clear();
                for (long row = from; row < to; row += BlockRows)
                {
                    int count = (int)Math.Min(BlockRows, to - row);
                    if (_kind == Kind.Measure)
                        MeasureBlock<TV, TO>(row, count, row - from, totals);
                    else
                        SumBlock<TV, TO>(row, count, totals, block);
                }
                return;
            }
            for (long row = from; row < to; row++)
            {
                if (_kind == Kind.Normalise)
                    NormaliseRow<TV, TO>(row);
                else
                    BackwardRow<TV, TO>(row);
            }
        }

        // Squares are summed around the mean of the block. The mean's own rounding error is then taken out again.
        private void MeasureBlock<TV, TO>(long first, int count, long before, double* totals)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            float* x = X + first * _size;
            TV share = TO.Set(1f / count);
            float* lanes = stackalloc float[3 * 16];
            for (int c = 0; c < _size; c += TO.Width)
            {
                int left = _size - c;
                TV sum = TO.Zero;
                for (int row = 0; row < count; row++)
                    sum = TO.Add(sum, Lane<TV, TO>.Get(x + (long)row * _size + c, left));
                TV center = TO.Mul(sum, share);
                TV off = TO.Zero;
                TV squares = TO.Zero;
                for (int row = 0; row < count; row++)
                {
                    TV d = TO.Sub(Lane<TV, TO>.Get(x + (long)row * _size + c, left), center);
                    off = TO.Add(off, d);
                    squares = TO.Fma(d, d, squares);
                }
                TO.Store(lanes, center);
                TO.Store(lanes + 16, off);
                TO.Store(lanes + 32, squares);
                for (int i = 0; i < Math.Min(TO.Width, left); i++)
                {
                    double shift = (double)lanes[16 + i] / count;
                    Join(
                        ref totals[c + i],
                        ref totals[_size + c + i],
                        before,
                        lanes[i] + shift,
                        Math.Max(0, lanes[32 + i] - shift * lanes[16 + i]),
                        count
                    );
                }
            }
        }

        private void SumBlock<TV, TO>(long first, int count, double* totals, float* block)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            new Span<float>(block, 2 * _size).Clear();
            for (long row = first; row < first + count; row++)
            {
                float* dy = Y + row * _size;
                for (int c = 0; c < _size; c += TO.Width)
                {
                    int left = _size - c;
                    TV g = Lane<TV, TO>.Get(dy + c, left);
                    TV along = TO.Fma(g, Unit<TV, TO>(row, c), Lane<TV, TO>.Get(block + c, left));
                    Lane<TV, TO>.Put(block + c, along, left);
                    float* sum = block + _size + c;
                    Lane<TV, TO>.Put(sum, TO.Add(g, Lane<TV, TO>.Get(sum, left)), left);
                }
            }
            for (int i = 0; i < 2 * _size; i++)
                totals[i] += block[i];
        }

        private TV Unit<TV, TO>(long row, int c)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int left = _size - c;
            TV off = TO.Sub(
                Lane<TV, TO>.Get(X + row * _size + c, left),
                Lane<TV, TO>.Get(Statistics + c, left)
            );
            return TO.Mul(off, Lane<TV, TO>.Get(Statistics + _size + c, left));
        }

        private void NormaliseRow<TV, TO>(long row)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            for (int c = 0; c < _size; c += TO.Width)
            {
                int left = _size - c;
                TV value = TO.Fma(
                    Unit<TV, TO>(row, c),
                    Lane<TV, TO>.Get(Weight + c, left),
                    Lane<TV, TO>.Get(Bias + c, left)
                );
                Lane<TV, TO>.Put(Y + row * _size + c, value, left);
            }
        }

        private void BackwardRow<TV, TO>(long row)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            TV share = TO.Set(OneOverRows);
            for (int c = 0; c < _size; c += TO.Width)
            {
                int left = _size - c;
                TV along = TO.Mul(share, Lane<TV, TO>.Get(Sums + c, left));
                TV average = TO.Mul(share, Lane<TV, TO>.Get(Sums + _size + c, left));
                TV scale = TO.Mul(
                    Lane<TV, TO>.Get(Weight + c, left),
                    Lane<TV, TO>.Get(Statistics + _size + c, left)
                );
                TV slope = TO.Sub(Lane<TV, TO>.Get(Y + row * _size + c, left), average);
                slope = TO.Sub(slope, TO.Mul(Unit<TV, TO>(row, c), along));
                float* dx = Dx + row * _size + c;
                slope = Accumulate
                    ? TO.Fma(scale, slope, Lane<TV, TO>.Get(dx, left))
                    : TO.Mul(scale, slope);
                Lane<TV, TO>.Put(dx, slope, left);
            }
        }
    }
}
