using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// An optimizer's learning rate, with or without a schedule. The rate of a step depends only on the step's number and on the highest rate,
/// so a checkpoint need not store anything else.
/// </summary>
internal sealed class ScheduledRate(Optimizer optimizer, IRateSchedule? schedule)
{
    /// <summary>The prefix of its entries in a checkpoint's metadata.</summary>
    public const string Reserved = "training.";
    private const string ScheduleKey = Reserved + "schedule";
    private const string RateKey = Reserved + "highest_rate";
    private const string None = "none";

    private float _highest = optimizer.LearningRate;

    /// <summary>Sets the optimizer's rate for the next step.</summary>
    /// <exception cref="InvalidOperationException">The schedule gives no rate for it.</exception>
    public void Begin(long step)
    {
        if (schedule is null)
            return;
        float rate = schedule.RateAt(step, _highest);
        if (!(rate >= 0 && float.IsFinite(rate)))
            throw new InvalidOperationException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The schedule '{Words}' gives the rate {rate} for step {step}; a rate is finite and at least 0."
                )
            );
        optimizer.LearningRate = rate;
    }

    /// <summary>Multiplies the rate or, with a schedule, its highest rate by a factor.</summary>
    public void Multiply(float factor)
    {
        _highest *= factor;
        optimizer.LearningRate *= factor;
    }

    // What the schedule says of itself, by which checkpoints are compared.
    private string Words => schedule?.ToString() ?? None;

    /// <summary>Adds what a checkpoint needs to a caller's texts; nothing where there is no schedule.</summary>
    /// <exception cref="ArgumentException">A text's name is reserved.</exception>
    public Dictionary<string, string> AddTo(IReadOnlyDictionary<string, string> metadata)
    {
        ArgumentNullException.ThrowIfNull(metadata);
        foreach (string key in metadata.Keys)
        {
            if (key.StartsWith(Reserved, StringComparison.Ordinal))
                throw new ArgumentException(
                    $"The metadata's name '{key}' is kept for the trainer itself.",
                    nameof(metadata)
                );
        }
        var texts = new Dictionary<string, string>(metadata);
        if (schedule is null)
            return texts;
        texts[ScheduleKey] = Words;
        texts[RateKey] = _highest.ToString(CultureInfo.InvariantCulture);
        return texts;
    }

    /// <summary>Reads the highest rate from a checkpoint that has the same schedule.</summary>
    /// <exception cref="CheckpointException">It has another schedule, or its rate is not valid.</exception>
    public float Read(string path, CheckpointInfo info)
    {
        string there = info.Metadata.GetValueOrDefault(ScheduleKey, None);
        string here = Words;
        if (there != here)
            throw new CheckpointException(
                $"The checkpoint '{path}' does not fit:\n  {ScheduleKey}: {Printable.Shortened(there)} in the file, {here} here"
            );
        if (schedule is null)
            return _highest;
        string text = info.Metadata.GetValueOrDefault(RateKey, "");
        if (
            !float.TryParse(
                text,
                NumberStyles.Float,
                CultureInfo.InvariantCulture,
                out float highest
            ) || !(highest >= 0 && float.IsFinite(highest))
        )
            throw new CheckpointException(
                $"'{path}' has '{Printable.Shortened(text)}' for '{RateKey}', where a finite rate of at least 0 must stand."
            );
        return highest;
    }

    /// <summary>Continues with a highest rate that was read.</summary>
    public void Resume(float highest) =>
        _highest = schedule is null ? optimizer.LearningRate : highest;
}
