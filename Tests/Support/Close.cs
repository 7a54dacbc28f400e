using NUnit.Framework;

namespace Sequor.Tests.Support;

/// <summary>Compares arrays; all tolerances of the tests are defined here.</summary>
/// <remarks>
/// A difference is taken relative to the largest expected value of its array, since the rounding error of a sum of many terms depends on
/// the size of its terms and not on what remains of them.
/// </remarks>
internal static class Close
{
    /// <summary>For outputs in single precision against double precision.</summary>
    public const double Output = 3e-6;

    /// <summary>For gradients in single precision against differences in double precision.</summary>
    public const double Gradient = 3e-5;

    /// <summary>For a gradient along a direction, relative to its length.</summary>
    public const double Direction = 2e-5;

    /// <summary>
    /// The same for models with ReLUs: of some hundred thousand, a few lie so close to 0 that single and double precision see different
    /// sides of it.
    /// </summary>
    public const double KinkedDirection = 5e-3;

    // Below this an array's largest value is no scale, since little or nothing remains of terms around 1.
    private const double SmallestScale = 0.1;

    /// <summary>Fails if a value is further off than the tolerance allows, or is NaN.</summary>
    public static void Check(
        ReadOnlySpan<float> actual,
        ReadOnlySpan<double> expected,
        double tolerance,
        string what
    )
    {
        Assert.That(actual.Length, Is.EqualTo(expected.Length), $"number of values of {what}");
        double scale = SmallestScale;
        foreach (double value in expected)
            scale = Math.Max(scale, Math.Abs(value));
        for (int i = 0; i < expected.Length; i++)
            Check(actual[i], expected[i], scale, tolerance, $"{what}[{i}]");
    }

    /// <summary>Fails if the value is further off than the tolerance allows, or is NaN.</summary>
    public static void Check(
        double actual,
        double expected,
        double scale,
        double tolerance,
        string what
    )
    {
        double difference = Math.Abs(actual - expected);
        // The comparison is negated so that NaN fails.
        if (!(difference <= tolerance * scale))
        {
            Assert.Fail(
                $"{what} is {actual:g9}, expected {expected:g9}: off by {difference / scale:g3} of {scale:g3}, "
                    + $"allowed are {tolerance:g3}"
            );
        }
    }

    /// <summary>Fails unless both arrays hold the same bits.</summary>
    public static void CheckBits(
        ReadOnlySpan<float> actual,
        ReadOnlySpan<float> expected,
        string what
    )
    {
        Assert.That(actual.Length, Is.EqualTo(expected.Length), $"number of values of {what}");
        for (int i = 0; i < expected.Length; i++)
        {
            if (
                BitConverter.SingleToUInt32Bits(actual[i])
                != BitConverter.SingleToUInt32Bits(expected[i])
            )
                Assert.Fail(
                    $"{what}[{i}] is {actual[i]:g9}, expected the bits of {expected[i]:g9}"
                );
        }
    }
}
