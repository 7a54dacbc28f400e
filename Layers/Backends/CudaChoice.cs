namespace Sequor.Layers;

/// <summary>What a GPU's backend chose for a shape, and why.</summary>
/// <param name="Kind">What was chosen for: recurrent, convolution, math (a product's) or scan.</param>
/// <param name="Shape">The shape, in words and numbers.</param>
/// <param name="Taken">The candidate that is taken.</param>
/// <param name="How">guess (by a rule), measured (in this process), file (measured before) or forced.</param>
public sealed record CudaChoice(string Kind, string Shape, string Taken, string How)
{
    /// <summary>Why it is a guess, or why not the candidate that was forced; else null.</summary>
    public string? Reason { get; init; }

    /// <summary>Median time of each candidate that was measured, in microseconds.</summary>
    public IReadOnlyDictionary<string, double> Microseconds { get; init; } =
        new Dictionary<string, double>();

    /// <summary>Why each candidate that was not measured was not.</summary>
    public IReadOnlyDictionary<string, string> Refused { get; init; } =
        new Dictionary<string, string>();
}
