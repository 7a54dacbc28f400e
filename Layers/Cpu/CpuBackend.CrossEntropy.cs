using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

// The cross-entropy of rows of logits. A row is read block by block, each while it is in the first-level cache: its largest logit is found,
// and its exponentials around that are summed and written where the gradient goes, which may be over the logits themselves. So the loss
// takes one pass over memory, and the gradient a second one over what the first has written, which multiplies by what a block's
// exponentials have to be multiplied by (Milakov and Gimelshein 2018, of blocks).
internal sealed unsafe partial class CpuBackend
{
    private sealed partial class ReductionJob
    {
        // Logits of a block: 4 KiB. Longer rows have at most as many blocks as below, of more logits.
        private const int SoftmaxBlock = 1024;
        private const int MostSoftmaxBlocks = 64;

        private double CrossEntropy<TV, TO>(long from, long to)
            where TV : struct
            where TO : struct, ILanes<TV> =>
            _columns <= SoftmaxBlock
                ? CrossEntropyOfBlock<TV, TO>(from, to)
                : CrossEntropyOfBlocks<TV, TO>(from, to);

        // Rows of one block, which may have few classes: then what is done once a row takes longest.
        private double CrossEntropyOfBlock<TV, TO>(long from, long to)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            double loss = 0;
            float* lanes = stackalloc float[16];
            int rest = _columns % TO.Width;
            int whole = _columns - rest;
            for (long r = from; r < to; r++)
            {
                float weight = _mask == null ? 1f : _mask[r];
                if (ClearedWithout(weight, r))
                    continue;
                float* row = _a + r * _columns;
                float* gradient = _out == null ? null : _out + r * _columns;
                float largest = float.NegativeInfinity;
                if (_columns < 4 * TO.Width)
                {
                    for (int c = 0; c < _columns; c++)
                        largest = Math.Max(largest, row[c]);
                }
                else
                {
                    largest = Largest<TV, TO>(row, _columns);
                }
                int label = (int)_b[r];
                // Read before its exponential may be written over it.
                float logit = row[label];
                TV around = TO.Set(largest);
                TV sums = TO.Zero;
                for (int c = 0; c < whole; c += TO.Width)
                {
                    TV e = VectorMath<TV, TO>.Exp(TO.Sub(TO.Load(row + c), around));
                    sums = TO.Add(sums, e);
                    if (gradient != null)
                        TO.Store(gradient + c, e);
                }
                TV last = TO.Zero;
                if (rest > 0)
                {
                    TV x = TO.LoadPartial(row + whole, rest);
                    last = Lane<TV, TO>.Keep(VectorMath<TV, TO>.Exp(TO.Sub(x, around)), rest);
                    sums = TO.Add(sums, last);
                }
                float sum = TO.Sum(sums);
                loss += weight * (Math.Log(sum) + largest - logit);
                if (gradient == null)
                    continue;
                float factor = weight * _scale;
                TV scale = TO.Set(factor / sum);
                for (int c = 0; c < whole; c += TO.Width)
                    TO.Store(gradient + c, TO.Mul(scale, TO.Load(gradient + c)));
                if (rest > 0)
                    PutRest<TV, TO>(gradient + whole, TO.Mul(scale, last), rest, lanes);
                gradient[label] -= factor;
            }
            return loss;
        }

        private double CrossEntropyOfBlocks<TV, TO>(long from, long to)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            double loss = 0;
            int size = Math.Max(SoftmaxBlock, Ceiling(_columns, MostSoftmaxBlocks));
            size = Ceiling(size, TO.Width) * TO.Width;
            int blocks = Ceiling(_columns, size);
            float* largest = stackalloc float[MostSoftmaxBlocks];
            float* sums = stackalloc float[MostSoftmaxBlocks];
            for (long r = from; r < to; r++)
            {
                float weight = _mask == null ? 1f : _mask[r];
                if (ClearedWithout(weight, r))
                    continue;
                float* row = _a + r * _columns;
                float* gradient = _out == null ? null : _out + r * _columns;
                int label = (int)_b[r];
                // Read before its exponential may be written over it.
                float logit = row[label];
                float most = float.NegativeInfinity;
                for (int block = 0; block < blocks; block++)
                {
                    int first = block * size;
                    int count = Math.Min(size, _columns - first);
                    largest[block] = Largest<TV, TO>(row + first, count);
                    // Around minus infinity all would be NaN, where other blocks may have what counts.
                    float around = float.IsNegativeInfinity(largest[block]) ? 0f : largest[block];
                    sums[block] = Exponentials<TV, TO>(
                        row + first,
                        count,
                        around,
                        gradient == null ? null : gradient + first
                    );
                    most = Math.Max(most, largest[block]);
                }
                double all = 0;
                for (int block = 0; block < blocks; block++)
                {
                    // From here on the factor of the block.
                    largest[block] = MathF.Exp(largest[block] - most);
                    all += (double)largest[block] * sums[block];
                }
                float sum = (float)all;
                loss += weight * (Math.Log(sum) + most - logit);
                if (gradient == null)
                    continue;
                float factor = weight * _scale;
                for (int block = 0; block < blocks; block++)
                {
                    int first = block * size;
                    Scale<TV, TO>(
                        gradient + first,
                        Math.Min(size, _columns - first),
                        factor / sum * largest[block]
                    );
                }
                gradient[label] -= factor;
            }
            return loss;
        }

        // The end of a row, value by value: where the next row follows in the same tensor, a masked store would hold up the loads of that.
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private static void PutRest<TV, TO>(float* to, TV values, int count, float* lanes)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            TO.Store(lanes, values);
            for (int i = 0; i < count; i++)
                to[i] = lanes[i];
        }

        private static int Ceiling(int count, int each) => (count - 1) / each + 1;

        // A NaN may be passed over: it is one among the exponentials again.
        private static float Largest<TV, TO>(float* values, int count)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            float largest = float.NegativeInfinity;
            int c = 0;
            if (count >= 2 * TO.Width)
            {
                TV most = TO.Load(values);
                for (c = TO.Width; c + TO.Width <= count; c += TO.Width)
                    most = TO.Max(most, TO.Load(values + c));
                float* lanes = stackalloc float[16];
                TO.Store(lanes, most);
                for (int i = 0; i < TO.Width; i++)
                    largest = Math.Max(largest, lanes[i]);
            }
            for (; c < count; c++)
                largest = Math.Max(largest, values[c]);
            return largest;
        }

        // Returns the sum of the exponentials around a value, and writes them where there is a place for them.
        private static float Exponentials<TV, TO>(float* values, int count, float around, float* to)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            TV shift = TO.Set(around);
            TV sums = TO.Zero;
            for (int c = 0; c < count; c += TO.Width)
            {
                int left = count - c;
                TV e = VectorMath<TV, TO>.Exp(TO.Sub(Lane<TV, TO>.Get(values + c, left), shift));
                sums = TO.Add(sums, Lane<TV, TO>.Keep(e, left));
                if (to != null)
                    Lane<TV, TO>.Put(to + c, e, left);
            }
            return TO.Sum(sums);
        }

        private static void Scale<TV, TO>(float* values, int count, float by)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            TV factor = TO.Set(by);
            for (int c = 0; c < count; c += TO.Width)
            {
                int left = count - c;
                Lane<TV, TO>.Put(
                    values + c,
                    TO.Mul(factor, Lane<TV, TO>.Get(values + c, left)),
                    left
                );
            }
        }
    }
}
