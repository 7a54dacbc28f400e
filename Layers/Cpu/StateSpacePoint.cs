using System.Numerics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// One state of a state space in double precision: a, and the factor that makes C' of C (<see cref="StateSpaceRule"/>), and the chain rule
/// back to what they were made from. Gradients by complex numbers are by the real part + i times that by the imaginary part.
/// </summary>
internal readonly struct StateSpacePoint
{
    private readonly StateSpaceForm _form;
    private readonly Complex _l;
    private readonly Complex _z;
    private readonly double _realStep;
    private readonly double _imaginaryStep;

    /// <param name="form">The rule.</param>
    /// <param name="real">log(-Re L), or Re L.</param>
    /// <param name="imaginary">Im L.</param>
    /// <param name="realStep">dt of the real part.</param>
    /// <param name="imaginaryStep">dt of the imaginary part.</param>
    public StateSpacePoint(
        in StateSpaceForm form,
        double real,
        double imaginary,
        double realStep,
        double imaginaryStep
    )
    {
        (_form, _realStep, _imaginaryStep) = (form, realStep, imaginaryStep);
        _l = new Complex(form.IsStable ? -Math.Exp(real) : real, imaginary);
        _z = new Complex(realStep * _l.Real, imaginaryStep * _l.Imaginary);
        A = Complex.Exp(_z);
        switch (form.Rule)
        {
            case StateSpaceRule.Bilinear:
                Complex below = 1 - _z / 2;
                A = (1 + _z / 2) / below;
                Factor = form.Factor * realStep / below;
                break;
            case StateSpaceRule.Softmax:
                Factor = form.Factor * Softmax.Value;
                break;
            default:
                Factor = form.Factor * (A - 1) / _l;
                break;
        }
    }

    /// <summary>a.</summary>
    public Complex A { get; }

    /// <summary>C' = Factor C.</summary>
    public Complex Factor { get; }

    /// <summary>Gradients by what is given: by log dt those that its real and its imaginary part contribute.</summary>
    public readonly record struct Slopes(
        double Real,
        double Imaginary,
        double RealStep,
        double ImaginaryStep
    );

    /// <summary>The chain rule.</summary>
    /// <param name="byA">The gradient by a.</param>
    /// <param name="byFactor">The gradient by the factor.</param>
    public Slopes Gradient(Complex byA, Complex byFactor)
    {
        Complex byZ;
        Complex byL = Complex.Zero;
        double byStep = 0;
        switch (_form.Rule)
        {
            case StateSpaceRule.Bilinear:
                Complex below = 1 - _z / 2;
                byZ =
                    Times(1 / (below * below), byA)
                    + Times(_form.Factor * _realStep / (2 * below * below), byFactor);
                // dt itself stands above the line.
                byStep = Times(Factor, byFactor).Real;
                break;
            case StateSpaceRule.Softmax:
                (byZ, byL) = Softmax.Gradient(_form.Factor * byFactor);
                byZ += Times(A, byA);
                break;
            default:
                byZ = Times(A, byA + Times(_form.Factor / _l, byFactor));
                byL = -Times(Factor / _l, byFactor);
                break;
        }
        byL += new Complex(_realStep * byZ.Real, _imaginaryStep * byZ.Imaginary);
        return new Slopes(
            _form.IsStable ? byL.Real * _l.Real : byL.Real,
            byL.Imaginary,
            byZ.Real * _z.Real + byStep,
            byZ.Imaginary * _z.Imaginary
        );
    }

    // What a gradient becomes by a derivative.
    private static Complex Times(Complex derivative, Complex gradient) =>
        Complex.Conjugate(derivative) * gradient;

    private SoftmaxFactor Softmax => new(_z, _l, _form.Length);

    // above r(below L) shift, where the sum over r < R of exp(z r) is below / above, and r(x) is nearly 1 / x. With Re z > 0 the
    // sum is of exp(-z r), and the shift is exp(-z (R - 1)).
    private readonly struct SoftmaxFactor
    {
        private readonly Complex _l;
        private readonly double _sign;
        private readonly int _length;
        private readonly Complex _above;
        private readonly Complex _below;
        private readonly Complex _shift;
        private readonly Complex _inverse;
        private readonly double _square;

        public SoftmaxFactor(Complex z, Complex l, int length)
        {
            (_l, _length) = (l, length);
            _sign = z.Real > 0 ? -1 : 1;
            _above = Complex.Exp(_sign * z) - 1;
            _below = Complex.Exp(_sign * length * z) - 1;
            _shift = z.Real > 0 ? Complex.Exp(-(length - 1.0) * z) : Complex.One;
            Complex x = _below * l;
            _square = x.Real * x.Real + x.Imaginary * x.Imaginary + StateSpaceForm.Epsilon;
            _inverse = Complex.Conjugate(x) / _square;
        }

        public Complex Value => _above * _inverse * _shift;

        public (Complex ByZ, Complex ByL) Gradient(Complex g)
        {
            Complex byInverse = Times(_above * _shift, g);
            Complex x = _below * _l;
            // r(x) = conj(x) / (|x|^2 + e) depends on both parts of x by itself.
            Complex byX =
                (Complex.Conjugate(byInverse) - 2 * (byInverse * x).Real / _square * x) / _square;
            Complex byZ =
                _sign * Times(_above + 1, Times(_inverse * _shift, g))
                + _sign * _length * Times(_below + 1, Times(_l, byX));
            if (_sign < 0)
                byZ -= (_length - 1.0) * Times(_shift, Times(_above * _inverse, g));
            return (byZ, Times(_below, byX));
        }
    }
}
