using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Cuda;

/// <summary>
/// What a whole training step of each architecture does, exactly as step-counts.txt has it: the adding problem at two shapes,
/// one in which next to nothing but the calls counts, and one of several tiles of the scan, in which a convolution's taps
/// reach back; and one with a batch so large that it comes to the device while the step before runs.
/// </summary>
[TestFixture]
[VirtualGpuOnly]
[NonParallelizable]
[Category("Gpu")]
public sealed class StepCountTests
{
    /// <summary>Names a file that the counts are written to, in place of being compared.</summary>
    public const string UpdateVariable = "SEQUOR_UPDATE_COUNTS";

    private const string Heading = """
        # What one training step does: the adding problem, Adam, clipping, default depth. StepCountTests compares every number
        # with what it counts on the virtual GPU; `./build.sh test --update-counts` writes this file anew.
        #
        # kernels       Sequor's own, however they were launched: by a call each or by a graph. Bytes are those of global memory
        #               that threads ask for, cached or not; each thread's own, so a value that a block reads together counts
        #               once a thread. Atomics are operations; their bytes are in no other column.
        #               Blocks run one after another here. Where they run at once, those of a scan in tiles may have to wait
        #               for one another, and then tell and look more (docs/cuda.md).
        # kernels, h200 What predicts their time on that GPU (Tests/Counts/Gpus; `./build.sh counts` has others, and any shape):
        #               32-byte sectors that a request touches, which is what an instruction asks for the lanes of a warp
        #               together; times that shared memory serves a request again for its banks' sake; PTX instructions for each
        #               4 bytes read or written; blocks over those resident at a time, by the table of ptxas, the mean of
        #               the launches; and the floor: each sector touched read once and written once, over bandwidth, or the
        #               operations over their rate, whatever is longer. A floor is a bound and no forecast.
        # calls         A step as it is, operation by operation, and one that is replayed as a CUDA graph. Kernels, copies, fills,
        #               waits, allocations and memory are those of the replayed one.
        # library calls cuDNN's and cuBLAS's functions. What they launch is theirs.
        # library calls, h200
        #               The same calls by formula: each operand read and each result written once, two operations a product.
        # driver calls  All but those that ask which context is current.
        # memory        The most that the backend held at a time from its making to the end of the step, parameters, plan, loss and
        #               optimizer included. Sizes of cuDNN's reserve and of its scratch, which is part of workspace, are those of
        #               the virtual cuDNN.

        """;

    // Of the seed that is written down; a step of another one is compared with it.
    private static readonly Lazy<string> First = new(() => CountsOf(seed: 1));

    private static readonly AddingProblem Short = new(12);
    private static readonly AddingProblem Long = new(200);
    private static readonly AddingProblem Large = new(300);

    // Those that are compared, and those whose walk along time or gates are kernels that none of these has.
    private static IEnumerable<Architecture> Counted =>
        [
            .. Architecture.Compared,
            .. new[] { "linear", "s5", "s4d", "dss", "gtcn" }.Select(Architecture.Get),
        ];

    private static IEnumerable<Workload> Workloads() =>
        from shape in new[]
        {
            (Task: Short, Batch: 4, Width: 6, Of: Counted),
            (Task: Long, Batch: 4, Width: 16, Of: Counted),
            (Task: Large, Batch: 128, Width: 6, Of: [Architecture.Get("rnn")]),
        }
        from architecture in shape.Of
        select new Workload(
            architecture,
            shape.Task,
            shape.Batch,
            shape.Width,
            architecture.DefaultDepth
        );

    [Test]
    public void A_step_does_what_it_did_before()
    {
        string found = First.Value;
        if (Environment.GetEnvironmentVariable(UpdateVariable) is { Length: > 0 } path)
        {
            File.WriteAllText(path, found);
            TestContext.Out.WriteLine($"written to {path}");
            return;
        }
        IReadOnlyList<string> differences = CountDifferences.Between(Recorded(), found);
        Assert.That(
            differences,
            Is.Empty,
            $"./build.sh test --update-counts records the new numbers, if they are meant:\n{string.Join('\n', differences)}\n"
        );
    }

    [Test]
    public void A_step_does_the_same_in_another_order_of_the_device()
    {
        // Those of several tiles take long.
        foreach (Workload workload in Workloads().Where(w => w.Task == Short))
            Assert.That(
                CountDifferences.Between(
                    StepCounts.Of(workload, seed: 1).ToString(),
                    StepCounts.Of(workload, seed: 2).ToString()
                ),
                Is.Empty
            );
    }

    [Test]
    [Category("Long")]
    public void A_step_does_the_same_in_whatever_order_the_device_works([Range(2, 12)] int seed) =>
        Assert.That(CountDifferences.Between(First.Value, CountsOf(seed)), Is.Empty);

    private static string CountsOf(int seed) =>
        Heading + string.Concat(Workloads().Select(w => $"\n{StepCounts.Of(w, seed)}"));

    private static string Recorded()
    {
        using Stream stream = typeof(StepCountTests).Assembly.GetManifestResourceStream(
            "step-counts.txt"
        )!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
