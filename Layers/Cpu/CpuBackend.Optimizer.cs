using System.Runtime.Intrinsics;

namespace Sequor.Layers.Cpu;

internal sealed unsafe partial class CpuBackend
{
    internal override void Optimize(in OptimizerUpdate update) => _optimizer.Update(update);

    private sealed class OptimizerJob(CpuBackend backend) : ParallelJob
    {
        private readonly double[] _squares = new double[backend.Threads];
        private OptimizerRule _rule;
        private float* _parameters;
        private float* _gradients;
        private float* _first;
        private float* _second;
        private float _beta1;
        private float _beta2;
        private float _epsilon;
        private float _rate;
        private float _scale;
        private float _secondCorrection;
        private long _count;
        private int _parts;
        private bool _norm;

        public void Update(in OptimizerUpdate u)
        {
            _rule = u.Rule;
            _parameters = Pointer(u.Parameters);
            _gradients = Pointer(u.Gradients);
            _first = Pointer(u.First);
            _second = Pointer(u.Second);
            (_beta1, _beta2, _epsilon) = (u.Beta1, u.Beta2, u.Epsilon);
            _count = u.Parameters.Count;
            _parts = backend.Parts(_count);
            _norm = true;
            backend.Run(this, _parts);
            double squares = 0;
            for (int part = 0; part < _parts; part++)
                squares += _squares[part];
            float* state = Pointer(u.State);
            float norm = (float)Math.Sqrt(squares);
            state[OptimizerUpdate.Norm] = norm;
            if (!float.IsFinite(norm))
            {
                state[OptimizerUpdate.Skipped]++;
                return;
            }
            float step = ++state[OptimizerUpdate.Step];
            _rate = state[OptimizerUpdate.LearningRate];
            _scale = Math.Min(1f, u.Clip / (norm + 1e-6f));
            if (_rule == OptimizerRule.Adam)
            {
                _rate = (float)(_rate / (1 - Math.Pow(_beta1, step)));
                _secondCorrection = (float)(1 / Math.Sqrt(1 - Math.Pow(_beta2, step)));
            }
            _norm = false;
            backend.Run(this, _parts);
        }

        public override void Execute(int part)
        {
            (long from, long to) = Share((_count + 15) / 16, part, _parts);
            from *= 16;
            to = Math.Min(to * 16, _count);
            if (_norm)
            {
                double sum = 0;
                for (long i = from; i < to; i++)
                    sum += (double)_gradients[i] * _gradients[i];
                _squares[part] = sum;
                return;
            }
            switch (backend.Lanes)
            {
                case 16:
                    Apply<Vector512<float>, Lanes512>(from, to);
                    break;
                case 8:
                    Apply<Vector256<float>, Lanes256>(from, to);
                    break;
                default:
                    Apply<Vector128<float>, Lanes128>(from, to);
                    break;
            }
        }

        // The rules of PyTorch: epsilon is added outside the square root.
        private void Apply<TV, TO>(long from, long to)
            where TV : struct
            where TO : struct, ILanes<TV>
        {
            TV scale = TO.Set(_scale);
            TV rate = TO.Set(-_rate);
            TV beta1 = TO.Set(_beta1);
            TV beta2 = TO.Set(_beta2);
            TV rest1 = TO.Set(1f - _beta1);
            TV rest2 = TO.Set(1f - _beta2);
            TV epsilon = TO.Set(_epsilon);
            TV correction = TO.Set(_secondCorrection);
            for (long i = from; i < to; i += TO.Width)
            {
                int left = (int)Math.Min(TO.Width, to - i);
                TV g = TO.Mul(scale, TO.LoadPartial(_gradients + i, left));
                TV p = TO.LoadPartial(_parameters + i, left);
                switch (_rule)
                {
                    case OptimizerRule.Sgd:
                        if (_first != null)
                        {
                            g = TO.Fma(beta1, TO.LoadPartial(_first + i, left), g);
                            TO.StorePartial(_first + i, g, left);
                        }
                        p = TO.Fma(rate, g, p);
                        break;
                    case OptimizerRule.RmsProp:
                    {
                        TV mean = TO.LoadPartial(_first + i, left);
                        mean = TO.Fma(beta1, mean, TO.Mul(rest1, TO.Mul(g, g)));
                        TO.StorePartial(_first + i, mean, left);
                        p = TO.Fma(rate, TO.Div(g, TO.Add(TO.Sqrt(mean), epsilon)), p);
                        break;
                    }
                    default:
                    {
                        TV m = TO.LoadPartial(_first + i, left);
                        TV v = TO.LoadPartial(_second + i, left);
                        m = TO.Fma(beta1, m, TO.Mul(rest1, g));
                        v = TO.Fma(beta2, v, TO.Mul(rest2, TO.Mul(g, g)));
                        TO.StorePartial(_first + i, m, left);
                        TO.StorePartial(_second + i, v, left);
                        TV root = TO.Fma(TO.Sqrt(v), correction, epsilon);
                        p = TO.Fma(rate, TO.Div(m, root), p);
                        break;
                    }
                }
                TO.StorePartial(_parameters + i, p, left);
            }
        }
    }
}
