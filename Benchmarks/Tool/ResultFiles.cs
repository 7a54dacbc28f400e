using System.Runtime.ExceptionServices;

namespace Sequor.Tool;

/// <summary>
/// The results of a run, written whatever it came to: a file of an older run must not look like this one's result.
/// </summary>
internal static class ResultFiles
{
    /// <summary>Writes all that were asked for, then raises what failed before or here.</summary>
    /// <param name="failure">What ended the run, or null.</param>
    /// <param name="results">Files, null for those not asked for, and their contents.</param>
    public static void Write(
        Exception? failure,
        params ReadOnlySpan<(OutputFile? File, Func<byte[]> Content)> results
    )
    {
        foreach ((OutputFile? file, Func<byte[]> content) in results)
        {
            try
            {
                file?.Write(content());
            }
            catch (FailureException e)
            {
                failure = failure is null
                    ? e
                    : new FailureException($"{Failures.Describe(failure)}; {e.Message}", failure);
            }
        }
        if (failure is not null)
            ExceptionDispatchInfo.Throw(failure);
    }
}
