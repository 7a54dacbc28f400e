namespace Sequor.Layers.Cpu;

/// <summary>Philox with the step as part of the counter.</summary>
internal sealed unsafe class CpuRandom(CpuBackend backend, ulong seed) : RandomStream
{
    private readonly DropoutJob _job = new(backend);

    public override ulong Seed { get; } = seed;

    public override ulong Step { get; set; }

    public override void Advance() => Step++;

    public override void Dropout(
        Tensor input,
        Tensor output,
        float probability,
        int stream,
        long first = 0
    ) => _job.Apply(this, input, output, probability, stream, first);

    public override void Dispose() { }

    private sealed class DropoutJob(CpuBackend backend) : ParallelJob
    {
        private const int Unit = 4;
        private float* _input;
        private float* _output;
        private long _count;
        private long _first;
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
            long first
        )
        {
            _first = first;
            _input = CpuBackend.Pointer(input);
            _output = CpuBackend.Pointer(output);
            _count = output.Count;
            _seed = random.Seed;
            _stream = (random.Step << 16) | (uint)stream;
            // Kept where the draw is not below this.
            _threshold = (uint)(probability * 4294967296.0);
            _scale = 1f / (1f - probability);
            _parts = backend.Parts(_count, 1024);
            backend.Run(this, _parts);
        }

        // A block of the generator gives four draws; the output may begin and end inside one.
        public override void Execute(int part)
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

        private void Put(long i, uint draw)
        {
            if ((ulong)i >= (ulong)_count)
                return;
            float mask = draw < _threshold ? 0f : _scale;
            _output[i] = _input == null ? mask : _input[i] * mask;
        }
    }
}
