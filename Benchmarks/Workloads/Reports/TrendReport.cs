namespace Sequor.Workloads;

/// <summary>What a history came to, machine by machine, as a file: schema sequor.trends/1.</summary>
public sealed record TrendReport
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.trends/1";

    /// <summary>The history.</summary>
    public required string File { get; init; }

    /// <summary>Its lines, without empty ones.</summary>
    public required int Lines { get; init; }

    /// <summary>Lines that were left out.</summary>
    public required IReadOnlyList<DamagedLine> Damaged { get; init; }

    /// <summary>Machines, each with all that figures depend on; what differs in any of that is not mixed.</summary>
    public required IReadOnlyList<TrendMachine> Machines { get; init; }
}

/// <summary>A line that could not be read.</summary>
/// <param name="Line">Its number, from 1.</param>
/// <param name="Reason">What is wrong with it.</param>
public sealed record DamagedLine(int Line, string Reason);

/// <summary>What was measured under the same conditions.</summary>
public sealed record TrendMachine
{
    /// <summary>What tells it from the other machines of the history.</summary>
    public required string Name { get; init; }

    /// <summary>All that its figures depend on.</summary>
    public required IReadOnlyList<TrendCondition> Conditions { get; init; }

    /// <summary>The commits that were measured, the first measured first.</summary>
    public required IReadOnlyList<TrendCommit> Commits { get; init; }

    /// <summary>One a subject and metric.</summary>
    public required IReadOnlyList<TrendSeries> Series { get; init; }
}

/// <summary>What figures depend on.</summary>
/// <param name="Name">Such as cpu or threads.</param>
/// <param name="Value">As the report has it.</param>
public sealed record TrendCondition(string Name, string Value);

/// <summary>A commit that was measured.</summary>
/// <param name="Commit">Its name; unknown where the build knew none.</param>
/// <param name="Date">When it was measured first, UTC.</param>
/// <param name="Runs">How often it was measured.</param>
public sealed record TrendCommit(string Commit, string Date, int Runs);

/// <summary>A figure over the commits.</summary>
/// <param name="Name">What it is of, with its shape and sizes.</param>
/// <param name="Metric">What it tells.</param>
/// <param name="Unit">Such as ms; empty for a mere number.</param>
/// <param name="Values">One a commit: the median of a time's rounds, the most of a count; null where it was not measured.</param>
/// <param name="Changes">Where it changed.</param>
public sealed record TrendSeries(
    string Name,
    string Metric,
    string Unit,
    IReadOnlyList<double?> Values,
    IReadOnlyList<TrendChange> Changes
);

/// <summary>A place at which a figure changed for good.</summary>
/// <param name="Index">Number of the first commit with the change, from 0.</param>
/// <param name="Commit">Its name.</param>
/// <param name="Before">The figure before it: of times the median since the change before.</param>
/// <param name="After">The figure from it on, until the next change.</param>
/// <param name="Ratio">After to before; null where that is 0.</param>
public sealed record TrendChange(
    int Index,
    string Commit,
    double Before,
    double After,
    double? Ratio
);
