using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Tests.Replays;

/// <summary>
/// The heads of the kernels' sources against their PTX: who has approximate instructions says how far results may be off, and
/// nobody else does.
/// </summary>
[TestFixture]
public sealed partial class KernelPromiseTests
{
    [Test]
    public void Kernels_with_approximate_instructions_have_a_bound_and_no_others() =>
        Assert.That(
            KernelPromises.OfSources().Bounded,
            Is.EquivalentTo(KernelImages.Names.SelectMany(n => Approximate(KernelImages.Ptx(n))))
        );

    [Test]
    public void Only_kernels_that_there_are_promise_anything()
    {
        var promises = KernelPromises.OfSources();
        Assert.That(
            promises.Bounded.Concat(promises.UnorderedKernels),
            Is.SubsetOf(KernelImages.AllKernels)
        );
        Assert.That(
            promises.UnorderedKernels,
            Is.Empty,
            "what all kernels leave repeats bit for bit"
        );
    }

    // What the test above goes by, in PTX that has it.
    [TestCase("ex2.approx.ftz.f32 %f1, %f2;", true)]
    [TestCase("@%p1 div.full.f32 %f1, %f2, %f3;", true)]
    [TestCase("tanh.approx.f32 %f1, %f2;", true)]
    [TestCase("div.rn.f32 %f1, %f2, %f3;", false)]
    [TestCase("// ex2.approx.f32 in a remark", false)]
    public void An_approximate_instruction_is_found(string line, bool approximate) =>
        Assert.That(
            Approximate(
                $".visible .entry other(\n)\n{{\nret;\n}}\n.visible .entry made(\n)\n{{\n\t{line}\n}}\n"
            ),
            Is.EqualTo(approximate ? new[] { "made" } : [])
        );

    [Test]
    public void A_bound_is_of_the_larger_of_1_and_the_value()
    {
        var promises = new KernelPromises(["// Replay: made: within 1e-3\n"]);
        Assert.That(promises.Bound("made"), Is.EqualTo(1e-3));
        Assert.That(promises.Bound("other"), Is.Zero);
        Assert.Multiple(() =>
        {
            Assert.That(Matches(0.0005f, 0f, 1e-3), Is.True);
            Assert.That(Matches(0.002f, 0f, 1e-3), Is.False);
            Assert.That(Matches(1000.5f, 1000f, 1e-3), Is.True);
            Assert.That(Matches(1002f, 1000f, 1e-3), Is.False);
            Assert.That(Matches(float.NaN, 1f, 1e-3), Is.False);
            Assert.That(Matches(1f, float.NaN, 1e-3), Is.False);
            Assert.That(Matches(-float.NaN, float.NaN, 0), Is.True);
            Assert.That(Matches(-0f, 0f, 0), Is.False, "the bits");
        });

        static bool Matches(float value, float recorded, double bound) =>
            WordComparison.Matches(
                WordKind.Single,
                BitConverter.SingleToUInt32Bits(value),
                BitConverter.SingleToUInt32Bits(recorded),
                bound
            );
    }

    private static IEnumerable<string> Approximate(string ptx) =>
        ptx.Split(".entry ")
            .Skip(1)
            .Where(text => Instruction().IsMatch(text))
            .Select(text => text[..text.IndexOf('(', StringComparison.Ordinal)]);

    [GeneratedRegex(@"^\s*(@!?%p\d+\s+)?\w+\.(approx|full)\b", RegexOptions.Multiline)]
    private static partial Regex Instruction();
}
