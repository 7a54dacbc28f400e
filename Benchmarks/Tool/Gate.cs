using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>
/// Exit codes of commands whose verdict opens or shuts a gate: 1 says that the code is worse, so that no failure of the command
/// itself may end with it.
/// </summary>
internal static class Gate
{
    public const string BisectOption = "--bisect";
    public const string PairedOption = "--paired";

    /// <summary>The gate of counts, of another program than sequor.</summary>
    public const string CountsName = "gate";

    /// <summary>Strict, and no verdict.</summary>
    public const int Unclear = 3;

    /// <summary>git bisect leaves a commit out.</summary>
    public const int Skip = 125;

    /// <summary>The exit code of a verdict.</summary>
    public static int CodeOf(string verdict, bool strict, bool bisect) =>
        RowVerdict.IsWorse(verdict) ? ExitCode.Failure
        : verdict == RowVerdict.Refused ? (bisect ? Skip : ExitCode.Usage)
        : verdict == RowVerdict.Unclear && strict ? (bisect ? Skip : Unclear)
        : ExitCode.Success;

    /// <summary>The exit code of a command line that could not be carried out; others than gates keep theirs.</summary>
    public static int CodeOfFailure(IReadOnlyList<string> words, int code)
    {
        bool gate =
            words.FirstOrDefault(word => word != Cli.Separator) is CompareCommand.Name or CountsName
            || words.Any(word =>
                word == PairedOption
                || word.StartsWith(PairedOption + "=", StringComparison.Ordinal)
            );
        return !gate ? code
            : words.Contains(BisectOption) ? Skip
            : ExitCode.Usage;
    }
}
