using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The peaks of the machine that steps were measured on, in the same run and behind the steps.</summary>
internal static class BenchPeaks
{
    // Of the time of the steps, so that a short measurement is not mostly one of peaks.
    private const double Share = 0.03;

    private static readonly PeakOptions Usual = new();

    /// <summary>Measures them.</summary>
    /// <param name="options">Says which backend.</param>
    /// <param name="result">The command line.</param>
    /// <param name="spent">The time that the steps took.</param>
    /// <returns>Null where there is no memory for it.</returns>
    public static MachinePeaks? Measure(
        BackendOptionSet options,
        ParseResult result,
        TimeSpan spent
    )
    {
        using Backend backend = options.Create(result);
        TimeSpan time = spent * Share;
        try
        {
            return MachinePeaks.Measure(
                backend,
                Usual with
                {
                    Time = time < Usual.Time ? time : Usual.Time,
                }
            );
        }
        catch (DeviceMemoryException)
        {
            return null;
        }
    }
}
