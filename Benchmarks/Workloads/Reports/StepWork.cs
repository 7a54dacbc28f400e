using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What the timed parts of a training step move and compute, and the least time for that, in reports.</summary>
/// <param name="Forward">The batch and its targets copied in, and the forward pass.</param>
/// <param name="Backward">The loss with its gradient, and the backward pass.</param>
/// <param name="Optimizer">The gradients' norm and the update.</param>
public sealed record StepWork(PartWork Forward, PartWork Backward, PartWork Optimizer)
{
    /// <summary>The parts of a step that was counted; null where none was.</summary>
    /// <param name="work">The whole step.</param>
    /// <param name="peaks">What the machine does at most; null where it was not measured.</param>
    public static StepWork? Of(WorkCost? work, MachinePeaks? peaks) =>
        work is null
            ? null
            : new StepWork(
                PartWork.Of(
                    work.OfPasses(ProfilePass.Copy, ProfilePass.Other, ProfilePass.Forward),
                    peaks
                ),
                PartWork.Of(work.OfPasses(ProfilePass.Loss, ProfilePass.Backward), peaks),
                PartWork.Of(work.OfPasses(ProfilePass.Update), peaks)
            );

    /// <summary>Of several rounds: what is counted is the most, and floors are the medians. Null where a round has none.</summary>
    public static StepWork? Merge(IReadOnlyList<StepWork?> rounds)
    {
        ArgumentNullException.ThrowIfNull(rounds);
        StepWork[] given = [.. rounds.OfType<StepWork>()];
        return given.Length < rounds.Count || given.Length == 0
            ? null
            : new StepWork(
                PartWork.Merge([.. given.Select(work => work.Forward)]),
                PartWork.Merge([.. given.Select(work => work.Backward)]),
                PartWork.Merge([.. given.Select(work => work.Optimizer)])
            );
    }
}

/// <summary>What a part of a step moves and computes.</summary>
/// <param name="BytesMoved">Bytes that its operations must move, of those that tell them.</param>
/// <param name="Flops">Operations with floats, by formula.</param>
/// <param name="FloorMs">The least time of its operations at the machine's peaks; null where these were not measured.</param>
public sealed record PartWork(
    long BytesMoved,
    long Flops,
    [property: JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingNull)] double? FloorMs
)
{
    internal static PartWork Of(WorkCost work, MachinePeaks? peaks) =>
        new(
            work.BytesMoved,
            work.Flops,
            // To the tenth of a microsecond, as the times that it stands beside.
            peaks is null
                ? null
                : Math.Round(work.FloorMilliseconds(peaks), 4)
        );

    internal static PartWork Merge(IReadOnlyList<PartWork> rounds) =>
        new(
            rounds.Max(part => part.BytesMoved),
            rounds.Max(part => part.Flops),
            rounds.All(part => part.FloorMs is not null)
                ? Math.Round(Statistics.Median(rounds.Select(part => part.FloorMs!.Value)), 4)
                : null
        );
}
