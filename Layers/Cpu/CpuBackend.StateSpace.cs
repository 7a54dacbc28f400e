using System.Numerics;

namespace Sequor.Layers.Cpu;

// What a state space's scan reads, and its gradients. They are computed in double precision, as an error in the phase of a grows with the
// number of steps.
internal sealed unsafe partial class CpuBackend
{
    private protected override void StateSpaceParametrizationCore(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices
    )
    {
        _stateSpace.Set(form, parameters, matrices, default);
        Run(_stateSpace, _stateSpace.Parts);
    }

    private protected override void StateSpaceParametrizationGradientCore(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices,
        in StateSpaceTensors gradients
    )
    {
        _stateSpace.Set(form, parameters, matrices, gradients);
        Run(_stateSpace, _stateSpace.Parts);
    }

    // Parts are ranges of channels.
    private sealed class StateSpaceJob(CpuBackend backend) : ParallelJob
    {
        private StateSpaceForm _form;
        private float* _steps;
        private float* _real;
        private float* _imaginary;
        private float* _c;
        private float* _a;
        private float* _to;
        private float* _dsteps;
        private float* _dreal;
        private float* _dimaginary;
        private float* _dc;
        private int _channels;
        private int _size;
        private int _columns;
        private int _directions;
        private bool _shared;

        public int Parts { get; private set; }

        public void Set(
            in StateSpaceForm form,
            in StateSpaceTensors p,
            in StateSpaceMatrices matrices,
            in StateSpaceTensors d
        )
        {
            _form = form;
            _steps = Pointer(p.LogStep);
            _real = Pointer(p.Real);
            _imaginary = Pointer(p.Imaginary);
            _c = Pointer(p.C);
            _a = Pointer(matrices.A);
            _to = Pointer(matrices.C);
            _dsteps = Pointer(d.LogStep);
            _dreal = Pointer(d.Real);
            _dimaginary = Pointer(d.Imaginary);
            _dc = Pointer(d.C);
            _channels = matrices.A.Shape.First;
            _size = matrices.A.Shape.Columns / 2;
            _columns = (int)(p.LogStep.Count / _channels);
            _directions = matrices.C.Shape.First / _channels;
            _shared = p.Real.Count < (long)_channels * _size;
            Parts = (int)Math.Min(backend.Parts(matrices.A.Count, 256), _channels);
        }

        public override void Execute(int part)
        {
            (long first, long end) = Share(_channels, part, Parts);
            for (long h = first; h < end; h++)
            {
                if (_dc == null)
                    Compute(h);
                else
                    AddGradients(h);
            }
        }

        private StateSpacePoint Point(long h, int n)
        {
            long at = _shared ? n : h * _size + n;
            double realStep = Math.Exp(_steps[h * _columns]);
            double imaginaryStep = _columns == 1 ? realStep : Math.Exp(_steps[h * _columns + 1]);
            return new StateSpacePoint(_form, _real[at], _imaginary[at], realStep, imaginaryStep);
        }

        private void Compute(long h)
        {
            for (int n = 0; n < _size; n++)
            {
                StateSpacePoint point = Point(h, n);
                Put(_a + 2 * (h * _size + n), point.A);
                for (int direction = 0; direction < _directions; direction++)
                {
                    long at = 2 * ((direction * (long)_channels + h) * _size + n);
                    Put(_to + at, point.Factor * Get(_c + at));
                }
            }
        }

        private void AddGradients(long h)
        {
            double realStep = 0;
            double imaginaryStep = 0;
            for (int n = 0; n < _size; n++)
            {
                StateSpacePoint point = Point(h, n);
                Complex byFactor = Complex.Zero;
                for (int direction = 0; direction < _directions; direction++)
                {
                    long at = 2 * ((direction * (long)_channels + h) * _size + n);
                    Complex slope = Get(_to + at);
                    byFactor += Complex.Conjugate(Get(_c + at)) * slope;
                    Add(_dc + at, Complex.Conjugate(point.Factor) * slope);
                }
                long cell = h * _size + n;
                StateSpacePoint.Slopes d = point.Gradient(Get(_a + 2 * cell), byFactor);
                _dreal[cell] += (float)d.Real;
                _dimaginary[cell] += (float)d.Imaginary;
                realStep += d.RealStep;
                imaginaryStep += d.ImaginaryStep;
            }
            float* to = _dsteps + h * _columns;
            if (_columns == 1)
            {
                to[0] += (float)(realStep + imaginaryStep);
                return;
            }
            to[0] += (float)realStep;
            to[1] += (float)imaginaryStep;
        }

        private static Complex Get(float* p) => new(p[0], p[1]);

        private static void Put(float* p, Complex z) =>
            (p[0], p[1]) = ((float)z.Real, (float)z.Imaginary);

        private static void Add(float* p, Complex z)
        {
            p[0] += (float)z.Real;
            p[1] += (float)z.Imaginary;
        }
    }
}
