namespace Sequor.Layers.Cpu;

// Where steps begin anew: a block of channels is walked in runs of sequences that are alike. Values are those of the loops without marks, which
// compute each channel by itself.
internal sealed unsafe partial class CpuDiagonalScan
{
    private sealed partial class Job
    {
        // Null where no step is marked, so that nothing is asked then.
        private uint* _marks;
        private int _pitch;

        private void SetMarks(StepResets? resets)
        {
            _marks = resets is { Any: true } ? (uint*)CpuBackend.Pointer(resets.Words) : null;
            _pitch = resets?.Pitch ?? 0;
        }

        // Whether a sequence is cut between two steps that follow each other, which the later one's mark says.
        private bool IsCut(int step, int other, long sequence)
        {
            int at = StepResets.FirstBit + Math.Max(step, other);
            return (_marks[sequence * _pitch + at / 32] >> at & 1) != 0;
        }

        // A marked step has its input for a state already.
        private void ForwardUncut<TV, TO>(int step, int before, long from, int count)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int begin = 0;
            for (int i = 0; i < count; )
            {
                long sequence = (from + i) / _channels;
                int next = EndOf(sequence, from, count);
                if (IsCut(step, before, sequence))
                {
                    if (begin < i)
                        Forward<TV, TO>(step, before, from, begin, i);
                    begin = next;
                }
                i = next;
            }
            if (begin < count)
                Forward<TV, TO>(step, before, from, begin, count);
        }

        // Of the first `follows` values the gradient goes on from `next`, and of the first `precedes` there is a state before, but where
        // sequences are cut.
        private void BackwardUncut<TV, TO>(
            int step,
            int neighbour,
            int before,
            float* s,
            float* next,
            float* x,
            long from,
            int follows,
            int precedes
        )
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            int count = Math.Max(follows, precedes);
            (bool Follows, bool Precedes) run = default;
            int begin = 0;
            for (int i = 0; i < count; )
            {
                long sequence = (from + i) / _channels;
                (bool Follows, bool Precedes) its = (
                    i < follows && !IsCut(step, neighbour, sequence),
                    i < precedes && !IsCut(step, before, sequence)
                );
                if (its != run)
                {
                    Run(begin, i);
                    (begin, run) = (i, its);
                }
                i = EndOf(sequence, from, count);
            }
            Run(begin, count);

            void Run(int first, int end)
            {
                if (first < end && run != default)
                    Backward<TV, TO>(
                        s,
                        run.Follows ? next : null,
                        run.Precedes ? x : null,
                        from,
                        first,
                        end
                    );
            }
        }

        // Where a sequence's values end in a block.
        private int EndOf(long sequence, long from, int count) =>
            (int)Math.Min(count, (sequence + 1) * _channels - from);
    }
}
