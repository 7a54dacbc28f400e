using Sequor.Workloads;

namespace Sequor.Tests.Support;

/// <summary>Names from the catalogue that tests go through.</summary>
internal static class Listed
{
    public static IEnumerable<string> Architectures => Architecture.Names;

    public static IEnumerable<string> Optimizers => Sequor.Workloads.Optimizers.Names;

    /// <summary>The tasks that can be measured and trained without a file.</summary>
    public static IEnumerable<string> DrawnTasks =>
        Sequor.Workloads.Tasks.All.Where(task => task.File is null).Select(task => task.Name);
}
