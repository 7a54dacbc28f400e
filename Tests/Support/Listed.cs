using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Support;

/// <summary>Names from the catalogue that tests go through.</summary>
internal static class Listed
{
    public static IEnumerable<string> Architectures => Architecture.Names;

    public static IEnumerable<string> Optimizers => Sequor.Workloads.Optimizers.Names;

    /// <summary>
    /// Every architecture with every task. Each architecture with the first task and each task with the first architecture are run always,
    /// the others with the long tests: they meet operations that those have met.
    /// </summary>
    public static IEnumerable<TestCaseData> WithEachArchitecture(IReadOnlyList<string> tasks)
    {
        string first = Architectures.First();
        foreach (string architecture in Architectures)
        foreach (string task in tasks)
        {
            var pair = new TestCaseData(architecture, task);
            yield return architecture == first || task == tasks[0]
                ? pair
                : pair.SetCategory("Long");
        }
    }

    /// <summary>The tasks that can be measured and trained without a file.</summary>
    public static IEnumerable<string> DrawnTasks =>
        Sequor.Workloads.Tasks.All.Where(task => task.IsDrawn).Select(task => task.Name);

    /// <summary>Those of them that are trained on sequences of one length, whose steps a GPU can record.</summary>
    public static IEnumerable<string> EqualTasks =>
        DrawnTasks.Where(name =>
        {
            (Dataset train, _) = Sequor.Workloads.Tasks.Get(name).CreateTraining(12, 1);
            return train.Shortest == train.Longest;
        });
}
