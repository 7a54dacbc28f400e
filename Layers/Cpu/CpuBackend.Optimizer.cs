using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

// The optimizer's step: the norm of the gradients, clipping, and the update of every parameter.
internal sealed unsafe partial class CpuBackend
{
    private protected override void OptimizeCore(in OptimizerUpdate update) =>
        _optimizer.Update(update);

    private sealed class OptimizerJob(CpuBackend backend) : ParallelJob
    {
        // The norm is summed in blocks whose bounds depend on the number of values alone, and the sums are joined in the order of the
        // blocks. So the norm has the same bits whatever the number of threads.
        private const int MostBlocks = 256;
        private const int LeastOfBlock = 4096;

        private readonly double[] _squares = new double[MostBlocks];
        private UpdateRule _rule;
        private float* _parameters;
        private float* _gradients;
        private float* _first;
        private float* _second;
        private float _rate;
        private float _scale;
        private float _secondCorrection;
        private float _decay;
        private OptimizerSegment[] _segments = [];
        private long _count;
        private int _blocks;
        private int _parts;
        private bool _norm;

        public void Update(in OptimizerUpdate u)
        {
            _rule = u.Rule;
            _parameters = Pointer(u.Parameters);
            _gradients = Pointer(u.Gradients);
            _first = Pointer(u.First);
            _second = Pointer(u.Second);
            _segments = u.Segments;
            _count = u.Parameters.Count;
            float* state = Pointer(u.State);
            float norm = (float)Math.Sqrt(Squares());
            state[OptimizerUpdate.Norm] = norm;
            if (!float.IsFinite(norm))
            {
                state[OptimizerUpdate.Skipped]++;
                return;
            }
            float step = ++state[OptimizerUpdate.Step];
            _rate = state[OptimizerUpdate.LearningRate];
            _scale = Math.Min(1f, state[OptimizerUpdate.MaxNorm] / (norm + 1e-6f));
            _decay = _rule.Decay;
            _secondCorrection = 1f;
            if (_rule.Corrected)
            {
                double firstCorrection = 1 - Math.Pow(_rule.Beta1, step);
                _rate = (float)(_rate / firstCorrection);
                // The decay uses the learning rate itself. This undoes the correction of the mean that _rate contains.
                _decay = (float)(_rule.Decay * firstCorrection);
                _secondCorrection = (float)(1 / Math.Sqrt(1 - Math.Pow(_rule.Beta2, step)));
            }
            _norm = false;
            _parts = backend.Parts(_count);
            backend.Run(this, _parts);
        }

        private double Squares()
        {
            _norm = true;
            _blocks = (int)Math.Clamp(_count / LeastOfBlock, 1, MostBlocks);
            _parts = Math.Min(backend.Parts(_count, 8 * LeastOfBlock), _blocks);
            backend.Run(this, _parts);
            double squares = 0;
            for (int block = 0; block < _blocks; block++)
                squares += _squares[block];
            return squares;
        }

        private void SumBlocks(int part)
        {
            (long first, long last) = Share(_blocks, part, _parts);
            for (long block = first; block < last; block++)
            {
                (long from, long to) = Share(_count, (int)block, _blocks);
                _squares[block] = SquareSum.Of(_gradients + from, to - from, backend.Lanes * 32);
            }
        }

        public override void Execute(int part)
        {
            if (_norm)
            {
                SumBlocks(part);
                return;
            }
            (long from, long to) = Share((_count + 15) / 16, part, _parts);
            from *= 16;
            to = Math.Min(to * 16, _count);
            foreach (OptimizerSegment segment in _segments)
            {
                long begin = Math.Max(from, segment.From);
                long end = Math.Min(to, segment.To);
                if (begin < end)
                    Apply(begin, end, segment);
            }
        }

        private void Apply(long from, long to, OptimizerSegment segment)
        {
            float rate = _rate * segment.RateFactor;
            float decay = segment.Decays ? _decay : 0f;
            switch (backend.Lanes)
            {
                case 16:
                    Apply<Vector512<float>, Lanes512>(from, to, rate, decay);
                    break;
                case 8:
                    Apply<Vector256<float>, Lanes256>(from, to, rate, decay);
                    break;
                default:
                    Apply<Vector128<float>, Lanes128>(from, to, rate, decay);
                    break;
            }
        }

        // The rules are PyTorch's: epsilon is added outside the square root.
        private void Apply<TV, TO>(long from, long to, float learningRate, float weightDecay)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            TV scale = TO.Set(_scale);
            TV rate = TO.Set(-learningRate);
            TV decay = TO.Set(weightDecay);
            TV beta1 = TO.Set(_rule.Beta1);
            TV beta2 = TO.Set(_rule.Beta2);
            TV weight = TO.Set(_rule.Weight);
            TV rest2 = TO.Set(1f - _rule.Beta2);
            TV epsilon = TO.Set(_rule.Epsilon);
            TV correction = TO.Set(_secondCorrection);
            bool hasMean = _rule.HasMean;
            bool hasMeanSquare = _rule.HasMeanSquare;
            bool ahead = _rule.Ahead;
            for (long i = from; i < to; i += TO.Width)
            {
                int left = (int)Math.Min(TO.Width, to - i);
                TV g = TO.Mul(scale, TO.LoadPartial(_gradients + i, left));
                TV p = TO.LoadPartial(_parameters + i, left);
                TV direction = g;
                if (hasMean)
                {
                    TV part = TO.Mul(weight, g);
                    TV m = TO.Fma(beta1, TO.LoadPartial(_first + i, left), part);
                    TO.StorePartial(_first + i, m, left);
                    direction = ahead ? TO.Fma(beta1, m, part) : m;
                }
                if (hasMeanSquare)
                {
                    TV v = TO.LoadPartial(_second + i, left);
                    v = TO.Fma(beta2, v, TO.Mul(rest2, TO.Mul(g, g)));
                    TO.StorePartial(_second + i, v, left);
                    direction = TO.Div(direction, TO.Fma(TO.Sqrt(v), correction, epsilon));
                    if (hasMean)
                        direction = TO.Fma(decay, p, direction);
                }
                TO.StorePartial(_parameters + i, TO.Fma(rate, direction, p), left);
            }
        }
    }
}
