namespace Sequor.Layers;

/// <summary>The ring in which the eigenvalues of an LRU begin, uniform in area, with phases uniform from 0 to the largest one.</summary>
/// <param name="MinRadius">The inner radius, at least 0.</param>
/// <param name="MaxRadius">The outer radius, above the inner one and at most 1.</param>
/// <param name="MaxPhase">The largest phase in radians, above 0 and at most 2 pi.</param>
public readonly record struct LruRing(
    double MinRadius = 0.9,
    double MaxRadius = 0.999,
    double MaxPhase = 6.28
)
{
    /// <summary>Makes a ring with radii from 0.9 to 0.999 and phases up to 6.28.</summary>
    public LruRing()
        : this(0.9, 0.999, 6.28) { }

    /// <summary>The whole unit disk.</summary>
    internal static LruRing Disk => new(0, 1, 2 * Math.PI);

    internal void Validate()
    {
        if (!(MinRadius >= 0 && MinRadius < MaxRadius && MaxRadius <= 1))
        {
            throw new ArgumentException(
                $"The ring's radii must satisfy 0 <= min < max <= 1; they are {MinRadius} and {MaxRadius}."
            );
        }
        if (!(MaxPhase > 0 && MaxPhase <= 2 * Math.PI))
            throw new ArgumentException(
                $"The largest phase must be above 0 and at most 2 pi, not {MaxPhase}."
            );
    }
}
