using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// x_t = lambda x_{t-1} + u_t, all channels of all sequences of a step side by side: vectors across channels, time
/// outermost, so each step's row streams through the cache once. Traffic a complex element: forward reads u and writes x,
/// 16 bytes; backward reads dx and x and writes du, 24. Threads take blocks of channels.
/// </summary>
internal sealed unsafe class CpuDiagonalScan : DiagonalScanOperation
{
    // Floats of channels a thread takes: four such rows stay in the first-level cache.
    private const int Block = 1024;

    private readonly CpuBackend _backend;
    private readonly DiagonalScanDescriptor _d;
    private readonly Job _job;
    private readonly long _width;

    public CpuDiagonalScan(CpuBackend backend, in DiagonalScanDescriptor descriptor)
    {
        _backend = backend;
        _d = descriptor;
        _width = (2L * _d.StateSize * _d.MaxBatch + 15) / 16 * 16;
        _job = new Job(this);
    }

    // lambda spread over the channels of a step (real part twice; imaginary part with both signs), two sums for dlambda,
    // and the gradient of the step after a range.
    public override long WorkspaceCount => 5 * _width;

    public override void Prepare(in LruTensors p, Tensor lambda, Tensor b, Tensor c)
    {
        int n = _d.StateSize;
        int d = _d.ModelSize;
        for (int i = 0; i < n; i++)
        {
            (double re, double im) = Lambda(p, i);
            CpuBackend.Pointer(lambda)[2 * i] = (float)re;
            CpuBackend.Pointer(lambda)[2 * i + 1] = (float)im;
            float gamma = Gamma(p, i);
            float* real = CpuBackend.Pointer(b) + 2L * i * d;
            for (int j = 0; j < d; j++)
            {
                real[j] = gamma * CpuBackend.Pointer(p.BReal)[(long)i * d + j];
                real[d + j] = gamma * CpuBackend.Pointer(p.BImaginary)[(long)i * d + j];
            }
        }
        float* to = CpuBackend.Pointer(c);
        for (long i = 0; i < (long)d * n; i++)
        {
            to[2 * i] = CpuBackend.Pointer(p.CReal)[i];
            to[2 * i + 1] = -CpuBackend.Pointer(p.CImaginary)[i];
        }
    }

    // In double precision: an error in the phase of lambda grows with T.
    private static (double Re, double Im) Lambda(in LruTensors p, int i)
    {
        double radius = Math.Exp(-Math.Exp(CpuBackend.Pointer(p.NuLog)[i]));
        double phase = Math.Exp(CpuBackend.Pointer(p.ThetaLog)[i]);
        return (radius * Math.Cos(phase), radius * Math.Sin(phase));
    }

    private static float Gamma(in LruTensors p, int i) =>
        (float)Math.Exp(CpuBackend.Pointer(p.GammaLog)[i]);

    public override void PrepareGradient(
        in LruTensors p,
        Tensor lambda,
        Tensor dlambda,
        Tensor db,
        Tensor dc,
        in LruTensors gradients
    )
    {
        int n = _d.StateSize;
        int d = _d.ModelSize;
        for (int i = 0; i < n; i++)
        {
            (double re, double im) = Lambda(p, i);
            double dre = CpuBackend.Pointer(dlambda)[2 * i];
            double dim = CpuBackend.Pointer(dlambda)[2 * i + 1];
            double decay = Math.Exp(CpuBackend.Pointer(p.NuLog)[i]);
            double phase = Math.Exp(CpuBackend.Pointer(p.ThetaLog)[i]);
            CpuBackend.Pointer(gradients.NuLog)[i] -= (float)(decay * (dre * re + dim * im));
            CpuBackend.Pointer(gradients.ThetaLog)[i] += (float)(phase * (dim * re - dre * im));
            float gamma = Gamma(p, i);
            float* slope = CpuBackend.Pointer(db) + 2L * i * d;
            float* real = CpuBackend.Pointer(p.BReal) + (long)i * d;
            float* imaginary = CpuBackend.Pointer(p.BImaginary) + (long)i * d;
            double scaled = 0;
            for (int j = 0; j < d; j++)
            {
                CpuBackend.Pointer(gradients.BReal)[(long)i * d + j] += gamma * slope[j];
                CpuBackend.Pointer(gradients.BImaginary)[(long)i * d + j] += gamma * slope[d + j];
                scaled += (double)real[j] * slope[j] + (double)imaginary[j] * slope[d + j];
            }
            CpuBackend.Pointer(gradients.GammaLog)[i] += (float)(gamma * scaled);
        }
        float* from = CpuBackend.Pointer(dc);
        for (long i = 0; i < (long)d * n; i++)
        {
            CpuBackend.Pointer(gradients.CReal)[i] += from[2 * i];
            CpuBackend.Pointer(gradients.CImaginary)[i] -= from[2 * i + 1];
        }
    }

    public override void Forward(
        Tensor lambda,
        Tensor states,
        int first,
        int count,
        Tensor workspace
    )
    {
        // A pass begins at step 0, or at step 1 where step 0 is what a stream carries on.
        if (first <= 1)
            Spread(lambda, workspace, states.Shape[1]);
        _job.Start(states, default, first, count, workspace);
    }

    public override void Backward(
        Tensor lambda,
        Tensor states,
        Tensor gradient,
        int first,
        Tensor dlambda,
        Tensor workspace
    )
    {
        int batch = states.Shape[1];
        int count = gradient.Shape.First;
        float* same = CpuBackend.Pointer(workspace) + 2 * _width;
        float* crossed = same + _width;
        if (first + count == states.Shape.First)
        {
            Spread(lambda, workspace, batch);
            new Span<float>(same, checked((int)(3 * _width))).Clear();
        }
        _job.Start(states, gradient, first, count, workspace);
        if (first > 0)
            return;
        // Channel i of every sequence: s conj(x) summed, of which the lanes hold the products.
        int n = _d.StateSize;
        for (int i = 0; i < n; i++)
        {
            double re = 0;
            double im = 0;
            for (int b = 0; b < batch; b++)
            {
                long at = 2L * ((long)b * n + i);
                re += (double)same[at] + same[at + 1];
                im += (double)crossed[at] - crossed[at + 1];
            }
            CpuBackend.Pointer(dlambda)[2 * i] = (float)re;
            CpuBackend.Pointer(dlambda)[2 * i + 1] = (float)im;
        }
    }

    private void Spread(Tensor lambda, Tensor workspace, int batch)
    {
        float* real = CpuBackend.Pointer(workspace);
        float* imaginary = real + _width;
        float* from = CpuBackend.Pointer(lambda);
        long at = 0;
        for (int b = 0; b < batch; b++)
        {
            for (int i = 0; i < _d.StateSize; i++, at += 2)
            {
                real[at] = from[2 * i];
                real[at + 1] = from[2 * i];
                imaginary[at] = -from[2 * i + 1];
                imaginary[at + 1] = from[2 * i + 1];
            }
        }
    }

    private sealed class Job(CpuDiagonalScan owner) : ParallelJob
    {
        private float* _states;
        private float* _gradient;
        private float* _real;
        private long _first;
        private long _count;
        private long _row;
        private long _block;

        public void Start(Tensor states, Tensor gradient, int first, int count, Tensor workspace)
        {
            _states = CpuBackend.Pointer(states);
            _gradient = CpuBackend.Pointer(gradient);
            _real = CpuBackend.Pointer(workspace);
            _first = first;
            _count = count;
            _row = (long)states.Shape[1] * states.Shape[2];
            int parts = owner._backend.Parts(count * _row);
            // Even blocks for the threads, in whole vectors, as long as they stay in the cache.
            _block = Math.Min(Block, ((_row + parts - 1) / parts + 15) / 16 * 16);
            _block = Math.Max(_block, (_row / WorkerPool.MostParts + 16) / 16 * 16);
            owner._backend.Run(this, (int)((_row + _block - 1) / _block));
        }

        public override void Execute(int part)
        {
            long from = part * _block;
            int count = (int)Math.Min(_block, _row - from);
            switch (owner._backend.Lanes)
            {
                case 16:
                    Execute<Vector512<float>, Lanes512>(from, count);
                    break;
                case 8:
                    Execute<Vector256<float>, Lanes256>(from, count);
                    break;
                default:
                    Execute<Vector128<float>, Lanes128>(from, count);
                    break;
            }
        }

        private void Execute<TV, TO>(long from, int count)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            if (_gradient == null)
            {
                for (long t = Math.Max(_first, 1); t < _first + _count; t++)
                    Forward<TV, TO>(_states + t * _row + from, from, count);
                return;
            }
            for (long t = _count - 1; t >= 0; t--)
                Backward<TV, TO>(t, from, count);
        }

        private void Forward<TV, TO>(float* x, long from, int count)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            float* previous = x - _row;
            float* real = _real + from;
            float* imaginary = real + owner._width;
            int i = 0;
            for (; i + TO.Width <= count; i += TO.Width)
            {
                TV p = TO.Load(previous + i);
                TV sum = TO.Fma(p, TO.Load(real + i), TO.Load(x + i));
                TO.Store(x + i, TO.Fma(TO.SwapPairs(p), TO.Load(imaginary + i), sum));
            }
            if (i < count)
            {
                int left = count - i;
                TV p = TO.LoadPartial(previous + i, left);
                TV sum = TO.Fma(p, TO.LoadPartial(real + i, left), TO.LoadPartial(x + i, left));
                sum = TO.Fma(TO.SwapPairs(p), TO.LoadPartial(imaginary + i, left), sum);
                TO.StorePartial(x + i, sum, left);
            }
        }

        // s_t = dx_t + conj(lambda) s_{t+1}; dlambda += s_t conj(x_{t-1}). Before the first call s_T is zero.
        private void Backward<TV, TO>(long t, long from, int count)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            float* s = _gradient + t * _row + from;
            float* x = _states + (_first + t - 1) * _row + from;
            float* real = _real + from;
            float* imaginary = real + owner._width;
            float* same = imaginary + owner._width;
            float* crossed = same + owner._width;
            float* carry = crossed + owner._width;
            float* after = t < _count - 1 ? s + _row : carry;
            bool begin = _first + t == 0;
            for (int i = 0; i < count; i += TO.Width)
            {
                int left = count - i;
                TV next = Lane<TV, TO>.Get(after + i, left);
                TV now = TO.Fma(
                    next,
                    Lane<TV, TO>.Get(real + i, left),
                    Lane<TV, TO>.Get(s + i, left)
                );
                now = TO.Fma(
                    TO.SwapPairs(TO.Sub(TO.Zero, next)),
                    Lane<TV, TO>.Get(imaginary + i, left),
                    now
                );
                Lane<TV, TO>.Put(s + i, now, left);
                if (t == 0)
                    Lane<TV, TO>.Put(carry + i, now, left);
                if (begin)
                    continue;
                TV state = Lane<TV, TO>.Get(x + i, left);
                TV swapped = TO.SwapPairs(now);
                Lane<TV, TO>.Put(
                    same + i,
                    TO.Fma(now, state, Lane<TV, TO>.Get(same + i, left)),
                    left
                );
                Lane<TV, TO>.Put(
                    crossed + i,
                    TO.Fma(swapped, state, Lane<TV, TO>.Get(crossed + i, left)),
                    left
                );
            }
        }
    }
}
