using System.Globalization;
using System.Text;

namespace Sequor.Layers.Cuda;

/// <summary>What a GPU's self-check found: all of its parts, and how long they took.</summary>
/// <param name="Identity">What was checked.</param>
/// <param name="Date">When it ended, in UTC.</param>
/// <param name="Checks">The parts, in their order; those that had no chance any more are left out.</param>
internal sealed record SelfCheckReport(
    CudaIdentity Identity,
    DateTime Date,
    IReadOnlyList<CheckResult> Checks
)
{
    /// <summary>Whether all held.</summary>
    public bool Passed => Checks.All(c => c.Passed);

    /// <summary>Whether a check had not the memory that it needs, so that another time may give another verdict.</summary>
    public bool LacksMemory => Checks.Any(c => c.LacksMemory);

    private CheckResult[] Failed => [.. Checks.Where(c => !c.Passed)];

    /// <summary>One line: that it passed, or what failed with which figure.</summary>
    public string Verdict =>
        Failed is [var first, .. var others]
            ? $"failed its self-check: {first.Name}: {first.Detail}"
                + (others.Length > 0 ? $" (and {Amount.Of(others.Length, "check")} more)" : "")
            : string.Create(
                CultureInfo.InvariantCulture,
                $"passed its self-check of {Date:yyyy-MM-dd} ({Checks.Count} checks in {Checks.Sum(c => c.Seconds):0.0} s, {Checks.Sum(c => c.LoadSeconds):0.0} s to load)"
            );

    /// <summary>The whole report as text, to be attached to a question or kept.</summary>
    /// <param name="machine">What else is known of the machine, in lines.</param>
    public string ToText(string machine)
    {
        var text = new StringBuilder();
        text.AppendLine(
            CultureInfo.InvariantCulture,
            $"Sequor's self-check of a GPU, {Date:yyyy-MM-dd HH:mm:ss} UTC: {(Passed ? "passed" : "failed")}"
        );
        text.AppendLine(Identity.ToString()).AppendLine();
        foreach (CheckResult check in Checks)
            text.AppendLine(
                CultureInfo.InvariantCulture,
                $"{(check.Passed ? "passed" : "FAILED")}  {check.Name}: {check.Detail} ({check.LoadSeconds:0.00} s to load, {check.Seconds:0.00} s)"
            );
        return text.AppendLine().Append(machine).ToString();
    }
}
