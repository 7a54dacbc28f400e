using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>
/// What every kernel moves is at most 1.1 times what it has to: of memory by the sectors that it touches, and by what its threads ask for
/// where that is not the same little for many of them, which comes from a cache. Kernels that ask for more say why, and how much.
/// </summary>
[TestFixture]
public sealed class KernelFloorTests
{
    private const double Most = 1.1;

    private static IEnumerable<string> Runs => FloorRuns.All.Keys;

    private static readonly Lazy<Dictionary<string, List<KernelBytes>>> s_moved = new(() =>
        FloorRuns.All.ToDictionary(run => run.Key, run => Moved(run.Value))
    );

    private static List<KernelBytes> Moved(Action<FloorMachine> run)
    {
        using var machine = new FloorMachine();
        run(machine);
        return machine.Results;
    }

    [Test]
    public void Every_kernel_has_its_floor()
    {
        string[] told = [.. s_moved.Value.Values.SelectMany(r => r.Select(k => k.Kernel))];

        Assert.That(
            told.Distinct(),
            Is.EquivalentTo(KernelImages.AllKernels),
            "a kernel that is new needs its launch in FloorRuns"
        );
        Assert.That(told, Is.Unique);
    }

    [TestCaseSource(nameof(Runs))]
    public void Kernels_move_little_more_than_they_have_to(string run)
    {
        Assert.That(s_moved.Value[run], Is.Not.Empty);
        Assert.That(s_moved.Value[run].SelectMany(Faults), Is.Empty);
    }

    // What is not as it should be; a floor that nobody reaches is none, but the last of some offsets is not read.
    private static IEnumerable<string> Faults(KernelBytes moved)
    {
        double touched = (double)moved.Touched / moved.Floor;
        double asked = (double)moved.Asked / moved.Floor;
        string what = FormattableString.Invariant(
            $"{moved.Kernel}: floor {moved.Floor}, touched {moved.Touched} ({touched:0.000}), asked {moved.Asked} ({asked:0.000})"
        );
        TestContext.Out.WriteLine(what);
        if (!(touched >= 0.99))
            yield return $"{what}: the floor is too high";
        foreach (
            (double ratio, long bytes, long? may) in new[]
            {
                (touched, moved.Touched, moved.MayTouch),
                (asked, moved.Asked, moved.MayAsk),
            }
        )
        {
            if (may is null && !(ratio <= Most))
                yield return $"{what}: more than {Most} times the floor";
            if (may is { } told && bytes != told)
                yield return $"{what}: not {told}; {moved.Why}";
            if (may is not null && !(ratio > Most))
                yield return $"{what}: needs no reason, {moved.Why}";
        }
    }

    [Test]
    public void What_moves_too_much_or_is_excused_for_nothing_is_a_fault()
    {
        KernelBytes right = new("k", 1000, 1000, 1100);
        Assert.That(Faults(right), Is.Empty);
        Assert.That(Faults(right with { Touched = 1101 }), Has.One.Contains("more than"));
        Assert.That(Faults(right with { Asked = 1101 }), Has.One.Contains("more than"));
        Assert.That(Faults(right with { Touched = 900 }), Has.One.Contains("too high"));
        Assert.That(
            Faults(new KernelBytes("k", 1000, 1000, 1100).Asks(1100, "why")),
            Has.One.Contains("needs no reason")
        );
        Assert.That(
            Faults(new KernelBytes("k", 1000, 1000, 2000).Asks(2001, "why")),
            Has.One.Contains("not 2001")
        );
        Assert.That(Faults(new KernelBytes("k", 1000, 1000, 2000).Asks(2000, "why")), Is.Empty);
    }

    // Of 53 states, as at 70,000 parameters: gamma and the entry, which all lanes of a warp ask for together, weigh more.
    [Test]
    public void The_matrices_of_a_small_lru_touch_little_more_than_they_have_to()
    {
        const int Size = 53;
        const int Blocks = (2 * Size + 3) / 4;
        List<KernelBytes> moved = Moved(m =>
            FloorRuns.Diagonal(m, DiagonalForm.LogPolar, Size, Size)
        );
        foreach (KernelBytes kernel in moved)
            Assert.That(kernel.Touched, Is.AtMost(1.01 * kernel.Floor), kernel.Kernel);
        Assert.That(
            moved[0].Asked,
            Is.EqualTo(32 * Size * Size + (16 + 4 * 32) * Size + 120 * Blocks)
        );
        Assert.That((double)moved[0].Asked / moved[0].Floor, Is.EqualTo(1.106).Within(0.001));
        Assert.That(moved[1].Asked, Is.AtMost(Most * moved[1].Floor));
    }
}
