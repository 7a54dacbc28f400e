using System.Numerics;
using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// Products of matrices by warps, against arithmetic of whole numbers without bounds: exact where every sum is a float, and in each way of
/// a tensor core bit for bit what that way is declared to be, and within the bound that holds for all of them.
/// </summary>
[TestFixture]
public sealed class PtxMatrixTests
{
    private static readonly string[] Forms = [.. PtxMatrix.All.Select(form => form.ToString())];

    [TestCaseSource(nameof(Forms))]
    public void Of_small_whole_numbers_are_exact_in_every_way(string name)
    {
        PtxMatrix form = PtxMatrix.Of(name);
        var random = new Random(7);
        int[] a = Draw(PtxMatrix.Rows * form.Depth);
        int[] b = Draw(form.Depth * PtxMatrix.Columns);
        int[] c = Draw(PtxMatrix.Rows * PtxMatrix.Columns);
        float[] expected = new float[c.Length];
        for (int i = 0; i < c.Length; i++)
        {
            int sum = c[i];
            for (int k = 0; k < form.Depth; k++)
                sum += a[i / 8 * form.Depth + k] * b[k * 8 + i % 8];
            expected[i] = sum;
        }
        foreach (PtxTensorCore core in PtxTensorCore.All)
            Assert.That(
                form.Run(Bits(a), Bits(b), [.. c.Select(v => (float)v)], core),
                Is.EqualTo(expected).AsCollection,
                core.ToString()
            );

        int[] Draw(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(-99, 100))];

        ulong[] Bits(int[] values) => [.. values.Select(v => form.Format.Round(v, 0))];
    }

    // Exponents that lie apart by more than a float has bits, so that order and cuts show.
    [TestCaseSource(nameof(Forms))]
    public void Are_what_each_way_is_declared_to_be_and_within_the_bound(string name)
    {
        PtxMatrix form = PtxMatrix.Of(name);
        var random = new Random(11);
        int wrong = 0;
        int beyond = 0;
        foreach (PtxTensorCore core in PtxTensorCore.All)
        foreach (int spread in (int[])[0, 3, 9])
        {
            ulong[] a = [.. Enumerable.Range(0, 16 * form.Depth).Select(_ => Factor(spread))];
            ulong[] b = [.. Enumerable.Range(0, 8 * form.Depth).Select(_ => Factor(spread))];
            float[] c =
            [
                .. Enumerable
                    .Range(0, 128)
                    .Select(_ => (float)Math.ScaleB(random.NextDouble() - 0.5, random.Next(-9, 9))),
            ];
            float[] results = form.Run(a, b, c, core);
            for (int i = 0; i < results.Length; i++)
            {
                PtxTerm[] terms = form.Terms(a, b, c, i / 8, i % 8);
                uint bits = BitConverter.SingleToUInt32Bits(results[i]);
                if (bits != PtxSums.Of(core, terms))
                    wrong++;
                double exact = PtxSums.Exact(terms);
                double magnitude = terms.Sum(t => Math.Abs(PtxSums.Exact(t)));
                double bound = PtxTensorCore.ErrorBound(form.Depth, magnitude);
                if (!(Math.Abs(results[i] - exact) <= bound))
                    beyond++;
            }
        }
        Assert.Multiple(() =>
        {
            Assert.That(wrong, Is.Zero, "not as declared");
            Assert.That(beyond, Is.Zero, "beyond the bound");
        });

        ulong Factor(int spread)
        {
            var number = new BigInteger(random.Next(-2047, 2048));
            return form.Format.Round(number, -11 + random.Next(-spread, spread + 1));
        }
    }

    // A way that did nothing of its own would be no freedom.
    [Test]
    public void Differ_by_way_and_are_the_same_for_one()
    {
        PtxMatrix form = PtxMatrix.Of("m16n8k16.f16");
        var random = new Random(3);
        ulong[] a = Draw(16 * 16);
        ulong[] b = Draw(16 * 8);
        float[] c = [.. Enumerable.Range(0, 128).Select(_ => random.NextSingle())];
        string[] forwards = Results(false);
        string[] backwards = Results(true);
        Assert.That(forwards, Is.Unique);
        // All but one sum of all terms, and one of so many bits that the order hardly counts.
        Assert.That(
            forwards.Zip(backwards).Count(pair => pair.First != pair.Second),
            Is.GreaterThanOrEqualTo(forwards.Length - 2)
        );
        Assert.That(
            Enumerable.Range(0, 200).Select(s => PtxTensorCore.Of((ulong)s)).Distinct().Count(),
            Is.EqualTo(PtxTensorCore.All.Count)
        );

        string[] Results(bool backwards) =>
            [
                .. PtxTensorCore
                    .All.Where(core => core.Backwards == backwards && !core.RoundsFactors)
                    .Select(core =>
                        string.Join(' ', form.Run(a, b, c, core).Select(v => $"{v:R}"))
                    ),
            ];

        ulong[] Draw(int count) =>
            [
                .. Enumerable
                    .Range(0, count)
                    .Select(_ => ExactFloat.Half.Round(random.Next(1, 2048), random.Next(-16, -8))),
            ];
    }

    [TestCaseSource(nameof(Forms))]
    public void Have_infinities_and_NaN_where_their_terms_have(string name)
    {
        PtxMatrix form = PtxMatrix.Of(name);
        ulong one = form.Format.Round(1, 0);
        ulong infinity = form.Format.Infinity;
        ulong[] a = [.. Enumerable.Repeat(one, 16 * form.Depth)];
        ulong[] b = [.. Enumerable.Repeat(one, 8 * form.Depth)];
        float[] c = new float[128];
        a[0] = infinity;
        a[form.Depth] = form.Format.NaN;
        b[1] = 0;
        b[2] = infinity | form.Format.Sign;
        c[2 * 8 + 4] = float.NegativeInfinity;
        c[2 * 8 + 5] = float.NaN;
        c[3] = float.NegativeInfinity;
        foreach (PtxTensorCore core in PtxTensorCore.All)
        {
            float[] d = form.Run(a, b, c, core);
            Assert.Multiple(() =>
            {
                Assert.That(d[0], Is.EqualTo(float.PositiveInfinity), "infinity times one");
                Assert.That(d[1], Is.NaN, "infinity times zero");
                Assert.That(d[2], Is.EqualTo(float.NegativeInfinity), "the product of both");
                Assert.That(d[3], Is.NaN, "both infinities");
                Assert.That(d[8..16], Is.All.NaN, "a row with NaN");
                Assert.That(d[16 + 2], Is.EqualTo(float.NegativeInfinity));
                Assert.That(d[16 + 4], Is.EqualTo(float.NegativeInfinity));
                Assert.That(d[16 + 5], Is.NaN);
                Assert.That(d[16], Is.EqualTo((float)form.Depth));
            });
        }
    }

    [Test]
    public void Beyond_the_largest_float_are_infinite_and_stay_so()
    {
        PtxMatrix form = PtxMatrix.Of("m16n8k16.bf16");
        ulong large = ExactFloat.BFloat.Round(1, 100);
        ulong[] a = [.. Enumerable.Repeat(large, 256)];
        ulong[] b = [.. Enumerable.Repeat(large, 128)];
        foreach (PtxTensorCore core in PtxTensorCore.All)
            Assert.That(
                form.Run(a, b, new float[128], core),
                Is.All.EqualTo(float.PositiveInfinity),
                core.ToString()
            );
    }

    // Subnormal factors count, as they do on the cards that were measured.
    [Test]
    public void Take_subnormal_factors_and_sums([ValueSource(nameof(Forms))] string name)
    {
        PtxMatrix form = PtxMatrix.Of(name);
        ulong[] a = [.. Enumerable.Repeat(1ul, 16 * form.Depth)];
        ulong scale = form.Format.Round(1, form.Type == "f16" ? 10 : 120);
        ulong[] b = [.. Enumerable.Repeat(scale, 8 * form.Depth)];
        float least = BitConverter.Int32BitsToSingle(1);
        float[] c = [.. Enumerable.Repeat(form.Type == "f16" ? 0 : least, 128)];
        double exact = PtxSums.Exact(form.Terms(a, b, c, 0, 0));
        foreach (PtxTensorCore core in PtxTensorCore.All)
            Assert.That(
                form.Run(a, b, c, core)
                    .All(d =>
                        d > 0 && Math.Abs(d - exact) <= PtxTensorCore.ErrorBound(form.Depth, exact)
                    ),
                core.ToString()
            );
    }

    // What TF32 has not is undefined in a factor: both readings are there, and a converted factor has none of it.
    [Test]
    public void Of_floats_that_were_not_converted_are_read_in_two_ways()
    {
        const int bits = 0x3F801FFF;
        Assert.That(PtxNarrow.OfTf32(bits, rounds: false), Is.EqualTo(1));
        Assert.That(PtxNarrow.OfTf32(bits, rounds: true), Is.EqualTo(1 + 1f / 1024));
        float value = BitConverter.Int32BitsToSingle(bits);
        foreach (bool rounds in (bool[])[false, true])
            Assert.That(
                PtxNarrow.OfTf32(PtxNarrow.Tf32Away(value), rounds),
                Is.EqualTo(1 + 1f / 1024)
            );
        Assert.That(PtxNarrow.OfTf32(0x7F800001, rounds: false), Is.NaN);
        Assert.That(PtxTensorCore.All.Count(c => c.RoundsFactors), Is.EqualTo(14));
    }
}
