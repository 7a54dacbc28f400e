using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>The memory in use from a moment of a profiled step on.</summary>
/// <param name="Nanoseconds">Since the step's begin.</param>
/// <param name="Bytes">Bytes in use by category; those of which there are none at any time of the step are left out.</param>
internal readonly record struct MemoryPoint(
    long Nanoseconds,
    IReadOnlyDictionary<MemoryCategory, long> Bytes
)
{
    /// <summary>The moments at which it changes, in the order of time; none where the profile kept no memory.</summary>
    public static IReadOnlyList<MemoryPoint> Of(ProfiledStep step)
    {
        MemoryCategory[] categories =
        [
            .. Enum.GetValues<MemoryCategory>().Where(c => step.Memory.Any(m => m.InUse(c) > 0)),
        ];
        var points = new List<MemoryPoint>();
        ProfiledMemory? last = null;
        foreach (ProfiledMemory memory in step.Memory)
        {
            if (last is not null && categories.All(c => last.InUse(c) == memory.InUse(c)))
                continue;
            last = memory;
            points.Add(
                new MemoryPoint(
                    step.Operations[memory.Operation].StartNanoseconds,
                    categories.ToDictionary(c => c, memory.InUse)
                )
            );
        }
        return points;
    }
}
