using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// The scan x_t = lambda x_{t-1} + u_t, with all channels of all sequences of a step side by side. Vectors run across channels and time is
/// the outermost loop, so each step's row goes through the cache once. For each complex element, forward reads u and writes x, 16 bytes;
/// backward reads dx and x and writes du, 24 bytes. Threads take blocks of channels.
/// </summary>
internal sealed unsafe partial class CpuDiagonalScan : DiagonalScanOperation
{
    // The floats of channels that a thread takes at a time; four such rows stay in the first-level cache.
    private const int Block = 1024;

    private readonly CpuBackend _backend;
    private readonly DiagonalScanDescriptor _d;
    private readonly Job _job;
    private readonly long _width;

    public CpuDiagonalScan(CpuBackend backend, in DiagonalScanDescriptor descriptor)
        : base(backend)
    {
        _backend = backend;
        _d = descriptor;
        _width = checked((2L * _d.StateSize * _d.MaxBatch + 15) / 16 * 16);
        _job = new Job(this);
    }

    // Five rows: lambda spread over the channels of a step (the real part twice; the imaginary part with both signs), two sums for dlambda,
    // and the gradient of the step after a range.
    public override long WorkspaceCount => checked(5 * _width);

    public override long LambdaGradientCount => 2L * _d.StateSize;

    public override Tensor LambdaGradient(Tensor dlambda) =>
        dlambda.View(new Shape(1, 2 * _d.StateSize));

    protected override void ForwardCore(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        in ScanRange range,
        Tensor workspace,
        bool sameLambda,
        StepResets? resets
    )
    {
        _job.Set(states, layout, range, workspace, resets);
        // A reverse pass begins at the end.
        bool begins = range.Reverse ? range.End == _job.Steps : range.First == _d.FirstStep;
        // What later calls rely on is there for any batch: that of a stream may change with its state.
        if (begins && !sameLambda)
            Spread(lambda, workspace, _d.Carries ? _d.MaxBatch : _job.Batch);
        _job.Forward();
    }

    protected override void BackwardCore(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        Tensor gradient,
        in ScanRange range,
        Tensor dlambda,
        bool adds,
        Tensor workspace,
        StepResets? resets
    )
    {
        _job.Set(states, layout, range, workspace, resets);
        float* same = CpuBackend.Pointer(workspace) + 2 * _width;
        float* crossed = same + _width;
        bool begins = range.Reverse ? range.First == 0 : range.End == _job.Steps;
        bool ends = range.Reverse ? range.End == _job.Steps : range.First == _d.FirstStep;
        if (begins)
        {
            Spread(lambda, workspace, _job.Batch);
            new Span<float>(same, checked((int)(3 * _width))).Clear();
        }
        _job.Backward(gradient);
        if (!ends)
            return;
        // The gradient of channel i sums s conj(x) over all sequences. The lanes of the two sums hold the four products it is made of.
        int n = _d.StateSize;
        for (int i = 0; i < n; i++)
        {
            double re = 0;
            double im = 0;
            for (int b = 0; b < _job.Batch; b++)
            {
                long at = 2L * ((long)b * n + i);
                re += (double)same[at] + same[at + 1];
                im += (double)crossed[at] - crossed[at + 1];
            }
            float* slope = CpuBackend.Pointer(dlambda) + 2 * i;
            slope[0] = (adds ? slope[0] : 0f) + (float)re;
            slope[1] = (adds ? slope[1] : 0f) + (float)im;
        }
    }

    private void Spread(Tensor lambda, Tensor workspace, int batch)
    {
        _backend.Preparations++;
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

    private sealed partial class Job(CpuDiagonalScan owner) : ParallelJob
    {
        private float* _states;
        private float* _gradient;
        private float* _real;
        private SequenceLayout? _layout;
        private ScanRange _range;
        private long _channels;
        private long _row;
        private long _block;

        public int Steps { get; private set; }
        public int Batch { get; private set; }

        public void Set(
            Tensor states,
            SequenceLayout? layout,
            in ScanRange range,
            Tensor workspace,
            StepResets? resets
        )
        {
            SetMarks(resets);
            _layout = layout is { IsPacked: true } ? layout : null;
            Steps = _layout?.Steps ?? states.Shape.First;
            Batch = _layout?.Batch ?? states.Shape[1];
            _states = CpuBackend.Pointer(states);
            _real = CpuBackend.Pointer(workspace);
            _range = range;
            _channels = states.Shape.Columns;
            _row = Batch * _channels;
        }

        public void Forward()
        {
            _gradient = null;
            Run();
        }

        public void Backward(Tensor gradient)
        {
            _gradient = CpuBackend.Pointer(gradient);
            Run();
        }

        private void Run()
        {
            int parts = owner._backend.Parts(_range.Count * _row);
            if (parts == 1 && _row <= Block)
            {
                _block = _row;
                owner._backend.Run(this, 1);
                return;
            }
            // Threads get equal blocks of whole vectors, as long as a block stays in the cache.
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

        // How many values of a block of channels exist at both steps; longer sequences come first.
        private int Both(int step, int other, long from, int count)
        {
            int sequences = Math.Min(Active(step), Active(other));
            return (int)Math.Clamp(sequences * _channels - from, 0, count);
        }

        private int Active(int step)
        {
            if (_layout is not null)
                return _layout.Active(step);
            return (uint)step < (uint)Steps ? Batch : 0;
        }

        // The distance of a step's row from the first step's, in floats.
        private long Offset(int step) =>
            _layout is null ? step * _row : _layout.Row(step) * _channels;

        private void Execute<TV, TO>(long from, int count)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            // Forward follows the direction of the recurrence, backward runs against it.
            bool ascending = _range.Reverse == (_gradient != null);
            int step = ascending ? _range.First : _range.End - 1;
            int next = ascending ? 1 : -1;
            int last = step;
            for (int i = 0; i < _range.Count; i++, step += next)
            {
                if (_gradient == null)
                    Forward<TV, TO>(step, step - next, from, count);
                else
                    Backward<TV, TO>(step, i == 0 ? -1 : step - next, step + next, from, count);
                last = step;
            }
            if (_gradient == null)
                return;
            int left = Both(last, last, from, count);
            float* carry = _real + 4 * owner._width + from;
            new ReadOnlySpan<float>(Gradient(last) + from, left).CopyTo(
                new Span<float>(carry, left)
            );
        }

        private float* Gradient(int step) => _gradient + Offset(step) - Offset(_range.First);

        private void Forward<TV, TO>(int step, int before, long from, int count)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            count = Both(step, before, from, count);
            if (_marks != null)
                ForwardUncut<TV, TO>(step, before, from, count);
            else if (count > 0)
                Forward<TV, TO>(step, before, from, 0, count);
        }

        // The values from i to end of a block.
        private void Forward<TV, TO>(int step, int before, long from, int i, int end)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            float* x = _states + Offset(step) + from;
            float* previous = _states + Offset(before) + from;
            float* real = _real + from;
            float* imaginary = real + owner._width;
            for (; i + TO.Width <= end; i += TO.Width)
            {
                TV p = TO.Load(previous + i);
                TV sum = TO.Fma(p, TO.Load(real + i), TO.Load(x + i));
                TO.Store(x + i, TO.Fma(TO.SwapPairs(p), TO.Load(imaginary + i), sum));
            }
            if (i < end)
            {
                int left = end - i;
                TV p = TO.LoadPartial(previous + i, left);
                TV sum = TO.Fma(p, TO.LoadPartial(real + i, left), TO.LoadPartial(x + i, left));
                sum = TO.Fma(TO.SwapPairs(p), TO.LoadPartial(imaginary + i, left), sum);
                TO.StorePartial(x + i, sum, left);
            }
        }

        // s_t = dx_t + conj(lambda) s_after; dlambda += s_t conj(x_before). For a range's first step, s_after comes from the carry.
        private void Backward<TV, TO>(int step, int after, int before, long from, int count)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int neighbour = _range.Reverse ? step - 1 : step + 1;
            int follows = Both(step, neighbour, from, count);
            int precedes = Both(step, before, from, count);
            float* s = Gradient(step) + from;
            float* next = after < 0 ? _real + 4 * owner._width + from : Gradient(after) + from;
            float* x = precedes == 0 ? null : _states + Offset(before) + from;
            if (_marks != null)
            {
                BackwardUncut<TV, TO>(step, neighbour, before, s, next, x, from, follows, precedes);
                return;
            }
            int both = Math.Min(follows, precedes);
            Backward<TV, TO>(s, next, x, from, 0, both);
            if (follows > both)
                Backward<TV, TO>(s, next, null, from, both, follows);
            else if (precedes > both)
                Backward<TV, TO>(s, null, x, from, both, precedes);
        }

        private void Backward<TV, TO>(float* s, float* next, float* x, long from, int i, int end)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            float* real = _real + from;
            float* imaginary = real + owner._width;
            float* same = imaginary + owner._width;
            float* crossed = same + owner._width;
            for (; i < end; i += TO.Width)
            {
                int left = end - i;
                TV now = Lane<TV, TO>.Get(s + i, left);
                if (next != null)
                {
                    TV after = Lane<TV, TO>.Get(next + i, left);
                    now = TO.Fma(after, Lane<TV, TO>.Get(real + i, left), now);
                    now = TO.Fma(
                        TO.SwapPairs(TO.Sub(TO.Zero, after)),
                        Lane<TV, TO>.Get(imaginary + i, left),
                        now
                    );
                    Lane<TV, TO>.Put(s + i, now, left);
                }
                if (x == null)
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
