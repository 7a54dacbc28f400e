using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

// Weight normalisation of convolution filters, and its gradient.
internal sealed unsafe partial class CpuBackend
{
    private protected override void WeightNormCore(
        ReadOnlySpan<WeightNormTensors> filters,
        PreparationTable? table
    )
    {
        foreach (WeightNormTensors filter in filters)
            _weightNorm.Forward(filter);
    }

    // The convolutions of this backend write the gradients of all taps, so the number of steps is not looked at.
    private protected override void WeightNormGradientCore(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients,
        PreparationTable? table
    )
    {
        for (int i = 0; i < filters.Length; i++)
            _weightNorm.Backward(filters[i], gradients[i]);
    }

    /// <summary>
    /// Computes w = g v / |v| for each output. Threads take outputs, so the result does not depend on the number of threads.
    /// </summary>
    private sealed class WeightNormJob(CpuBackend backend) : ParallelJob
    {
        private float* _v;
        private float* _g;
        private float* _norms;
        private float* _w;
        private float* _dw;
        private float* _dv;
        private float* _dg;
        private int _rows;
        private int _size;
        private int _parts;

        public void Forward(in WeightNormTensors filter)
        {
            _w = Pointer(filter.W);
            _dw = null;
            Run(filter.V, filter.G, filter.Norms);
        }

        public void Backward(in WeightNormTensors filter, in WeightNormGradients gradients)
        {
            _dw = Pointer(gradients.W);
            _dv = Pointer(gradients.V);
            _dg = Pointer(gradients.G);
            Run(filter.V, filter.G, filter.Norms);
        }

        private void Run(Tensor v, Tensor g, Tensor norms)
        {
            _v = Pointer(v);
            _g = Pointer(g);
            _norms = Pointer(norms);
            _rows = v.Shape.First;
            _size = checked((int)(v.Count / _rows));
            _parts = Math.Min(_rows, backend.Parts(v.Count, 1 << 14));
            backend.Run(this, _parts);
        }

        public override void Execute(int part)
        {
            (long from, long to) = Share(_rows, part, _parts);
            for (long row = from; row < to; row++)
            {
                switch (backend.Lanes)
                {
                    case 16:
                        Row<Vector512<float>, Lanes512>(row);
                        break;
                    case 8:
                        Row<Vector256<float>, Lanes256>(row);
                        break;
                    default:
                        Row<Vector128<float>, Lanes128>(row);
                        break;
                }
            }
        }

        private void Row<TV, TO>(long row)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            float* v = _v + row * _size;
            if (_dw == null)
            {
                float length = MathF.Sqrt(Dot<TV, TO>(v, v));
                _norms[row] = length;
                TV factor = TO.Set(_g[row] / length);
                float* w = _w + row * _size;
                for (int i = 0; i < _size; i += TO.Width)
                {
                    int left = _size - i;
                    Lane<TV, TO>.Put(w + i, TO.Mul(factor, Lane<TV, TO>.Get(v + i, left)), left);
                }
                return;
            }
            float* dw = _dw + row * _size;
            float* dv = _dv + row * _size;
            double norm = _norms[row];
            double along = Dot<TV, TO>(dw, v);
            _dg[row] += (float)(along / norm);
            TV scale = TO.Set((float)(_g[row] / norm));
            TV back = TO.Set((float)(-along / (norm * norm)));
            for (int i = 0; i < _size; i += TO.Width)
            {
                int left = _size - i;
                TV across = TO.Fma(
                    back,
                    Lane<TV, TO>.Get(v + i, left),
                    Lane<TV, TO>.Get(dw + i, left)
                );
                Lane<TV, TO>.Put(
                    dv + i,
                    TO.Fma(scale, across, Lane<TV, TO>.Get(dv + i, left)),
                    left
                );
            }
        }

        // Four sums run side by side, since a single one would wait for each addition.
        private float Dot<TV, TO>(float* a, float* b)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            (TV s0, TV s1, TV s2, TV s3) = (TO.Zero, TO.Zero, TO.Zero, TO.Zero);
            int i = 0;
            for (; i + 4 * TO.Width <= _size; i += 4 * TO.Width)
            {
                s0 = TO.Fma(TO.Load(a + i), TO.Load(b + i), s0);
                s1 = TO.Fma(TO.Load(a + i + TO.Width), TO.Load(b + i + TO.Width), s1);
                s2 = TO.Fma(TO.Load(a + i + 2 * TO.Width), TO.Load(b + i + 2 * TO.Width), s2);
                s3 = TO.Fma(TO.Load(a + i + 3 * TO.Width), TO.Load(b + i + 3 * TO.Width), s3);
            }
            for (; i < _size; i += TO.Width)
            {
                int left = _size - i;
                s0 = TO.Fma(Lane<TV, TO>.Get(a + i, left), Lane<TV, TO>.Get(b + i, left), s0);
            }
            return TO.Sum(TO.Add(TO.Add(s0, s1), TO.Add(s2, s3)));
        }
    }
}
