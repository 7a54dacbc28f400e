namespace Sequor.Tool;

/// <summary>The command was not used as it can be: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>What was asked for could not be done: exit code 1.</summary>
internal sealed class FailureException(string message, Exception? inner = null)
    : Exception(message, inner);

/// <summary>Exit codes, as shells know them.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;

    /// <summary>Ended by a signal: 128 and its number.</summary>
    public const int Interrupted = 130;
    public const int Terminated = 143;
}
