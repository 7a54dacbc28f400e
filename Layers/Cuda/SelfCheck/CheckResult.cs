namespace Sequor.Layers.Cuda;

/// <summary>What one part of a GPU's self-check found.</summary>
/// <param name="Name">What was checked, such as "lstm, as a graph".</param>
/// <param name="Passed">Whether it held.</param>
/// <param name="Detail">The figure with its bound; where it did not hold, what differed, or the error.</param>
/// <param name="LoadSeconds">Seconds until the first run was done: libraries load, and the driver compiles kernels.</param>
/// <param name="Seconds">Seconds of the check itself.</param>
internal sealed record CheckResult(
    string Name,
    bool Passed,
    string Detail,
    double LoadSeconds,
    double Seconds
)
{
    /// <summary>It was no fault of the device's: there was no memory, which other programs may have had.</summary>
    public bool LacksMemory { get; init; }
}
