using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Measures the same models at one length after another. Within a length they take turns (see <see cref="Measurement"/>);
/// before the next begins, all memory of the last is given back.
/// </summary>
public static class Sweep
{
    /// <summary>Measures.</summary>
    /// <param name="lengths">A length's workloads, length by length.</param>
    /// <param name="createBackend">A new backend on the device.</param>
    /// <param name="options">How many steps; the limit is that of each length.</param>
    /// <param name="progress">Called between steps with the fraction done and the workload that comes next.</param>
    /// <param name="stop">Asked before a step whether to leave it and all others out, until it is true; null for never.</param>
    /// <param name="measured">Given the results of each length when it is over, should a later one fail.</param>
    /// <returns>
    /// The results in the order of the workloads. A stopped measurement has those that have a measured step; after its first
    /// length only those of lengths at which all have one.
    /// </returns>
    /// <exception cref="DeviceMemoryException">The workloads of a length do not fit in memory together.</exception>
    public static IReadOnlyList<Measured> Run(
        IReadOnlyList<IReadOnlyList<Workload>> lengths,
        Func<Backend> createBackend,
        MeasurementOptions options,
        Action<double, Workload>? progress = null,
        Func<bool>? stop = null,
        Action<IReadOnlyList<Measured>>? measured = null
    )
    {
        ArgumentNullException.ThrowIfNull(lengths);
        bool stopped = false;
        double all = lengths.Sum(Tokens);
        double before = 0;
        var results = new List<Measured>();
        foreach (IReadOnlyList<Workload> length in lengths)
        {
            double share = Tokens(length);
            double begun = before;
            IReadOnlyList<Measured> here = Measurement.Run(
                length,
                createBackend,
                options,
                (done, next) => progress?.Invoke((begun + (done * share)) / all, next),
                () => stopped = stop?.Invoke() == true
            );
            if (results.Count == 0 || here.Count == length.Count)
            {
                results.AddRange(here);
                measured?.Invoke(here);
            }
            if (stopped)
                break;
            before += share;
        }
        return results;
    }

    /// <summary>Says before the first length what would fail at a later one.</summary>
    /// <param name="lengths">A length's workloads, length by length.</param>
    /// <param name="backend">Any backend of the device.</param>
    /// <exception cref="DeviceMemoryException">The least that a length needs is more than the device has free.</exception>
    public static void RequireMemory(
        IReadOnlyList<IReadOnlyList<Workload>> lengths,
        Backend backend
    )
    {
        ArgumentNullException.ThrowIfNull(lengths);
        foreach (IReadOnlyList<Workload> length in lengths)
            Measurement.RequireMemory(length, backend);
    }

    private static double Tokens(IReadOnlyList<Workload> length) =>
        length.Sum(workload => (double)workload.Tokens);
}
