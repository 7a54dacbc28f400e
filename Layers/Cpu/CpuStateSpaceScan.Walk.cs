namespace Sequor.Layers.Cpu;

// A thread's walk through time with a block of channels after another.
internal sealed unsafe partial class CpuStateSpaceScan
{
    private sealed partial class Job
    {
        // A part's memory: a table of factors [groups, states, 4, lanes] and D, states as the factors, and gathered rows [steps, width].
        private readonly struct Walk<TV, TO>
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            private readonly Job _job;
            private readonly float* _table;
            private readonly float* _states;
            private readonly float* _first;
            private readonly float* _second;
            private readonly float* _third;

            // Floats of a group of as many channels as a vector has lanes.
            private readonly long _group;

            // And those of a whole block; in a table D follows them.
            private readonly long _block;

            public Walk(Job job, int part)
            {
                _job = job;
                _group = (long)Numbers * job._states * TO.Width;
                _block = _group * (CpuStateSpaceScan.Width / TO.Width);
                _table = job._parts + part * job._owner._partCount;
                _states = _table + job._owner._tableCount;
                _first = _states + _block;
                _second = _first + Chunk * CpuStateSpaceScan.Width;
                _third = _second + Chunk * CpuStateSpaceScan.Width;
            }

            public void Run(long first, long end)
            {
                long columns = _job._columns;
                if (_job._pass == Pass.Prepare)
                    columns = (long)_job._owner.Descriptor.MaxBatch * _job._channels;
                for (long block = first; block < end; block++)
                {
                    long from = block * CpuStateSpaceScan.Width;
                    int width = (int)Math.Min(CpuStateSpaceScan.Width, columns - from);
                    bool kept = _job._tables != null;
                    float* table = kept ? _job._tables + block * _job._owner._tableCount : _table;
                    if (!kept || _job._pass == Pass.Prepare)
                        Spread(from, width, table);
                    if (_job._pass == Pass.Prepare)
                        continue;
                    float* states = kept ? _job._carried + block * _block : _states;
                    if (!kept)
                        new Span<float>(states, (int)_block).Clear();
                    // Longer sequences come first, so a block's first channel has the most steps.
                    int steps = _job._layout?.Lengths[(int)(from / _job._channels)] ?? _job._steps;
                    if (_job._pass == Pass.Forward)
                        Forward(from, width, steps, table, states);
                    else
                        Backward(from, width, steps, table);
                }
            }

            // Spreads a, C' and D over the lanes of a block. Lanes and states that are not there are zeros, and stay so.
            private void Spread(long from, int width, float* table)
            {
                int size = _job._size;
                new Span<float>(table, (int)_job._owner._tableCount).Clear();
                for (int i = 0; i < width; i++)
                {
                    long h = (from + i) % _job._channels;
                    float* to = table + i / TO.Width * _group + i % TO.Width;
                    float* a = _job._a + 2 * h * size;
                    float* c = _job._c + 2 * h * size;
                    for (int n = 0; n < size; n++, to += Numbers * TO.Width)
                    {
                        to[0] = a[2 * n];
                        to[TO.Width] = a[2 * n + 1];
                        to[2 * TO.Width] = c[2 * n];
                        to[3 * TO.Width] = c[2 * n + 1];
                    }
                    if (_job._d != null)
                        table[_block + i] = _job._d[h];
                }
            }

            private void Forward(long from, int width, int steps, float* table, float* states)
            {
                bool carries = _job._carried != null && states == _states;
                if (carries)
                    Carry(from, width, into: true);
                for (int done = 0; done < steps; done += Chunk)
                {
                    int count = Math.Min(Chunk, steps - done);
                    int start = _job._reverse ? steps - 1 - done : done;
                    int delta = _job._reverse ? -1 : 1;
                    Gather(_job._u, _first, from, width, start, delta, count);
                    if (_job._adds)
                        Gather(_job._y, _second, from, width, start, delta, count);
                    Skip(table, _first, count, width, _job._adds);
                    for (int at = 0; at < width; at += TO.Width)
                        StateSpaceKernels<TV, TO>.Forward(
                            _first + at,
                            _second + at,
                            count,
                            table + at / TO.Width * _group,
                            states + at / TO.Width * _group,
                            _job._states
                        );
                    Scatter(_second, _job._y, from, width, start, delta, count);
                }
                if (carries)
                    Carry(from, width, into: false);
            }

            private void Backward(long from, int width, int steps, float* table)
            {
                long sumsOfAll = _job._blocks * CpuStateSpaceScan.Width * Numbers * _job._states;
                float* sums = _job._sums + from / TO.Width * _group;
                float* skips = _job._sums + sumsOfAll + from;
                new Span<float>(sums, (int)_block).Clear();
                new Span<float>(skips, CpuStateSpaceScan.Width).Clear();
                for (int done = 0; done < steps; done += Chunk)
                {
                    int count = Math.Min(Chunk, steps - done);
                    int start = _job._reverse ? done : steps - 1 - done;
                    int delta = _job._reverse ? 1 : -1;
                    Gather(_job._dy, _first, from, width, start, delta, count);
                    Gather(_job._u, _third, from, width, start, delta, count);
                    bool adds = _job._adds && _job._du != null;
                    if (adds)
                        Gather(_job._du, _second, from, width, start, delta, count);
                    Skip(table, _first, count, width, adds);
                    for (int at = 0; at < width; at += TO.Width)
                    {
                        StateSpaceKernels<TV, TO>.Backward(
                            _first + at,
                            _third + at,
                            _second + at,
                            count,
                            table + at / TO.Width * _group,
                            _states + at / TO.Width * _group,
                            sums + at / TO.Width * _group,
                            _job._states
                        );
                        StateSpaceKernels<TV, TO>.AddProducts(
                            _first + at,
                            _third + at,
                            count,
                            skips + at
                        );
                    }
                    if (_job._du != null)
                        Scatter(_second, _job._du, from, width, start, delta, count);
                }
            }

            // What the states are added to: D times the input, and what is there already.
            private void Skip(float* table, float* input, int count, int width, bool adds)
            {
                for (int j = 0; j < count; j++)
                {
                    long row = (long)j * CpuStateSpaceScan.Width;
                    for (int at = 0; at < width; at += TO.Width)
                    {
                        float* to = _second + row + at;
                        TV sum = adds ? TO.Load(to) : TO.Zero;
                        if (_job._d != null)
                            sum = TO.Fma(
                                TO.Load(table + _block + at),
                                TO.Load(input + row + at),
                                sum
                            );
                        TO.Store(to, sum);
                    }
                }
            }

            // Copies the block's columns of some steps; channels whose sequence has not such a step get zeros.
            private void Gather(
                float* all,
                float* rows,
                long from,
                int width,
                int step,
                int delta,
                int count
            )
            {
                for (int j = 0; j < count; j++, step += delta, rows += CpuStateSpaceScan.Width)
                {
                    float* row = Row(all, from, width, step, out int there);
                    for (int at = 0; at < width; at += TO.Width)
                        TO.Store(
                            rows + at,
                            at < there ? Lane<TV, TO>.Get(row + at, there - at) : TO.Zero
                        );
                }
            }

            private void Scatter(
                float* rows,
                float* all,
                long from,
                int width,
                int step,
                int delta,
                int count
            )
            {
                for (int j = 0; j < count; j++, step += delta, rows += CpuStateSpaceScan.Width)
                {
                    float* row = Row(all, from, width, step, out int there);
                    for (int at = 0; at < there; at += TO.Width)
                        Lane<TV, TO>.Put(row + at, TO.Load(rows + at), there - at);
                }
            }

            // The block's first column of a step, and how many of its columns the step has.
            private float* Row(float* all, long from, int width, int step, out int there)
            {
                SequenceLayout? layout = _job._layout;
                there = width;
                if (layout is null)
                    return all + step * _job._columns + from;
                long active = (long)layout.Active(step) * _job._channels;
                there = (int)Math.Clamp(active - from, 0, width);
                return all + (long)layout.Row(step) * _job._channels + from;
            }

            // Between a stream's states, in pairs, and those of the block.
            private void Carry(long from, int width, bool into)
            {
                int size = _job._size;
                for (int i = 0; i < width; i++)
                {
                    float* state = _states + i / TO.Width * _group + i % TO.Width;
                    float* carried = _job._carried + 2 * (from + i) * size;
                    for (int n = 0; n < size; n++, state += Numbers * TO.Width, carried += 2)
                    {
                        if (into)
                            (state[0], state[TO.Width]) = (carried[0], carried[1]);
                        else
                            (carried[0], carried[1]) = (state[0], state[TO.Width]);
                    }
                }
            }
        }
    }
}
