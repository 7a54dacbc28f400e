using System.Text.Json.Serialization;

namespace Sequor.FirstContact;

/// <summary>A number that a check found.</summary>
internal sealed record Figure(string Name, double Value, string Unit);

/// <summary>What came of a check.</summary>
/// <param name="Verdict">One of the constants.</param>
/// <param name="Reason">Why it did not hold, or was skipped; null where it held.</param>
/// <param name="Figures">What was measured or counted.</param>
internal sealed record CheckOutcome(string Verdict, string? Reason, Figure[] Figures)
{
    public const string IsHeld = "held";
    public const string IsDifferent = "differed";
    public const string IsFailed = "failed";
    public const string IsSkipped = "skipped";
    public const string IsTimedOut = "timed-out";

    [JsonIgnore]
    public bool IsBad => Verdict is not (IsHeld or IsSkipped);

    public static CheckOutcome Held(params Figure[] figures) => new(IsHeld, null, figures);

    public static CheckOutcome Differed(string reason, params Figure[] figures) =>
        new(IsDifferent, reason, figures);

    public static CheckOutcome Failed(string reason, params Figure[] figures) =>
        new(IsFailed, reason, figures);

    public static CheckOutcome Skipped(string reason) => new(IsSkipped, reason, []);

    public static CheckOutcome TimedOut(string reason) => new(IsTimedOut, reason, []);
}
