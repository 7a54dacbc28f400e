using Sequor.Layers;
using static Sequor.Workloads.Figures;

namespace Sequor.Workloads;

/// <summary>
/// Saves the checkpoint of work that goes on for hours. A save that fails ends nothing: it is told, once for each reason, and
/// tried again, at the times asked for and between them after waits that grow from seconds to minutes.
/// </summary>
/// <param name="save">Saves, or throws an <see cref="IOException"/> or an <see cref="UnauthorizedAccessException"/>.</param>
/// <param name="tell">Is given a line for a failure of a new kind, and one when saving works again.</param>
/// <param name="time">The clock that waits go by.</param>
public sealed class CheckpointSaver(Action save, Action<string> tell, TimeProvider? time = null)
{
    private static readonly TimeSpan FirstWait = TimeSpan.FromSeconds(5);
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(5);

    private readonly TimeProvider _time = time ?? TimeProvider.System;
    private TimeSpan _wait;
    private long _failedAt;
    private (Type, int) _told;

    /// <summary>The step of the last save that went well; negative while there is none.</summary>
    public long SavedAt { get; private set; } = -1;

    /// <summary>Why the last save failed; null where it did not.</summary>
    public Exception? Failure { get; private set; }

    /// <summary>Whether the last save failed, and it is time to try again.</summary>
    public bool IsDueAgain => Failure is not null && _time.GetElapsedTime(_failedAt) >= _wait;

    /// <summary>Notes that the file already has a step's checkpoint: it was resumed from.</summary>
    public void Resumed(long step) => SavedAt = step;

    /// <summary>Saves, where this step is not saved already.</summary>
    /// <param name="step">Steps of training done.</param>
    /// <returns>Whether the step's checkpoint is in the file.</returns>
    /// <exception cref="DivergedException">What was to be saved is not finite.</exception>
    public bool TrySave(long step)
    {
        if (SavedAt == step)
            return true;
        try
        {
            save();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            Fail(step, e);
            return false;
        }
        if (Failure is not null)
            tell(Text($"the checkpoint is saved again, that of step {step}"));
        (Failure, SavedAt, _wait) = (null, step, default);
        return true;
    }

    private void Fail(long step, Exception e)
    {
        _wait =
            Failure is null ? FirstWait
            : _wait * 2 < LongestWait ? _wait * 2
            : LongestWait;
        _failedAt = _time.GetTimestamp();
        // Messages have the names of temporary files, which always differ.
        (Type, int) kind = (e.GetType(), (e.InnerException ?? e).HResult);
        if (Failure is null || kind != _told)
        {
            string before =
                SavedAt >= 0 ? Text($"that of step {SavedAt} stays") : "there is none before it";
            tell(
                Text($"the checkpoint of step {step} was not saved: {Reason(e)}; ")
                    + $"it is tried again; {before}"
            );
        }
        (Failure, _told) = (e, kind);
    }

    /// <summary>An error's message, to go on after.</summary>
    public static string Reason(Exception e)
    {
        ArgumentNullException.ThrowIfNull(e);
        return e.Message.TrimEnd('.');
    }
}
