namespace Sequor.Replay;

/// <summary>What came of a kernel's launches.</summary>
/// <param name="Name">The kernel.</param>
/// <param name="Launches">Those that ended and were compared.</param>
/// <param name="ComparedBytes">What they left, together.</param>
/// <param name="Differing">Values that are not the recorded ones, or lie where nothing was to be written.</param>
/// <param name="LargestDifference">Between floats; null where there was none, or it is no number.</param>
/// <param name="Verdict">One of the constants.</param>
/// <param name="Reason">What was seen first; null where all is right.</param>
internal sealed record KernelResult(
    string Name,
    int Launches,
    long ComparedBytes,
    long Differing,
    double? LargestDifference,
    string Verdict,
    string? Reason
)
{
    public const string Equal = "equal";
    public const string Within = "within-bound";
    public const string Different = "different";
    public const string Failed = "failed";
    public const string TimedOut = "timed-out";

    /// <summary>The device has not the shared memory that a launch wants.</summary>
    public const string Unfit = "unfit";

    /// <summary>Whether it left what was recorded, or could not be launched on such a device at all.</summary>
    [System.Text.Json.Serialization.JsonIgnore]
    public bool IsRight => Verdict is Equal or Within or Unfit;

    /// <summary>Of a kernel that gave no result.</summary>
    public static KernelResult None(string name, string verdict, string reason) =>
        new(name, 0, 0, 0, null, verdict, reason);
}
