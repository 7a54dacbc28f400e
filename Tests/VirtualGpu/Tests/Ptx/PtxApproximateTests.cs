using NUnit.Framework;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// The approximations of PTX as kernels reach them, on about a thousand operands each, specials with them: within the
/// bounds that the PTX ISA states, and exactly where it states the result. Sequor's kernels have none of them.
/// </summary>
[TestFixture]
public sealed class PtxApproximateTests
{
    private const int Count = 1024;
    private const double LeastNormal = 1.1754943508222875e-38;
    private const double Least = 1.401298464324817e-45;

    [TestCase("ex2.approx.f32")]
    [TestCase("ex2.approx.ftz.f32")]
    [TestCase("lg2.approx.f32")]
    [TestCase("lg2.approx.ftz.f32")]
    [TestCase("sin.approx.f32")]
    [TestCase("sin.approx.ftz.f32")]
    [TestCase("cos.approx.f32")]
    [TestCase("cos.approx.ftz.f32")]
    [TestCase("tanh.approx.f32")]
    [TestCase("rcp.approx.f32")]
    [TestCase("rcp.approx.ftz.f32")]
    [TestCase("sqrt.approx.f32")]
    [TestCase("sqrt.approx.ftz.f32")]
    [TestCase("rsqrt.approx.f32")]
    [TestCase("rsqrt.approx.ftz.f32")]
    [TestCase("div.approx.f32")]
    [TestCase("div.approx.ftz.f32")]
    [TestCase("div.full.f32")]
    [TestCase("div.full.ftz.f32")]
    public void Err_no_more_than_they_may(string name)
    {
        string[] parts = name.Split('.');
        bool ftz = parts.Contains("ftz");
        string[] types = parts[0] == "div" ? ["f32", "f32"] : ["f32"];
        ulong[][] operands = [.. types.Select((type, place) => ExactValues.Of(type, Count, place))];
        ulong[] results = PtxExactTests.Run(
            name,
            new PtxReference("f32", types, o => o[0]),
            operands
        );
        var wrong = new List<string>();
        bool errs = false;
        for (int i = 0; i < Count; i++)
        {
            double a = Number(operands[0][i], ftz);
            double b = types.Length > 1 ? Number(operands[1][i], ftz) : 0;
            double result = Number(results[i], false);
            // Of a divisor that is no normal number nothing is stated.
            if (name == "div.approx.f32" && b != 0 && Math.Abs(b) < LeastNormal)
                continue;
            double exact = Exact(parts, a, b);
            double bound = Bound(parts, a, exact);
            errs |= result != (float)exact;
            bool flushed = ftz && result == 0 && Math.Abs(exact) < LeastNormal + bound;
            // From the largest number on, rounding gives infinity.
            bool large =
                double.IsInfinity(result)
                && Math.Sign(result) == Math.Sign(exact)
                && Math.Abs(exact) + bound >= float.MaxValue;
            if (
                double.IsNaN(exact) ? !double.IsNaN(result)
                : double.IsInfinity(exact) ? result != exact
                : exact == 0 && parts[0] != "lg2"
                    ? result != 0 || double.IsNegative(result) != double.IsNegative(exact)
                : !(Math.Abs(result - exact) <= bound || flushed || large)
            )
                wrong.Add($"{a:R}, {b:R}: {result:R} and not {exact:R}");
        }
        Assert.That(wrong, Is.Empty);
        Assert.That(errs, "an approximation that is always exact lets code rely on it");
    }

    private static double Number(ulong bits, bool flush)
    {
        float number = BitConverter.UInt32BitsToSingle((uint)bits);
        return flush && float.IsSubnormal(number) ? Math.CopySign(0, number) : number;
    }

    private static double Exact(string[] parts, double a, double b) =>
        parts[0] switch
        {
            "ex2" => Math.Pow(2, a),
            "lg2" => Math.Log2(a),
            "sin" => Math.Sin(a),
            "cos" => Math.Cos(a),
            "tanh" => Math.Tanh(a),
            "rcp" => 1 / a,
            "sqrt" => Math.Sqrt(a),
            "rsqrt" => 1 / Math.Sqrt(a),
            // The fast one takes the largest divisors for infinity, which times infinity is NaN.
            _ when parts.Contains("approx") && Math.Abs(b) > Math.ScaleB(1, 126) =>
                double.IsInfinity(a) ? double.NaN : a / double.CopySign(double.PositiveInfinity, b),
            _ => a / b,
        };

    private static double Bound(string[] parts, double a, double exact)
    {
        double size = Math.Abs(exact);
        double last = Math.Max(
            Least,
            size is > 0 and < double.PositiveInfinity ? Math.ScaleB(1, Math.ILogB(size) - 23) : 0
        );
        double turns = Math.Abs(a) / Math.Tau;
        return parts[0] switch
        {
            "ex2" => (Math.ScaleB(1, -22) * size) + Least,
            "lg2" => Math.ScaleB(1, -22) * (a is > 0.5 and < 2 ? 1 : size),
            // Beyond 50 turns no bound is stated but that the result is a sine.
            "sin" or "cos" => turns <= 1 ? Math.Pow(2, -20.5)
            : turns <= 50 ? Math.Pow(2, -14.7)
            : double.PositiveInfinity,
            "tanh" => (Math.ScaleB(1, -11) * size) + Least,
            "rcp" or "sqrt" => (Math.ScaleB(1, -23) * size) + Least,
            "rsqrt" => Math.Pow(2, -22.9) * size,
            _ => 2 * last,
        };
    }
}
