namespace Sequor.Tool;

/// <summary>How a figure came about, which decides what may be said of two of them.</summary>
internal enum FigureKind
{
    /// <summary>Counted: the same work gives the same number, and any growth is one.</summary>
    Counted,

    /// <summary>A time: the same work gives another number each round.</summary>
    Timed,

    /// <summary>A loss after training, one a seed: less is better.</summary>
    Loss,
}

/// <summary>What is measured.</summary>
/// <param name="Name">Such as an architecture's name.</param>
/// <param name="Shape">How much it is given, as in T=600 B=32; empty where that is part of the name.</param>
/// <param name="Size">What it consists of, as in hidden 130; empty where that is not told.</param>
internal readonly record struct Subject(string Name, string Shape, string Size)
{
    public override string ToString() => Shape.Length == 0 ? Name : $"{Name} {Shape}";
}

/// <summary>One number that a file tells of a subject, or several of it, one a round.</summary>
/// <param name="Subject">What it is of.</param>
/// <param name="Metric">What it tells, as the file calls it.</param>
/// <param name="Kind">How it came about.</param>
/// <param name="Unit">Such as ms or bytes; empty for a mere number.</param>
/// <param name="Values">At least one: one a round of a time, one a seed of a loss.</param>
internal sealed record Figure(
    Subject Subject,
    string Metric,
    FigureKind Kind,
    string Unit,
    IReadOnlyList<double> Values
)
{
    /// <summary>
    /// The layer or kernel that it is of; null for the whole. Parts come and go with changes of the code, so one that is missing
    /// is no missing measurement: the whole counts it.
    /// </summary>
    public string? Part { get; init; }

    public string Name => Part is null ? $"{Subject}" : $"{Subject}, {Part}";
}

/// <summary>Where two sets of figures have to agree.</summary>
internal enum Agreement
{
    /// <summary>A difference is told, and nothing else.</summary>
    Told,

    /// <summary>Times cannot be compared where it differs.</summary>
    Times,

    /// <summary>Nothing can.</summary>
    Always,
}

/// <summary>Something that figures depend on.</summary>
/// <param name="Name">Such as threads.</param>
/// <param name="Value">What it was.</param>
/// <param name="Agreement">What a difference means.</param>
internal readonly record struct Condition(string Name, string Value, Agreement Agreement);
