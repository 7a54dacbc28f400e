using System.CommandLine;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>Which options of sequor bench belong to which way of measuring: one that would be ignored is refused.</summary>
internal static class BenchModes
{
    /// <summary>Refuses options that the way of measuring that is asked for does not look at.</summary>
    /// <exception cref="UsageException">One is given.</exception>
    public static void Require(BenchOptions options, ParseResult result)
    {
        foreach ((Option option, string why) in OfGrid(options))
            Refuse(options.Widths, option, why);
        foreach ((Option option, string why) in OfStream(options))
            Refuse(options.Stream, option, why);
        foreach ((Option option, string why) in OfPaired(options))
            Refuse(options.Paired, option, why);
        foreach (
            Option option in (Option[])
                [options.Minutes, options.OrderSeed, options.Force, options.Strict, options.Bisect]
        )
        {
            if (IsGiven(option) && !IsGiven(options.Paired))
                throw new UsageException($"{option.Name} needs {options.Paired.Name} OTHER");
        }
        if (IsGiven(options.Batches) && !IsGiven(options.Widths))
            throw new UsageException($"{options.Batches.Name} needs {options.Widths.Name}");

        void Refuse(Option mode, Option option, string why)
        {
            if (IsGiven(mode) && IsGiven(option))
                throw new UsageException(
                    $"{option.Name} makes no sense with {mode.Name}: {why}; leave one of them out"
                );
        }

        bool IsGiven(Option option) => result.GetResult(option) is { Implicit: false };
    }

    private static (Option Option, string Why)[] OfGrid(BenchOptions options) =>
        [
            (options.Workload.Hidden, "it says one width"),
            (options.Workload.Parameters, "it says a size, and widths do so"),
            (options.Sweep, "it measures several lengths"),
            (options.Stream, "it measures steps of one sequence"),
            (options.Steps, "each cell ends by a time"),
            (options.Warmup, "each cell begins by a time"),
            (options.Rounds, "it measures in processes of their own"),
            (options.Paired, "it compares two programs"),
            (options.Measured.ProfilerRange, "cells are not recorded"),
            (options.Html, "--json has all cells"),
            (options.History, "the file has results of bench alone"),
        ];

    private static (Option Option, string Why)[] OfStream(BenchOptions options) =>
        [
            (options.Sweep, "it measures several lengths, and a stream has none"),
            (options.Workload.Length, "it says how long sequences are, and a stream has no end"),
            (options.Rounds, "it measures training steps in processes of their own"),
            (options.Paired, "it compares training steps of two programs"),
            (options.Measured.ProfilerRange, "it is for a GPU, and streams are measured on a CPU"),
            (options.Html, "the page is of training steps; --json has all of a stream"),
            (options.History, "the file has training steps"),
        ];

    private static (Option Option, string Why)[] OfPaired(BenchOptions options) =>
        [
            (options.History, "the file takes what a run of one program measured"),
            (options.Sweep, "it measures several lengths, and turns are of one"),
            (options.Steps, "turns end by a time"),
            (options.Warmup, "turns begin when code has settled"),
            (options.Rounds, "each pair of turns has processes of its own"),
            (options.Measured.ProfilerRange, "a profiler gets no range of turns"),
            (options.Html, "the page is of one program; --json has all turns"),
        ];
}
