using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What profiled steps of a workload gave, and those without a profile between them.</summary>
/// <param name="Workload">What was measured.</param>
/// <param name="Device">Where.</param>
/// <param name="Warmup">Steps before the measured ones.</param>
/// <param name="Plain">Milliseconds of the steps without a profile.</param>
/// <param name="WithProfile">Milliseconds of the steps with one.</param>
/// <param name="Step">Of the profiled steps the one whose time is nearest to the median of those without a profile.</param>
/// <param name="PeakBytes">The most memory that the backend had allocated.</param>
/// <param name="BytesAtPeak">The same by category.</param>
/// <param name="GraphNodes">Operations of the CUDA graph that a step without a profile was replayed as; 0 where it was not.</param>
/// <param name="EagerReason">Why a step was not replayed; null where it was.</param>
public sealed record Profiled(
    Workload Workload,
    BackendInfo Device,
    int Warmup,
    IReadOnlyList<double> Plain,
    IReadOnlyList<double> WithProfile,
    ProfiledStep Step,
    long PeakBytes,
    IReadOnlyDictionary<MemoryCategory, long> BytesAtPeak,
    long GraphNodes,
    string? EagerReason
)
{
    /// <summary>By how much the profiled step may differ from the step without a profile before that is told as a warning.</summary>
    public const double Tolerance = 0.03;

    /// <summary>What its plan computes in another way than was asked for (<see cref="Plan.Fallbacks"/>).</summary>
    public IReadOnlyList<string> Fallbacks { get; init; } = [];

    /// <summary>What a GPU's backend chose for the shapes of the model; empty of a CPU's.</summary>
    public IReadOnlyList<CudaChoice> Choices { get; init; } = [];

    /// <summary>The GPU's state during the steps of both kinds; null on a CPU.</summary>
    public GpuConditions? Conditions { get; init; }

    /// <summary>Median of the steps without a profile, milliseconds.</summary>
    public double Median => Statistics.Median(Plain);

    /// <summary>What the profile adds to a step: the ratio of the medians, less 1.</summary>
    public double Overhead => (Statistics.Median(WithProfile) / Median) - 1;

    /// <summary>Steps of sequences in a second, without a profile.</summary>
    public double TokensPerSecond => Workload.Tokens / (Median / 1000);

    /// <summary>Bytes that were allocated while the steps ran.</summary>
    public long HeldBytes => Step.Held.Sum(owned => owned.Bytes);

    /// <summary>What is not as it should be of these figures.</summary>
    public IReadOnlyList<string> Warnings
    {
        get
        {
            const string advice =
                "Read shares rather than times, or measure again with more --steps on a quiet machine.";
            double ratio = Step.Milliseconds / Median;
            return
            [
                .. Apart(ratio - 1)
                    ? (string[])
                        [
                            Figures.Text(
                                $"the profiled step takes {Step.Milliseconds:0.###} ms, {ratio:0.000} times the {Median:0.###} ms of a step without a profile: more than {Tolerance:0%} apart. "
                            ) + advice,
                        ]
                    : [],
                .. Apart(Overhead)
                    ? (string[])
                        [
                            Figures.Text(
                                $"the median of the profiled steps is {1 + Overhead:0.000} times that of the steps without a profile: the profile costs that, or the machine did other work. "
                            ) + advice,
                        ]
                    : [],
            ];
        }
    }

    private static bool Apart(double difference) => !(Math.Abs(difference) <= Tolerance);
}
