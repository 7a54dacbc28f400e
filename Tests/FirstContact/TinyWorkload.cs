using Sequor.Workloads;

namespace Sequor.FirstContact;

/// <summary>Models and tasks so small that a step of them takes no time anywhere.</summary>
internal static class TinyWorkload
{
    public static Workload Of(Architecture architecture, int length = 20) =>
        new(architecture, new AddingProblem(length), batch: 3, width: 8, depth: 2);
}
