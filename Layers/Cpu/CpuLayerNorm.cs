using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

/// <summary>Layer normalisation, with the rows split over threads. Each part has its own sums for weight and bias.</summary>
internal sealed unsafe class CpuLayerNorm : LayerNormOperation
{
    private readonly CpuBackend _backend;
    private readonly LayerNormDescriptor _d;
    private readonly Job _job;

    public CpuLayerNorm(CpuBackend backend, in LayerNormDescriptor descriptor)
        : base(backend)
    {
        _backend = backend;
        _d = descriptor;
        _job = new Job(this);
    }

    public override long WorkspaceCount => 2L * _d.Size * _backend.Threads;

    protected override void ForwardCore(
        Tensor x,
        Tensor weight,
        Tensor bias,
        Tensor y,
        Tensor statistics,
        bool reuse
    )
    {
        _job.Set(x, weight, statistics);
        _job.Bias = CpuBackend.Pointer(bias);
        _job.Y = CpuBackend.Pointer(y);
        _job.Reuse = reuse;
        _job.Start(false);
    }

    protected override void BackwardCore(
        Tensor x,
        Tensor weight,
        Tensor statistics,
        Tensor dy,
        Tensor dx,
        bool accumulate,
        Tensor dweight,
        Tensor dbias,
        Tensor workspace,
        Tensor skip,
        Tensor factor
    )
    {
        if (!skip.IsEmpty)
            _backend.MultiplyAdd(skip, factor, dy);
        _job.Set(x, weight, statistics);
        _job.Y = CpuBackend.Pointer(dy);
        _job.Dx = CpuBackend.Pointer(dx);
        _job.Accumulate = accumulate;
        _job.Sums = CpuBackend.Pointer(workspace);
        int parts = _job.Start(true);
        for (int part = 0; part < parts; part++)
        {
            float* sums = _job.Sums + 2L * part * _d.Size;
            for (int c = 0; c < _d.Size; c++)
            {
                CpuBackend.Pointer(dweight)[c] += sums[c];
                CpuBackend.Pointer(dbias)[c] += sums[_d.Size + c];
            }
        }
    }

    private sealed class Job(CpuLayerNorm owner) : ParallelJob
    {
        public float* Bias;
        public float* Y;
        public float* Dx;
        public float* Sums;
        public bool Reuse;
        public bool Accumulate;
        private float* _x;
        private float* _weight;
        private float* _statistics;
        private long _rows;
        private bool _backward;
        private int _parts;

        public void Set(Tensor x, Tensor weight, Tensor statistics)
        {
            _x = CpuBackend.Pointer(x);
            _weight = CpuBackend.Pointer(weight);
            _statistics = CpuBackend.Pointer(statistics);
            _rows = x.Shape.Rows;
        }

        public int Start(bool backward)
        {
            _backward = backward;
            _parts = owner._backend.Parts(_rows * owner._d.Size);
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
            int size = owner._d.Size;
            (long from, long to) = CpuBackend.Share(_rows, part, _parts);
            float* sums = Sums + 2L * part * size;
            if (_backward)
                new Span<float>(sums, 2 * size).Clear();
            for (long row = from; row < to; row++)
            {
                float* x = _x + row * size;
                float* statistics = _statistics + 2 * row;
                if (_backward)
                {
                    Backward<TV, TO>(x, Y + row * size, Dx + row * size, statistics, sums);
                    continue;
                }
                if (!Reuse)
                    Measure<TV, TO>(x, statistics);
                Normalise<TV, TO>(x, Y + row * size, statistics);
            }
        }

        private void Measure<TV, TO>(float* x, float* statistics)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int size = owner._d.Size;
            TV sum = TO.Zero;
            for (int i = 0; i < size; i += TO.Width)
                sum = TO.Add(sum, Lane<TV, TO>.Get(x + i, size - i));
            float mean = TO.Sum(sum) / size;
            TV squares = TO.Zero;
            TV center = TO.Set(mean);
            for (int i = 0; i < size; i += TO.Width)
            {
                TV off = TO.Sub(Lane<TV, TO>.Get(x + i, size - i), center);
                off = Lane<TV, TO>.Keep(off, size - i);
                squares = TO.Fma(off, off, squares);
            }
            statistics[0] = mean;
            statistics[1] = 1f / MathF.Sqrt(TO.Sum(squares) / size + owner._d.Epsilon);
        }

        private void Normalise<TV, TO>(float* x, float* y, float* statistics)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int size = owner._d.Size;
            TV mean = TO.Set(statistics[0]);
            TV scale = TO.Set(statistics[1]);
            for (int i = 0; i < size; i += TO.Width)
            {
                int left = size - i;
                TV unit = TO.Mul(TO.Sub(Lane<TV, TO>.Get(x + i, left), mean), scale);
                TV value = TO.Fma(
                    unit,
                    Lane<TV, TO>.Get(_weight + i, left),
                    Lane<TV, TO>.Get(Bias + i, left)
                );
                Lane<TV, TO>.Put(y + i, value, left);
            }
        }

        private void Backward<TV, TO>(
            float* x,
            float* dy,
            float* dx,
            float* statistics,
            float* sums
        )
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int size = owner._d.Size;
            TV mean = TO.Set(statistics[0]);
            TV scale = TO.Set(statistics[1]);
            TV first = TO.Zero;
            TV second = TO.Zero;
            for (int i = 0; i < size; i += TO.Width)
            {
                int left = size - i;
                TV g = Lane<TV, TO>.Get(dy + i, left);
                TV unit = TO.Mul(TO.Sub(Lane<TV, TO>.Get(x + i, left), mean), scale);
                TV weighted = TO.Mul(g, Lane<TV, TO>.Get(_weight + i, left));
                first = TO.Add(first, weighted);
                second = TO.Fma(weighted, unit, second);
                Lane<TV, TO>.Put(sums + i, TO.Fma(g, unit, Lane<TV, TO>.Get(sums + i, left)), left);
                Lane<TV, TO>.Put(
                    sums + size + i,
                    TO.Add(g, Lane<TV, TO>.Get(sums + size + i, left)),
                    left
                );
            }
            TV average = TO.Set(TO.Sum(first) / size);
            TV along = TO.Set(TO.Sum(second) / size);
            for (int i = 0; i < size; i += TO.Width)
            {
                int left = size - i;
                TV unit = TO.Mul(TO.Sub(Lane<TV, TO>.Get(x + i, left), mean), scale);
                TV weighted = TO.Mul(
                    Lane<TV, TO>.Get(dy + i, left),
                    Lane<TV, TO>.Get(_weight + i, left)
                );
                TV slope = TO.Mul(scale, TO.Sub(TO.Sub(weighted, average), TO.Mul(unit, along)));
                if (Accumulate)
                    slope = TO.Add(slope, Lane<TV, TO>.Get(dx + i, left));
                Lane<TV, TO>.Put(dx + i, slope, left);
            }
        }
    }
}
