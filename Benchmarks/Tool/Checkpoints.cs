using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>What commands that save checkpoints have in common.</summary>
internal static class Checkpoints
{
    public const int DefaultKept = 1;

    /// <summary>The right to save to a file, which no other run has meanwhile.</summary>
    /// <exception cref="UsageException">Another run has it.</exception>
    /// <exception cref="FailureException">The file cannot be locked.</exception>
    public static CheckpointLock Take(string path)
    {
        try
        {
            CheckpointLock held =
                CheckpointLock.TryTake(path)
                ?? throw new UsageException(
                    $"--checkpoint: another run saves to '{path}' and has its lock '{path}.lock'; wait until it ends, or name another file"
                );
            // A signal may end the program while it still reads data, and FILE.lock would stay.
            AppDomain.CurrentDomain.ProcessExit += (_, _) => held.Dispose();
            if (!held.KeepsOthersOut)
                Screen.Tell(
                    $"note: the file system of '{held.Path}' knows no locks; see to it that no other run saves to '{path}'"
                );
            return held;
        }
        catch (IOException e)
        {
            throw new FailureException($"--checkpoint: '{path}' cannot be locked: {e.Message}", e);
        }
    }

    /// <summary>Tells of a save on the way that failed, on a line of its own.</summary>
    public static void Tell(string verb, ProgressLine progress, string text)
    {
        progress.Clear();
        Screen.Tell($"sequor {verb}: {text}");
    }
}
