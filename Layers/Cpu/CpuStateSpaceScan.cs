namespace Sequor.Layers.Cpu;

/// <summary>
/// Systems of one input and one output on a CPU. The channels of all sequences lie side by side, [B * H], and vectors run across them. A
/// block of two cache lines of channels is walked through all time in chunks, whose inputs and outputs are gathered in the first-level
/// cache; within a chunk a few states at a time stay in registers from step to step. So u, y and their gradients go through memory once.
/// Threads take blocks. What a block computes depends on its channels alone, and sums over sequences have the order of these, so the bits
/// are the same for any number of threads.
/// </summary>
internal sealed unsafe partial class CpuStateSpaceScan : StateSpaceScanOperation
{
    // Steps of a chunk: of its gathered rows and a group's numbers for 32 states, the first-level cache holds a half.
    private const int Chunk = 64;

    // Channels of a block.
    private const int Width = 32;

    // States are taken four at a time forward and two at a time backward; those that are wanting are zeros.
    private const int StatesEach = 4;

    // Tables and sums have four numbers for each state and channel.
    private const int Numbers = 4;

    private readonly CpuBackend _backend;
    private readonly int _states;
    private readonly int _mostParts;
    private readonly long _tableCount;
    private readonly long _partCount;
    private readonly long _sumCount;

    // Tables of a stream, one a block of its largest batch, which serve all calls with the same weights.
    private readonly long _streamTables;
    private readonly Job _job;

    public CpuStateSpaceScan(CpuBackend backend, in StateSpaceScanDescriptor descriptor)
        : base(backend, descriptor)
    {
        _backend = backend;
        _states = checked(descriptor.StateSize + StatesEach - 1) / StatesEach * StatesEach;
        long blocks = Blocks(checked((long)descriptor.MaxBatch * descriptor.Channels));
        // More parts than threads, so that a thread that is kept waiting leaves less to the others.
        _mostParts = (int)Math.Min(blocks, 2L * backend.Threads);
        long perChannel = checked((long)Numbers * _states);
        // Lengths of spans are ints.
        _ = checked((int)(perChannel * Width + Width));
        // A table of the factors and D; the states; then three gathered tensors.
        _tableCount = checked((perChannel + 1) * Width);
        _partCount = checked(_tableCount + perChannel * Width + 3L * Chunk * Width);
        _streamTables = descriptor.Streaming ? blocks : 0;
        _sumCount = descriptor.Training ? checked(blocks * Width * (perChannel + 1)) : 0;
        _job = new Job(this);
    }

    // What each part works on, and for each channel of each sequence the sums that gradients are made of.
    public override long WorkspaceCount =>
        checked(_mostParts * _partCount + _sumCount + _streamTables * _tableCount);

    // Of a stream as they are computed with, [groups of channels, states, four numbers of a vector's lanes]: to and from pairs would take
    // longer than a step.
    public override Shape CarriedShape =>
        _streamTables == 0
            ? base.CarriedShape
            : new Shape(
                checked((int)(_streamTables * (Width / _backend.Lanes))),
                _states,
                Numbers * _backend.Lanes
            );

    protected override void ForwardCore(in StateSpaceScanOperands operands)
    {
        _job.Set(operands);
        if (_streamTables > 0 && !operands.SameWeights)
        {
            _backend.Preparations++;
            _job.Run(Pass.Prepare);
        }
        _job.Run(Pass.Forward);
    }

    protected override void BackwardCore(
        in StateSpaceScanOperands operands,
        in StateSpaceScanGradients gradients
    )
    {
        _job.Set(operands);
        _job.Set(gradients);
        _job.Run(Pass.Backward);
        _job.Run(Pass.Sum);
    }

    private static long Blocks(long columns) => (columns + Width - 1) / Width;

    private enum Pass
    {
        Prepare,
        Forward,
        Backward,
        Sum,
    }

    private sealed partial class Job : ParallelJob
    {
        private readonly CpuStateSpaceScan _owner;
        private readonly int _channels;
        private readonly int _size;
        private readonly int _states;
        private Pass _pass;
        private SequenceLayout? _layout;
        private float* _u;
        private float* _y;
        private float* _a;
        private float* _c;
        private float* _d;
        private float* _carried;
        private float* _parts;
        private float* _sums;
        private float* _tables;
        private float* _dy;
        private float* _du;
        private float* _da;
        private float* _dc;
        private float* _dd;
        private bool _reverse;
        private bool _adds;
        private int _steps;
        private int _batch;
        private long _columns;
        private long _blocks;
        private int _count;

        public Job(CpuStateSpaceScan owner)
        {
            _owner = owner;
            _channels = owner.Descriptor.Channels;
            _size = owner.Descriptor.StateSize;
            _states = owner._states;
        }

        public void Set(in StateSpaceScanOperands operands)
        {
            _layout = operands.Layout is { IsPacked: true } ? operands.Layout : null;
            _steps = _layout?.Steps ?? operands.U.Shape.First;
            _batch = _layout?.Batch ?? operands.U.Shape[1];
            _u = CpuBackend.Pointer(operands.U);
            _y = CpuBackend.Pointer(operands.Y);
            _a = CpuBackend.Pointer(operands.A);
            _c = CpuBackend.Pointer(operands.C);
            _d = CpuBackend.Pointer(operands.D);
            _carried = CpuBackend.Pointer(operands.Carried);
            _parts = CpuBackend.Pointer(operands.Workspace);
            _sums = _parts + _owner._mostParts * _owner._partCount;
            _tables = _owner._streamTables == 0 ? null : _sums + _owner._sumCount;
            (_reverse, _adds) = (operands.Reverse, operands.Adds);
            _columns = (long)_batch * _channels;
            _blocks = Blocks(_columns);
        }

        public void Set(in StateSpaceScanGradients gradients)
        {
            _dy = CpuBackend.Pointer(gradients.Y);
            _du = CpuBackend.Pointer(gradients.U);
            _da = CpuBackend.Pointer(gradients.A);
            _dc = CpuBackend.Pointer(gradients.C);
            _dd = CpuBackend.Pointer(gradients.D);
        }

        public void Run(Pass pass)
        {
            _pass = pass;
            CpuBackend backend = _owner._backend;
            long units = Units;
            long work = pass == Pass.Sum ? _columns * _states : _columns * _steps * _states;
            int least = backend.Parts(work);
            _count = (int)Math.Min(least > 1 ? _owner._mostParts : 1, units);
            backend.Run(this, _count);
        }

        private long Units =>
            _pass switch
            {
                Pass.Prepare => _owner._streamTables,
                Pass.Sum => _channels,
                _ => _blocks,
            };

        public override void Execute(int part)
        {
            (long first, long end) = CpuBackend.Share(Units, part, _count);
            if (_pass == Pass.Sum)
            {
                Sum((int)first, (int)end);
                return;
            }
            switch (_owner._backend.Lanes)
            {
                case 16:
                    new Walk<System.Runtime.Intrinsics.Vector512<float>, Lanes512>(this, part).Run(
                        first,
                        end
                    );
                    break;
                case 8:
                    new Walk<System.Runtime.Intrinsics.Vector256<float>, Lanes256>(this, part).Run(
                        first,
                        end
                    );
                    break;
                default:
                    new Walk<System.Runtime.Intrinsics.Vector128<float>, Lanes128>(this, part).Run(
                        first,
                        end
                    );
                    break;
            }
        }

        // Joins what the sequences of a channel left, in their order, and multiplies the sums for a by conj(C').
        private void Sum(int first, int end)
        {
            int lanes = _owner._backend.Lanes;
            long perState = (long)Numbers * lanes;
            long group = _states * perState;
            float* skips = _sums + _blocks * Width * Numbers * _states;
            double* sums = stackalloc double[Numbers];
            for (int h = first; h < end; h++)
            {
                for (int n = 0; n < _size; n++)
                {
                    new Span<double>(sums, Numbers).Clear();
                    for (int b = 0; b < _batch; b++)
                    {
                        long column = (long)b * _channels + h;
                        float* from = _sums + column / lanes * group + n * perState;
                        from += column % lanes;
                        for (int k = 0; k < Numbers; k++)
                            sums[k] += from[k * lanes];
                    }
                    long at = 2 * ((long)h * _size + n);
                    (double re, double im) = (_c[at], _c[at + 1]);
                    double dre = re * sums[0] + im * sums[1];
                    double dim = re * sums[1] - im * sums[0];
                    _da[at] = (_adds ? _da[at] : 0f) + (float)dre;
                    _da[at + 1] = (_adds ? _da[at + 1] : 0f) + (float)dim;
                    _dc[at] = (float)sums[2];
                    _dc[at + 1] = (float)sums[3];
                }
                if (_dd == null)
                    continue;
                double skip = 0;
                for (int b = 0; b < _batch; b++)
                    skip += skips[(long)b * _channels + h];
                _dd[h] += (float)skip;
            }
        }
    }
}
