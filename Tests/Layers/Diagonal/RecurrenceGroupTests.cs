using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Which parameters the groups of LRUs and S5s name: with a factor of 0 they stay, and all others move.</summary>
[TestFixture]
public sealed class RecurrenceGroupTests
{
    private static IEnumerable<TestCaseData> Cases()
    {
        foreach (LruRung rung in Enum.GetValues<LruRung>())
        {
            string[] state = rung switch
            {
                LruRung.Lru => ["nu_log", "theta_log", "gamma_log"],
                LruRung.Diagonal => ["Lambda_re", "Lambda_im"],
                LruRung.Polar => ["nu", "theta"],
                _ => ["nu_log", "theta"],
            };
            yield return new TestCaseData(
                () => new Lru(2, 3, 4, 2, new LruOptions { Rung = rung }),
                Lru.Recurrence(0),
                (string[])[.. state, "B_re", "B_im"]
            ).SetArgDisplayNames($"{rung}");
        }
        yield return new TestCaseData(
            () => new S5(2, 3, 4, 2),
            S5.Recurrence(0),
            (string[])
                ["Lambda_re", "Lambda_im", "log_step", "B_re", "B_im", "norm.weight", "norm.bias"]
        ).SetArgDisplayNames("S5");
    }

    [TestCaseSource(nameof(Cases))]
    public void A_group_has_the_recurrence(Func<Layer> make, ParameterGroup group, string[] named)
    {
        using Layer model = make();
        using Plan plan = model.Plan(Backends.Get(256, 1), 2, 2, Mode.Training);
        using var adam = new AdamW(plan, 0.1f, 0.5f, groups: [group]);
        string[] names = [.. model.NamedParameters().Select(p => p.Name)];
        float[][] before = [.. names.Select(n => plan.Parameter(n).ToArray())];
        foreach (string name in names)
        {
            Tensor gradient = plan.Gradient(name);
            gradient.Write(new Draw(1).Uniform(gradient.Count, 0.5f, 1f));
        }
        adam.Step(1e9f);

        string[] stayed =
        [
            .. names.Where((name, i) => plan.Parameter(name).ToArray().SequenceEqual(before[i])),
        ];
        string[] expected =
        [
            .. names.Where(name =>
                named.Any(part => name.EndsWith($".{part}", StringComparison.Ordinal))
            ),
        ];
        Assert.That(stayed, Is.EqualTo(expected));
        Assert.That(expected, Has.Length.EqualTo(2 * named.Length));
    }
}
