using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>
/// Layers on top of each other under the last step, whose gradient grows to all steps where cuDNN wants them: the places that
/// it lies in are sized for that, in plans larger than what they run, and for a single step, which is all steps already.
/// </summary>
[TestFixture]
public sealed class CudaFlowTests : CudaFixture
{
    private static readonly Dictionary<string, Func<Layer>> Stacks = new()
    {
        ["last lstm"] = () => new Sequential(new Lstm(3, 4), new Last(4), new Linear(4, 2)),
        ["last of nothing else"] = () => new Sequential(new Gru(3, 4), new Last(4)),
        ["all steps"] = () => new Sequential(new Lstm(3, 4), new Linear(4, 2)),
        ["two deep"] = () =>
            new Sequential(new Rnn(3, 7), new Lstm(7, 5), new Last(5), new Linear(5, 9)),
        ["head before last"] = () =>
            new Sequential(new Gru(3, 4), new Linear(4, 6), new Last(6), new LayerNorm(6)),
        ["norm between"] = () =>
            new Sequential(new Gru(3, 4), new LayerNorm(4), new Last(4), new Linear(4, 2)),
        ["recurrent on lru"] = () =>
            new Sequential(new Lru(3, 4, 5, 1), new Lstm(4, 6), new Last(6), new Linear(6, 2)),
        ["lru under last"] = () =>
            new Sequential(new Lstm(3, 6), new Lru(6, 4, 5, 1), new Last(4), new Linear(4, 2)),
        ["tcn under last"] = () =>
            new Sequential(new Rnn(3, 4), new Tcn(4, [5, 6], 2), new Last(6), new Linear(6, 2)),
    };

    private static IEnumerable<string> Names => Stacks.Keys;

    [Test]
    public void Gradients_through_a_stack_are_the_references(
        [ValueSource(nameof(Names))] string name,
        [Values] bool inputGradient
    )
    {
        GradientCase[] cases =
        [
            .. new[] { (7, 3), (1, 2), (2, 1) }.Select(shape => new GradientCase(
                name,
                Stacks[name],
                shape.Item1,
                shape.Item2
            )),
        ];
        using var planned = new PlannedCase(cases[0], Gpu, 9, 4, inputGradient);
        foreach (GradientCase @case in cases)
        {
            planned.CheckForward(@case);
            planned.Backward();
            planned.CheckGradients(@case, inputGradient);
        }
    }
}
