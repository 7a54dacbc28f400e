using System.Globalization;

namespace Sequor.Layers;

// Saves training to a checkpoint and resumes it, with everything that the bits of the next step depend on.
public sealed partial class Trainer
{
    private const string Reserved = ScheduledRate.Reserved;
    private const string DataKey = Reserved + "data";
    private const string OptionsKey = Reserved + "options";
    private const string HistoryKey = Reserved + "history";
    private const string SecondsKey = Reserved + "seconds";
    private const string None = "none";

    // About thirty years.
    private const double MostSeconds = 1e9;
    private const string Times = "seconds from 0 to 1e9";

    /// <summary>
    /// Saves everything that is needed to continue training to a file: what <see cref="Checkpoint"/> stores and, with epochs, their records
    /// and the parameters of the best one. The file is written as a whole or not at all.
    /// </summary>
    /// <param name="path">The checkpoint. An old one is replaced only once the new one is complete.</param>
    /// <param name="metadata">Further texts to store; no name may begin with "training." or "sequor.".</param>
    /// <param name="keep">How many older files are kept as FILE.1 (the newest), FILE.2 and so on, from 0 to 100.</param>
    /// <exception cref="ArgumentException">A name of the metadata is reserved.</exception>
    /// <exception cref="DivergedException">
    /// A value of model or optimizer, or a loss or gradient norm that has not been read yet, is not finite; an old file is unchanged.
    /// </exception>
    /// <exception cref="IOException">The file cannot be written; an old one is unchanged.</exception>
    /// <exception cref="InvalidOperationException">The validation of the last epoch failed and has not been tried again.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string> metadata, int keep = 0)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Dictionary<string, string> texts = _rate.AddTo(metadata);
        ReadLosses();
        if (HasEpochToEnd)
            throw new InvalidOperationException(
                "The last epoch has not ended: its validation failed, and TrainStep would try it again."
            );
        if (StepsPerEpoch > 0)
        {
            texts[DataKey] = DataText();
            texts[OptionsKey] = OptionsText();
            texts[HistoryKey] = string.Join(';', _history.Select(Text));
            texts[SecondsKey] = Text(_elapsed.TotalSeconds);
        }
        Checkpoint.Save(path, Plan, Optimizer, Step, texts, Extra(), finiteExtra: true, keep);
    }

    /// <summary>
    /// Continues where a checkpoint stopped; on the same backend, with the same bits. After an error nothing has changed.
    /// </summary>
    /// <param name="path">The checkpoint to read.</param>
    /// <returns>A line for each thing that could not be carried over from another backend; empty if all was.</returns>
    /// <exception cref="CheckpointException">
    /// The file is damaged, is not a checkpoint of such training, belongs to another model, optimizer, dataset, seed, batch size or
    /// schedule, or has values that are not finite.
    /// </exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public IReadOnlyList<string> Resume(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var notes = new List<string>();
        CheckpointInfo info = Checkpoint.ReadInfo(path);
        double elapsed = 0;
        List<EpochRecord> history = [];
        if (StepsPerEpoch > 0)
        {
            RequireSame(path, info, DataKey, DataText());
            RequireSame(path, info, OptionsKey, OptionsText());
            string seconds = Find(path, info, SecondsKey);
            if (!TryNumber(seconds, out elapsed) || !IsTime(elapsed))
                throw Malformed(path, SecondsKey, seconds, Times);
            history = ReadHistory(path, info);
        }
        float highest = _rate.Read(path, info);
        Step = Checkpoint.Load(path, Plan, Optimizer, Extra(), finiteExtra: true, notes);
        if (_options.Carry)
        {
            // Windows that are trained on are as long as the longest.
            long done = Step % StepsPerEpoch;
            Plan.ContinueStream(done == 0 ? 0 : Batch.Capacity, done * _train.Longest);
        }
        _rate.Resume(highest);
        _log?.Resume(Step);
        WeighStepsBefore();
        _elapsed = TimeSpan.FromSeconds(elapsed);
        _history.Clear();
        _history.AddRange(history);
        BestEpoch = null;
        foreach (EpochRecord record in history)
        {
            if (record.Valid is not null && !(BestEpoch?.Valid <= record.Valid))
                BestEpoch = record;
        }
        return notes;
    }

    // The weights of this epoch's losses so far are not in the file, so their batches are loaded again to compute them.
    private void WeighStepsBefore()
    {
        if (StepsPerEpoch == 0)
            return;
        for (long step = Step - (Step % StepsPerEpoch); step < Step; step++)
        {
            _batches.Take(step, more: true);
            Plan.Input(Batch.Length, Batch.Size);
            LoadTargets(step);
        }
    }

    // The losses of this epoch's steps so far, the best parameters and buffers under their names, and the states that are carried.
    private List<(string Name, Tensor Tensor)> Extra()
    {
        List<(string, Tensor)> extra = [];
        if (StepsPerEpoch > 0)
            extra.Add(("losses", _log!.Losses));
        if (_best is not null)
            extra.AddRange(
                Plan.Store.All()
                    .Select(p => ($"best.{p.Name}", ParameterStore.View(_best, p.Parameter)))
            );
        // With these the next window goes on where the last one ended.
        extra.AddRange(Plan.CarriedStates.Select(s => ($"carried.{s.Name}", s.State)));
        return extra;
    }

    // The wording is that of the first checkpoints, so that they can still be resumed.
    private string DataText()
    {
        string train = _train.Count is { } count
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{count} pieces of {_train.TotalSteps} steps"
            )
            : string.Create(
                CultureInfo.InvariantCulture,
                $"endless, {StepsPerEpoch} steps an epoch"
            );
        string validation = _validation is null
            ? "no validation"
            : string.Create(
                CultureInfo.InvariantCulture,
                $"validation {_validation.Count} of {_validation.TotalSteps}"
            );
        return $"{train}, {validation}";
    }

    // The options that the bits of the following steps depend on. Epochs and patience are not among them, so they may be raised.
    private string OptionsText()
    {
        string plateau = _options.Plateau is { } p
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"factor {p.Factor} window {p.Window} after {p.After}"
            )
            : "none";
        return string.Create(
            CultureInfo.InvariantCulture,
            $"seed {_options.Seed}, batch {_options.Batch}, evaluation batch {_options.EvaluationBatch ?? _options.Batch}, "
                + $"clip {_options.Clip}, plateau {plateau}{(_options.Carry ? ", carried states" : "")}"
        );
    }

    private static string Text(EpochRecord record) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{record.Train} {(record.Valid is { } valid ? Text(valid) : None)} {record.LearningRate} {record.Seconds}"
        );

    private static string Text(double value) => value.ToString(CultureInfo.InvariantCulture);

    private List<EpochRecord> ReadHistory(string path, CheckpointInfo info)
    {
        string text = Find(path, info, HistoryKey);
        string[] epochs = text.Length == 0 ? [] : text.Split(';');
        if (epochs.Length != info.Position / StepsPerEpoch)
            throw new CheckpointException(
                $"'{path}' tells of {Amount.Of(epochs.Length, "epoch")} where {Amount.Of(info.Position, "step")} of "
                    + $"{StepsPerEpoch} each make {info.Position / StepsPerEpoch}."
            );
        var history = new List<EpochRecord>(epochs.Length);
        foreach (string epoch in epochs)
        {
            string[] parts = epoch.Split(' ');
            if (
                parts.Length != 4
                || !TryNumber(parts[0], out double train)
                || !TryValid(parts[1], out double? valid)
                || !TryNumber(parts[2], out double rate)
                || !TryNumber(parts[3], out double seconds)
                || !(rate >= 0 && float.IsFinite((float)rate))
                || !IsTime(seconds)
            )
                throw Malformed(path, HistoryKey, epoch, $"two losses, a rate and {Times}");
            history.Add(new EpochRecord(history.Count + 1, train, valid, (float)rate, seconds));
        }
        return history;
    }

    private static bool IsTime(double seconds) => seconds is >= 0 and < MostSeconds;

    // A training that was validated must stay so, and one that was not must not become so.
    private bool TryValid(string text, out double? valid)
    {
        valid = null;
        if (_validation is null)
            return text == None;
        bool right = TryNumber(text, out double number);
        valid = number;
        return right;
    }

    private static bool TryNumber(string text, out double number) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out number)
        && double.IsFinite(number);

    private static string Find(string path, CheckpointInfo info, string key) =>
        info.Metadata.TryGetValue(key, out string? text)
            ? text
            : throw new CheckpointException(
                $"'{path}' lacks '{key}' in its metadata: it is no checkpoint of training in epochs."
            );

    private static void RequireSame(string path, CheckpointInfo info, string key, string here)
    {
        string there = Find(path, info, key);
        if (there != here)
            throw new CheckpointException(
                $"The checkpoint '{path}' does not fit:\n  {key}: {Printable.Shortened(there, 300)} in the file, {here} here"
            );
    }

    private static CheckpointException Malformed(
        string path,
        string key,
        string text,
        string allowed
    ) =>
        new($"'{path}' has '{Printable.Shortened(text)}' for '{key}', where {allowed} must stand.");
}
