using Sequor.Layers;

namespace Sequor.Tests.Examples;

/// <summary>What docs/profiling.md shows of profiles in code: steps are timed, and a listener hears of layers.</summary>
internal static class ProfilingSteps
{
    /// <returns>The nanoseconds of the step, of its rows together, and how many passes of layers were heard of.</returns>
    public static (long Step, long Rows, int Heard) Run(Plan plan, Action step)
    {
        var passes = new Passes();
        // Shown
        using Profile profile = Profile.Start(plan, new ProfileOptions { Listener = passes });
        for (int i = 0; i < 5; i++)
        {
            using (profile.Step()) // else a step is what a StepGraph runs, or from one Forward to the next
                step();
        }
        ProfiledStep last = profile.Read(); // waits for the device
        foreach (ProfiledOperation row in last.Operations)
            Console.WriteLine($"{row.Layer} {row.Pass} {row.Operation} {row.Milliseconds:F3} ms");
        foreach (OwnedMemory owner in last.PeakOwners)
            Console.WriteLine($"{owner.Layer} {owner.Category} {owner.Bytes} of {last.PeakBytes}");
        // Shown
        return (last.Nanoseconds, last.Operations.Sum(row => row.Nanoseconds), passes.Count);
    }

    private sealed class Passes : ProfileListener
    {
        public int Count { get; private set; }

        protected internal override void LayerBegan(string layer, string kind, ProfilePass pass) =>
            Count++;
    }
}
