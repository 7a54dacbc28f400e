using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Trains a preset's model as its paper did, and measures it on the test set at the best validation.</summary>
public sealed partial class Reproduction
{
    private const string DeviceKey = "device";
    private const string ThreadsKey = "threads";
    private const string VersionKey = "version";
    private const string PeakKey = "peak_bytes";

    private readonly Backend _backend;
    private readonly TaskData? _data;

    /// <summary>Prepares a preset.</summary>
    /// <param name="preset">What to reproduce.</param>
    /// <param name="data">The data of its task; null where they are drawn.</param>
    /// <param name="backend">Where to run.</param>
    /// <exception cref="ArgumentException">There are no data where the task needs some, or some where they are drawn.</exception>
    /// <exception cref="TaskDataException">The data have no sequences of the preset's length.</exception>
    public Reproduction(Preset preset, TaskData? data, Backend backend)
    {
        ArgumentNullException.ThrowIfNull(preset);
        ArgumentNullException.ThrowIfNull(backend);
        preset.RequireFit(data);
        (Preset, _data, _backend) = (preset, data, backend);
    }

    /// <summary>What is reproduced.</summary>
    public Preset Preset { get; }

    /// <summary>Trains with one seed, from the beginning or from where a checkpoint stopped.</summary>
    /// <param name="options">Seed, time, checkpoint.</param>
    /// <param name="progress">Called after every step of training.</param>
    /// <param name="cancellation">
    /// Asks to stop after the step that runs; the checkpoint is saved, and the result is as far as it came.
    /// </param>
    /// <exception cref="CheckpointException">The checkpoint is damaged, or one of something else.</exception>
    /// <exception cref="DivergedException">
    /// A loss, or a value that was to be saved, is not a finite number, and no epoch has been validated before. After one, the result is
    /// that of the best epoch, and its run was stopped by <see cref="StopReason.Diverged"/>.
    /// </exception>
    /// <exception cref="IOException">The checkpoint that is there cannot be read.</exception>
    public ReproductionResult Run(
        ReproductionOptions options,
        Action<ReproductionProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        _backend.Memory.ResetPeak();
        (Dataset train, Dataset valid, Dataset test) = Preset.CreateSets(options.Seed, _data);
        using Sequential model = Preset.CreateModel();
        long parameters = model.ParameterCount;
        using Trainer trainer = CreateTrainer(model, train, valid, options.Seed);
        Dictionary<string, string> metadata = Metadata(options.Seed);
        long peakBefore = 0;
        (string device, int threads) = (_backend.Info.Device, _backend.Info.Threads);
        bool trained = false;
        var saver = new CheckpointSaver(Save, options.Tell ?? (_ => { }));
        if (options.Checkpoint is { } path && File.Exists(path))
        {
            CheckpointInfo info = ReadCheckpoint(path, Preset, _data, options.Seed);
            peakBefore = CheckpointTexts.Of(path, info).Whole(PeakKey, 0, long.MaxValue);
            trainer.Resume(path);
            saver.Resumed(trainer.Step);
            var texts = CheckpointTexts.Of(path, info);
            (device, threads) = (texts.Device ?? device, texts.Threads ?? threads);
        }
        TimeSpan saved = trainer.Elapsed;
        StopReason reason;
        DivergedException? diverged = null;
        try
        {
            reason = trainer.Run(options.BudgetFrom(trainer.Elapsed), Report, cancellation);
            saver.TrySave(trainer.Step);
        }
        catch (DivergedException e) when (trainer.BestEpoch is not null)
        {
            // What was learnt until then counts, as where it became worse without an end. The checkpoint stays as it was before.
            (reason, diverged) = (StopReason.Diverged, e);
        }
        long peak = Peak();
        TaskScore score = Preset.Score;
        double? found = trainer.BestEpoch?.Valid;
        Evaluation? validated = null;
        Evaluation? tested = null;
        if (reason != StopReason.Cancelled)
        {
            // The best epoch is known by its loss alone.
            if (score.CountsAnswers || found is null)
                validated = trainer.Assess(valid, score.CountsAnswers, best: true);
            found ??= validated!.Value.Loss;
            tested = trainer.Assess(test, score.CountsAnswers, best: true);
        }
        Dataset? recall = tested is null ? null : Preset.TaskEntry.CreateRecall(Preset.Length);
        double? recalled = recall is null
            ? null
            : 100 * trainer.Assess(recall, answers: true, best: true).Accuracy;
        if (found is { } loss && !score.CountsAnswers)
            validated = new Evaluation(loss, null);
        // Where it failed before, the evaluation has given it some time.
        bool whole = diverged is not null || saver.TrySave(trainer.Step);
        // Of a run that was over before, what it ran on is what the checkpoint says.
        if (trained)
            (device, threads) = (_backend.Info.Device, _backend.Info.Threads);
        var run = new ReproductionRun(
            options.Seed,
            validated is { } atBest ? score.Of(atBest) : null,
            tested is { } result ? score.Of(result) : null,
            trainer.BestEpoch?.Epoch ?? 0,
            [.. trainer.History],
            reason
        )
        {
            Reason = diverged?.Message,
            ValidLoss = found,
            TestLoss = tested?.Loss,
            Recalled = recalled,
            Answers = RightAnswers.Of(tested),
            Device = device,
            Threads = threads,
            Fallbacks = trained && trainer.Plan.Fallbacks.Count > 0 ? trainer.Plan.Fallbacks : null,
            Choices = trained ? ChoiceReport.Of(_backend.Choices) : null,
        };
        return Result(parameters, trainer, run, peak) with
        {
            Unsaved = whole ? null : saver.Failure!.Message,
        };

        void Report(TrainingProgress now)
        {
            trained = true;
            if (now.Elapsed - saved >= options.SaveEvery || saver.IsDueAgain)
            {
                saved = now.Elapsed;
                saver.TrySave(trainer.Step);
            }
            progress?.Invoke(
                new ReproductionProgress(now, Preset.Training.Epochs, trainer.BestEpoch)
            );
        }

        void Save()
        {
            if (options.Checkpoint is null)
                return;
            metadata[PeakKey] = Peak().ToString(CultureInfo.InvariantCulture);
            trainer.Save(options.Checkpoint, metadata, options.Keep);
        }

        // What comes after an interruption may take less than what came before it.
        long Peak() => Math.Max(peakBefore, _backend.Memory.PeakBytes);
    }

    /// <summary>
    /// What a checkpoint says of itself, once it is found to be of this preset, data and seed: for refusing another before
    /// any work.
    /// </summary>
    /// <param name="path">The file.</param>
    /// <param name="preset">What is to be resumed.</param>
    /// <param name="data">The data of its task; null where they are drawn.</param>
    /// <param name="seed">Its seed.</param>
    /// <exception cref="CheckpointException">
    /// The file is damaged, or no checkpoint, or one of something else; the message lists what differs.
    /// </exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    public static CheckpointInfo ReadCheckpoint(
        string path,
        Preset preset,
        TaskData? data,
        ulong seed
    )
    {
        ArgumentNullException.ThrowIfNull(preset);
        CheckpointInfo info = Checkpoint.ReadInfo(path);
        string[] differences =
        [
            .. Identity(preset, data, seed)
                .Where(pair => info.Metadata.GetValueOrDefault(pair.Key) != pair.Value)
                .Select(pair =>
                    $"\n  {pair.Key}: {Printable.Shortened(info.Metadata.GetValueOrDefault(pair.Key) ?? "none", 300)} in the file, {pair.Value} here"
                ),
        ];
        return differences.Length == 0
            ? info
            : throw new CheckpointException(
                $"The checkpoint '{path}' does not fit:{string.Concat(differences)}"
            );
    }

    private Trainer CreateTrainer(Sequential model, Dataset train, Dataset valid, ulong seed) =>
        new(
            model,
            train,
            valid,
            _backend,
            Preset.CreateOptimizer,
            Preset.OptionsFor(seed, train.Count!.Value)
        );

    private ReproductionResult Result(
        long parameters,
        Trainer trainer,
        ReproductionRun run,
        long peak
    ) =>
        new()
        {
            Task = Preset.Task,
            Arch = Preset.Arch,
            Preset = Preset.Name,
            Length = Preset.Length > 0 ? Preset.Length : null,
            Parameters = parameters,
            Budget = Preset.Budget,
            Data = DataOf(_data),
            Metric = Preset.Score.Name,
            HigherIsBetter = Preset.Score.HigherIsBetter,
            Loss = Preset.Loss,
            Paper = Preset.Paper,
            Note = Preset.Note,
            Valid = run.Valid,
            Test = run.Test,
            Recalled = run.Recalled,
            Seeds = 1,
            Epochs = trainer.History.Count,
            EpochsAsked = Preset.Training.Epochs,
            Seconds = trainer.Elapsed.TotalSeconds,
            PeakBytes = peak,
            Finished = run.Stopped is StopReason.Epochs or StopReason.Patience,
            Runs = [run],
        };

    private static string DataOf(TaskData? data) => data?.Fingerprint() ?? ReproductionResult.Drawn;

    // All that a run must have in common with the one that it goes on from.
    private static Dictionary<string, string> Identity(Preset preset, TaskData? data, ulong seed) =>
        new()
        {
            ["task"] = preset.Task,
            ["arch"] = preset.Arch,
            ["preset"] = preset.Name,
            ["seed"] = seed.ToString(CultureInfo.InvariantCulture),
            ["data"] = DataOf(data),
            ["settings"] = preset.Settings(),
        };

    private Dictionary<string, string> Metadata(ulong seed)
    {
        Dictionary<string, string> texts = Identity(Preset, _data, seed);
        texts[DeviceKey] = _backend.Info.Device;
        texts[ThreadsKey] = _backend.Info.Threads.ToString(CultureInfo.InvariantCulture);
        texts[VersionKey] = Machine.Version;
        return texts;
    }
}
