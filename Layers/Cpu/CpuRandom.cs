namespace Sequor.Layers.Cpu;

/// <summary>Random numbers by Philox, with the step as part of the counter.</summary>
internal sealed unsafe class CpuRandom(CpuBackend backend, ulong seed) : RandomStream(backend)
{
    private readonly DropoutJob _job = new(backend);

    public override ulong Seed { get; } = seed;

    public override ulong Step { get; set; }

    protected override void AdvanceCore() => Step++;

    protected override void DropoutCore(
        Tensor input,
        Tensor output,
        float probability,
        int stream,
        long first,
        long period
    ) => _job.Apply(this, input, output, probability, stream, first, period);

    public override void Dispose() { }

    private sealed class DropoutJob(CpuBackend backend) : ParallelJob
    {
        private const int Unit = 4;
        private float* _input;
        private float* _output;
        private long _count;
        private long _first;
        private long _period;
        private int _parts;
        private ulong _seed;
        private ulong _stream;
        private uint _threshold;
        private float _scale;

        public void Apply(
            CpuRandom random,
            Tensor input,
            Tensor output,
            float probability,
            int stream,
            long first,
            long period
        )
        {
            (_first, _period) = (first, period);
            _input = CpuBackend.Pointer(input);
            _output = CpuBackend.Pointer(output);
            _count = output.Count;
            _seed = random.Seed;
            _stream = (random.Step << 16) | (uint)stream;
            // A value is kept where its draw is not below the threshold, which is the probability times 2^32.
            _threshold = (uint)(probability * 4294967296.0);
            _scale = 1f / (1f - probability);
            _parts = backend.Parts(_count, 1024);
            backend.Run(this, _parts);
        }

        public override void Execute(int part)
        {
            if (_period > 0)
                Repeat(part);
            else
                Once(part);
        }

        // A block of the generator gives four draws, and the output may begin and end inside a block.
        private void Once(int part)
        {
            long begin = _first / Unit;
            long end = (_first + _count + Unit - 1) / Unit;
            (long from, long to) = CpuBackend.Share(end - begin, part, _parts);
            for (long block = begin + from; block < begin + to; block++)
            {
                (uint a, uint b, uint c, uint d) = Philox.Block(_seed, _stream, (ulong)block);
                long i = block * Unit - _first;
                Put(i, a);
                Put(i + 1, b);
                Put(i + 2, c);
                Put(i + 3, d);
            }
        }

        // Here a period may also begin and end inside a block.
        private void Repeat(int part)
        {
            (long i, long to) = CpuBackend.Share(_count, part, _parts);
            long place = (_first + i) % _period;
            while (i < to)
            {
                (uint a, uint b, uint c, uint d) = Philox.Block(
                    _seed,
                    _stream,
                    (ulong)(place / Unit)
                );
                long lane = place % Unit;
                long taken = Math.Min(Math.Min(Unit - lane, _period - place), to - i);
                for (long k = lane; k < lane + taken; k++, i++)
                    Put(i, k < 2 ? (k < 1 ? a : b) : (k < 3 ? c : d));
                place += taken;
                if (place == _period)
                    place = 0;
            }
        }

        private void Put(long i, uint draw)
        {
            if ((ulong)i >= (ulong)_count)
                return;
            float mask = draw < _threshold ? 0f : _scale;
            _output[i] = _input == null ? mask : _input[i] * mask;
        }
    }
}
