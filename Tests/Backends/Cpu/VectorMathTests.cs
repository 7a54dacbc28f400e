using System.Runtime.Intrinsics;
using NUnit.Framework;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cpu;

/// <summary>exp, sigmoid and tanh over all floats. The bounds are those that the summary of VectorMath states.</summary>
[TestFixture(512)]
[TestFixture(256)]
[TestFixture(128)]
public sealed class VectorMathTests(int bits)
{
    // Where exp does not clamp its argument.
    private const float Lowest = -87.33f;
    private const float Highest = 88.02f;

    // Arguments of every sign and exponent: the first and last of each binade and some between.
    private const int PerBinade = 4096;

    private static readonly float[] Sweep = [.. Arguments()];

    private static IEnumerable<float> Arguments()
    {
        var draw = new Draw(7);
        // Exponent 0 holds the zeros and denormals.
        for (uint exponent = 0; exponent < 255; exponent++)
        {
            for (int i = 0; i < PerBinade; i++)
            {
                uint mantissa =
                    i < 4 ? (uint)i
                    : i < 8 ? 0x7FFFFFu - (uint)(i - 4)
                    : (uint)draw.Next(1 << 23);
                float value = BitConverter.UInt32BitsToSingle((exponent << 23) | mantissa);
                yield return value;
                yield return -value;
            }
        }
    }

    [Test]
    public void Exp_is_within_its_bound_wherever_it_does_not_clamp()
    {
        float[] x = [.. Sweep.Where(value => value is >= Lowest and <= Highest)];

        CheckUlps(x, Math.Exp, Curve.Exp, VectorMathBounds.Exp);
    }

    [Test]
    public void Exp_clamps_beyond_the_range_that_it_states()
    {
        float[] low = Apply(Curve.Exp, [-87.34f, -200f, -1e30f, float.NegativeInfinity]);
        float[] high = Apply(Curve.Exp, [88.03f, 200f, 1e30f, float.PositiveInfinity]);

        Assert.That(low, Is.All.EqualTo(Apply(Curve.Exp, [Lowest])[0]));
        Assert.That(low, Is.All.InRange(1.17e-38f, 1.3e-38f));
        Assert.That(high, Is.All.EqualTo(Apply(Curve.Exp, [Highest])[0]));
        Assert.That(high, Is.All.InRange(1.6e38f, 1.7e38f));
    }

    [Test]
    public void Sigmoid_is_within_its_bound_wherever_exp_does_not_clamp()
    {
        float[] x = [.. Sweep.Where(value => value >= -Highest)];

        CheckUlps(x, value => 1 / (1 + Math.Exp(-value)), Curve.Sigmoid, VectorMathBounds.Sigmoid);
    }

    [Test]
    public void Sigmoid_is_next_to_0_where_exp_clamps()
    {
        float[] x = [.. Sweep.Where(value => value < -Highest), float.NegativeInfinity];

        Assert.That(Apply(Curve.Sigmoid, x), Is.All.InRange(0f, 6e-39f));
    }

    [Test]
    public void Tanh_is_within_its_bound_everywhere() =>
        CheckUlps(Sweep, Math.Tanh, Curve.Tanh, VectorMathBounds.Tanh);

    [Test]
    public void Infinities_give_the_limits()
    {
        float[] infinities = [float.PositiveInfinity, float.NegativeInfinity];

        Assert.That(Apply(Curve.Tanh, infinities), Is.EqualTo(new[] { 1f, -1f }));
        Assert.That(Apply(Curve.Sigmoid, infinities)[0], Is.EqualTo(1f));
    }

    [Test]
    public void Tanh_keeps_the_sign_of_zero()
    {
        float[] y = Apply(Curve.Tanh, [0f, -0f]);

        Close.CheckBits(y, [0f, -0f], "tanh of 0 and -0");
    }

    [TestCase(Curve.Exp)]
    [TestCase(Curve.Sigmoid)]
    [TestCase(Curve.Tanh)]
    [TestCase(Curve.Relu)]
    public void NaN_stays_NaN(Curve curve)
    {
        float[] nans =
        [
            float.NaN,
            -float.NaN,
            BitConverter.UInt32BitsToSingle(0x7F800001),
            BitConverter.UInt32BitsToSingle(0xFFC12345),
        ];

        Assert.That(Apply(curve, nans), Is.All.NaN);
    }

    private void CheckUlps(float[] x, Func<double, double> exact, Curve curve, double allowed)
    {
        Assert.That(x, Has.Length.GreaterThan(100 * PerBinade));
        float[] y = Apply(curve, x);
        double worst = 0;
        float at = 0;
        for (int i = 0; i < x.Length; i++)
        {
            double error = Ulps(y[i], exact(x[i]));
            if (!(error <= worst))
                (worst, at) = (error, x[i]);
        }
        Assert.That(worst, Is.LessThanOrEqualTo(allowed), $"ulp at {at:g9}");
    }

    // In units of the distance between the floats around the exact value.
    private static double Ulps(float actual, double exact)
    {
        double magnitude = Math.Max(Math.Abs(exact), 1.1754943508222875e-38);
        return Math.Abs(actual - exact) / Math.Pow(2, Math.ILogB(magnitude) - 23);
    }

    /// <summary>What is computed.</summary>
    public enum Curve
    {
        Exp,
        Sigmoid,
        Tanh,
        Relu,
    }

    private float[] Apply(Curve curve, float[] x) =>
        bits switch
        {
            512 => Apply<Vector512<float>, Lanes512>(curve, x),
            256 => Apply<Vector256<float>, Lanes256>(curve, x),
            _ => Apply<Vector128<float>, Lanes128>(curve, x),
        };

    private static unsafe float[] Apply<TV, TO>(Curve curve, float[] x)
        where TV : struct
        where TO : struct, ILanes<TV>
    {
        float[] y = new float[x.Length];
        fixed (
            float* from = x,
                to = y
        )
        {
            for (int i = 0; i < x.Length; i += TO.Width)
            {
                TV value = Lane<TV, TO>.Get(from + i, x.Length - i);
                value = curve switch
                {
                    Curve.Exp => VectorMath<TV, TO>.Exp(value),
                    Curve.Sigmoid => VectorMath<TV, TO>.Sigmoid(value),
                    Curve.Tanh => VectorMath<TV, TO>.Tanh(value),
                    // As the recurrent cells and convolutions write it.
                    _ => TO.Max(TO.Zero, value),
                };
                Lane<TV, TO>.Put(to + i, value, x.Length - i);
            }
        }
        return y;
    }

    /// <summary>Ulp, as the summary of VectorMath has them.</summary>
    private static class VectorMathBounds
    {
        public const double Exp = 1;
        public const double Sigmoid = 2.5;
        public const double Tanh = 2.8;
    }
}
