namespace Sequor.Layers.Cpu;

// Filters, [O, I, k] with the current step last, between the layout of parameters and those that products read and sum into. What lies side
// by side in one is far apart in the other, so a few outputs and inputs are moved at a time with all their taps: what lies in
// a line of the cache is then used while it is in a cache.
internal sealed unsafe partial class CpuConvolution
{
    // So many lines stay in a first-level cache, but where rows of a filter are a multiple of 4 KiB apart: then all of them belong to one set
    // of it, which has 8 or 12 places, and some come from the second-level cache again.
    private const int OutputsAtATime = 16;
    private const int InputsAtATime = 8;

    private enum FilterMove
    {
        PackForward,
        PackBackward,
        Gather,
    }

    /// <summary>Threads take whole panels of outputs.</summary>
    private sealed class FilterJob(CpuConvolution owner) : ParallelJob
    {
        private readonly int _inputs = owner._d.InputSize;
        private readonly int _outputs = owner._d.OutputSize;
        private readonly int _kernel = owner._d.Kernel;
        private readonly int _lanes = owner._backend.Lanes;

        // From one output to the next in a filter.
        private readonly nint _stride = (nint)owner._d.InputSize * owner._d.Kernel;
        private FilterMove _move;
        private Packed _packed;
        private float* _filter;
        private float* _sums;
        private float* _bias;
        private int _sumParts;
        private int _parts;

        /// <summary>Lays a filter out for the product with the input: depth runs over taps, from the current step's back in time, and inputs.</summary>
        public void PackForward(float* filter, in Packed packed)
        {
            _filter = filter;
            _packed = packed;
            Start(FilterMove.PackForward);
        }

        /// <summary>The same for the product with the output's gradient: depth runs over taps and outputs.</summary>
        public void PackBackward(float* filter, in Packed packed)
        {
            _filter = filter;
            _packed = packed;
            Start(FilterMove.PackBackward);
        }

        /// <summary>Joins the parts' sums [k I + 1, O] in their order, into the filter's gradient, which is written, and the bias's, which is added to.</summary>
        public void Gather(float* sums, int parts, float* filter, float* bias)
        {
            _sums = sums;
            _sumParts = parts;
            _filter = filter;
            _bias = bias;
            Start(FilterMove.Gather);
        }

        private int Panel => Tile.MaxWidth(_lanes);

        private void Start(FilterMove move)
        {
            _move = move;
            int panels = (_outputs + Panel - 1) / Panel;
            _parts = Math.Min(owner._backend.Parts(_outputs * (long)_stride), panels);
            owner._backend.Run(this, _parts);
        }

        public override void Execute(int part)
        {
            (long first, long end) = CpuBackend.Share((_outputs + Panel - 1) / Panel, part, _parts);
            for (
                int from = (int)first * Panel;
                from < end * Panel && from < _outputs;
                from += Panel
            )
            {
                int to = Math.Min(from + Panel, _outputs);
                switch (_move)
                {
                    case FilterMove.PackForward:
                        PackForward(from, to);
                        break;
                    case FilterMove.PackBackward:
                        PackBackward(from, to);
                        break;
                    default:
                        Gather(from, to);
                        break;
                }
            }
        }

        private void PackForward(int from, int to)
        {
            int width = _packed.PanelWidth(from);
            float* panel = _packed.Panel(from);
            for (int output = from; output < to; output += OutputsAtATime)
            {
                int outputs = Math.Min(OutputsAtATime, to - output);
                for (int input = 0; input < _inputs; input += InputsAtATime)
                {
                    int inputs = Math.Min(InputsAtATime, _inputs - input);
                    for (int tap = 0; tap < _kernel; tap++)
                    {
                        float* source = Tap(output, input, tap);
                        float* row =
                            panel + ((nint)tap * _inputs + input) * width + (output - from);
                        for (int i = 0; i < inputs; i++, source += _kernel, row += width)
                        {
                            for (int o = 0; o < outputs; o++)
                                row[o] = source[o * _stride];
                        }
                    }
                }
            }
            if (width == to - from)
                return;
            for (nint depth = 0; depth < _stride; depth++, panel += width)
                new Span<float>(panel + (to - from), width - (to - from)).Clear();
        }

        private void PackBackward(int from, int to)
        {
            for (int output = from; output < to; output++)
            {
                for (int input = 0; input < _inputs; input += Panel)
                {
                    int width = _packed.PanelWidth(input);
                    float* panel = _packed.Panel(input);
                    int inputs = Math.Min(width, _inputs - input);
                    for (int tap = 0; tap < _kernel; tap++)
                    {
                        float* source = Tap(output, input, tap);
                        float* row = panel + ((nint)tap * _outputs + output) * width;
                        for (int i = 0; i < inputs; i++)
                            row[i] = source[i * _kernel];
                        for (int i = inputs; i < width; i++)
                            row[i] = 0f;
                    }
                }
            }
        }

        private void Gather(int from, int to)
        {
            for (int output = from; output < to; output += OutputsAtATime)
            {
                int outputs = Math.Min(OutputsAtATime, to - output);
                for (int input = 0; input < _inputs; input += InputsAtATime)
                {
                    int inputs = Math.Min(InputsAtATime, _inputs - input);
                    for (int tap = 0; tap < _kernel; tap++)
                    {
                        float* row = _sums + ((nint)tap * _inputs + input) * _outputs + output;
                        float* place = Tap(output, input, tap);
                        for (int i = 0; i < inputs; i++, row += _outputs, place += _kernel)
                        {
                            for (int o = 0; o < outputs; o++)
                                place[o * _stride] = Sum(row + o);
                        }
                    }
                }
            }
            for (int output = from; output < to; output++)
                _bias[output] += Sum(_sums + _stride * _outputs + output);
        }

        private float Sum(float* place)
        {
            float sum = *place;
            for (int part = 1; part < _sumParts; part++)
                sum += place[part * owner.FilterStride];
            return sum;
        }

        // The weight of a tap, counted from the current step's back in time.
        private float* Tap(int output, int input, int tap) =>
            _filter + output * _stride + (nint)input * _kernel + _kernel - 1 - tap;
    }
}
