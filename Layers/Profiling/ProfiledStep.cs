namespace Sequor.Layers;

/// <summary>One step as a profile saw it: its operations in queue order, and the memory that they used.</summary>
public sealed record ProfiledStep
{
    /// <summary>The number of the step since the profile was started, from 1.</summary>
    public required long Number { get; init; }

    /// <summary>How long the step took; the sum of its rows' nanoseconds.</summary>
    public required long Nanoseconds { get; init; }

    /// <summary>How long the step took, in milliseconds.</summary>
    public double Milliseconds => Nanoseconds / 1e6;

    /// <summary>Whether a recorded graph ran, whose marks are nodes of it, rather than single calls.</summary>
    public required bool IsReplay { get; init; }

    /// <summary>The operations in the order of the queue, and the time between them.</summary>
    public required IReadOnlyList<ProfiledOperation> Operations { get; init; }

    /// <summary>The bytes in use during each operation, in the same order; empty where the profile keeps no memory.</summary>
    public required IReadOnlyList<ProfiledMemory> Memory { get; init; }

    /// <summary>Who owns what is in use at the peak, the largest first; the bytes add up to the peak.</summary>
    public required IReadOnlyList<OwnedMemory> PeakOwners { get; init; }

    /// <summary>The most bytes in use at one time; 0 where the profile keeps no memory.</summary>
    public long PeakBytes => Memory.Count == 0 ? 0 : Memory.Max(m => m.Bytes);

    /// <summary>
    /// Who owns what is allocated, by category. All bytes of a category add up to what the backend's ledger has of it at the time of the
    /// reading (<see cref="Backend.Memory"/>).
    /// </summary>
    public required IReadOnlyList<OwnedMemory> Held { get; init; }
}
