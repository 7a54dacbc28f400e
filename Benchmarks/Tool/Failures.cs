using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The command was not used as it can be: exit code 2.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>What was asked for could not be done: exit code 1.</summary>
internal class FailureException(string message, Exception? inner = null)
    : Exception(message, inner);

/// <summary>Training came to values that are no finite numbers: exit code 1.</summary>
internal sealed class TrainingDivergedException(string message, Exception? inner = null)
    : FailureException(message, inner);

/// <summary>Exit codes, as shells know them.</summary>
internal static class ExitCode
{
    public const int Success = 0;
    public const int Failure = 1;
    public const int Usage = 2;

    /// <summary>Ended by a signal: 128 and its number.</summary>
    public const int HungUp = 129;
    public const int Interrupted = 130;
    public const int Terminated = 143;
}

/// <summary>How failures are told.</summary>
internal static class Failures
{
    public const string DebugVariable = "SEQUOR_DEBUG";

    /// <summary>What went wrong, for people.</summary>
    public static string Describe(Exception e) =>
        e switch
        {
            // A line is no place for a list; doctor has it.
            DeviceUnavailableException { InnerException: LibraryException inner } =>
                $"{e.Message[..^inner.Message.Length]}{inner.Failure.Reason}; sequor doctor lists what was tried",
            UsageException
            or FailureException
            or DeviceUnavailableException
            or DeviceMemoryException
            or CudaException
            or CudnnException
            or CublasException
            or NotSupportedException
            or DivergedException
            or CheckpointException
            or SafetensorsException
            or TaskDataException
            or IOException
            or UnauthorizedAccessException => e.Message,
            OutOfMemoryException =>
                "out of memory; a smaller --length, --batch or --params needs less",
            OverflowException =>
                "a tensor would have more than 2147483647 values; make --length, --batch or the model smaller",
            _ => $"unexpected {e.GetType().Name}: {e.Message} ({DebugVariable}=1 shows where)",
        };

    /// <summary>How a run ended that this ended, see <see cref="RunStatus"/>.</summary>
    public static string StatusOf(Exception? e) =>
        e switch
        {
            null => RunStatus.Finished,
            TrainingDivergedException or DivergedException => RunStatus.Diverged,
            _ => RunStatus.Failed,
        };

    /// <summary>A text of several lines as one: where no sentence ends and no list begins, a semicolon parts them.</summary>
    public static string OneLine(string text)
    {
        string line = "";
        foreach (
            string next in text.Split(
                ['\r', '\n'],
                StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
            )
        )
        {
            line +=
                line.Length == 0 ? next
                : ".:;,".Contains(line[^1], StringComparison.Ordinal) ? " " + next
                : "; " + next;
        }
        return line;
    }
}
