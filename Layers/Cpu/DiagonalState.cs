using System.Diagnostics;
using System.Numerics;

namespace Sequor.Layers.Cpu;

/// <summary>
/// What one state's three numbers make of it, and how these depend on them, in double precision: an error in the phase of lambda grows with
/// the number of steps. Native/Kernels/diagonal.cu says the same for a GPU.
/// </summary>
/// <param name="Lambda">The eigenvalue.</param>
/// <param name="Factor">f, the factor of the state's inputs.</param>
internal readonly record struct DiagonalState(Complex Lambda, Complex Factor)
{
    // With w = conj(LambdaSlope) dlambda + conj(FactorSlope) df, the gradient by the frequency is FrequencyRate Im w, and that by the decay
    // DecayRate Re w.
    private Complex LambdaSlope { get; init; }
    private Complex FactorSlope { get; init; }
    private double DecayRate { get; init; }
    private double FrequencyRate { get; init; }
    private Complex LambdaByScale { get; init; }
    private Complex FactorByScale { get; init; }

    /// <summary>Computes a state.</summary>
    public static DiagonalState Of(DiagonalForm form, float decay, float frequency, float scale)
    {
        switch (form)
        {
            case DiagonalForm.LogPolar:
            {
                double phase = Math.Exp(frequency);
                double rate = Math.Exp(decay);
                // As a float, which is what B is multiplied by.
                double factor = (float)Math.Exp(scale);
                return OnCircle(-rate, phase, factor) with
                {
                    DecayRate = -rate,
                    FrequencyRate = phase,
                    FactorByScale = factor,
                };
            }
            case DiagonalForm.Cartesian:
                return new DiagonalState(new Complex(decay, frequency), 1)
                {
                    LambdaSlope = 1,
                    DecayRate = 1,
                    FrequencyRate = 1,
                };
            case DiagonalForm.Polar:
                return OnCircle(-(double)decay, frequency, 1) with
                {
                    DecayRate = -1,
                    FrequencyRate = 1,
                };
            case DiagonalForm.Stable:
            {
                double rate = Math.Exp(decay);
                return OnCircle(-rate, frequency, 1) with { DecayRate = -rate, FrequencyRate = 1 };
            }
            case DiagonalForm.ZeroOrderHold:
                return Held(new Complex(decay, frequency), Math.Exp(scale));
            case DiagonalForm.Bilinear:
                return Bilinear(new Complex(decay, frequency), Math.Exp(scale));
            default:
                throw new UnreachableException($"no form {form}");
        }
    }

    /// <summary>The gradients by decay, frequency and scale, given those by lambda and by f.</summary>
    public (double Decay, double Frequency, double Scale) Gradient(Complex lambda, Complex factor)
    {
        Complex by =
            Complex.Conjugate(LambdaSlope) * lambda + Complex.Conjugate(FactorSlope) * factor;
        Complex byScale =
            Complex.Conjugate(LambdaByScale) * lambda + Complex.Conjugate(FactorByScale) * factor;
        return (DecayRate * by.Real, FrequencyRate * by.Imaginary, byScale.Real);
    }

    private static DiagonalState OnCircle(double logarithm, double phase, double factor)
    {
        double radius = Math.Exp(logarithm);
        var lambda = new Complex(radius * Math.Cos(phase), radius * Math.Sin(phase));
        return new DiagonalState(lambda, factor) { LambdaSlope = lambda };
    }

    // With z = dt Lambda and phi(z) = (e^z - 1) / z: lambda = e^z and f = dt phi(z).
    private static DiagonalState Held(Complex eigenvalue, double dt)
    {
        Complex z = dt * eigenvalue;
        double radius = Math.Exp(z.Real);
        var lambda = new Complex(radius * Math.Cos(z.Imaginary), radius * Math.Sin(z.Imaginary));
        (Complex phi, Complex slope) = Phi(z, lambda);
        return new DiagonalState(lambda, dt * phi)
        {
            LambdaSlope = dt * lambda,
            FactorSlope = dt * dt * slope,
            DecayRate = 1,
            FrequencyRate = 1,
            LambdaByScale = z * lambda,
            // The derivative of z phi(z) is e^z.
            FactorByScale = dt * lambda,
        };
    }

    // Near 0 the quotients lose all digits, and at 0 they are none: there the series stand for them.
    private static (Complex Value, Complex Slope) Phi(Complex z, Complex exponential)
    {
        if (z.Real * z.Real + z.Imaginary * z.Imaginary > 0.25)
        {
            Complex phi = (exponential - 1) / z;
            return (phi, (exponential - phi) / z);
        }
        // phi = sum of z^k / (k + 1)!, its derivative sum of z^k (k + 1) / (k + 2)!.
        Complex value = 0;
        Complex slope = 0;
        Complex term = 1;
        for (int k = 0; k < 16; k++)
        {
            term /= k + 1;
            value += term;
            slope += term * ((k + 1) / (k + 2.0));
            term *= z;
        }
        return (value, slope);
    }

    // With w = 1 / (1 - z / 2): lambda = (1 + z / 2) w and f = dt w.
    private static DiagonalState Bilinear(Complex eigenvalue, double dt)
    {
        Complex z = dt * eigenvalue;
        Complex w = 1 / (1 - z / 2);
        Complex square = w * w;
        return new DiagonalState((1 + z / 2) * w, dt * w)
        {
            LambdaSlope = dt * square,
            FactorSlope = dt * dt / 2 * square,
            DecayRate = 1,
            FrequencyRate = 1,
            LambdaByScale = z * square,
            FactorByScale = dt * square,
        };
    }
}
