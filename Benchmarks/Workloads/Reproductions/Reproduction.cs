using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>Trains a preset's model as its paper did, and measures it on the test set at the best validation.</summary>
public sealed class Reproduction
{
    // Of a drawn task: enough that a mean over them has two digits.
    private const int HeldOut = 1000;

    private readonly Backend _backend;
    private readonly MusicDataset? _music;

    /// <summary>Prepares a preset.</summary>
    /// <param name="preset">What to reproduce.</param>
    /// <param name="dataFile">The MAT-file of a music task; null for the others, whose data are drawn.</param>
    /// <param name="backend">Where to run.</param>
    /// <exception cref="ArgumentException">A music task has no file, or another task has one.</exception>
    /// <exception cref="MatFileException">The file is damaged or holds no such data.</exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    public Reproduction(Preset preset, string? dataFile, Backend backend)
    {
        ArgumentNullException.ThrowIfNull(preset);
        ArgumentNullException.ThrowIfNull(backend);
        if (preset.IsMusic != dataFile is not null)
            throw new ArgumentException(
                preset.IsMusic
                    ? $"The task {preset.Task} needs a file of data."
                    : $"The task {preset.Task} takes no file: its data are drawn.",
                nameof(dataFile)
            );
        Preset = preset;
        _backend = backend;
        if (dataFile is not null)
            _music = MusicDataset.Load(dataFile);
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
    /// <exception cref="DivergedException">A loss is not a finite number.</exception>
    /// <exception cref="IOException">The checkpoint cannot be written or read.</exception>
    public ReproductionResult Run(
        ReproductionOptions options,
        Action<ReproductionProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        ArgumentNullException.ThrowIfNull(options);
        _backend.Memory.ResetPeak();
        (PieceSet train, PieceSet valid, PieceSet test) = Sets(options.Seed);
        using Sequential model = Preset.CreateModel();
        long parameters = model.ParameterCount;
        using var trainer = new EpochTrainer(
            model,
            train,
            valid,
            _backend,
            Preset.CreateLoss,
            Preset.CreateOptimizer,
            Preset.OptionsFor(options.Seed)
        );
        Dictionary<string, string> metadata = Metadata(options.Seed);
        if (options.Checkpoint is { } path && File.Exists(path))
        {
            RequireSame(path, metadata);
            trainer.Resume(path);
        }
        TimeSpan saved = trainer.Elapsed;
        StopReason reason = trainer.Run(options.Budget, Report, cancellation);
        if (options.Checkpoint is not null)
            trainer.Save(options.Checkpoint, metadata);
        double? found = trainer.BestEpoch?.Valid;
        double? tested = null;
        if (reason != StopReason.Cancelled)
        {
            found ??= trainer.Evaluate(valid);
            tested = trainer.EvaluateBest(test);
        }
        return Result(parameters, trainer, reason, options.Seed, found, tested);

        void Report(EpochProgress now)
        {
            if (options.Checkpoint is not null && now.Elapsed - saved >= options.SaveEvery)
            {
                trainer.Save(options.Checkpoint, metadata);
                saved = now.Elapsed;
            }
            progress?.Invoke(
                new ReproductionProgress(now, Preset.Training.Epochs, trainer.BestEpoch)
            );
        }
    }

    private ReproductionResult Result(
        long parameters,
        EpochTrainer trainer,
        StopReason reason,
        ulong seed,
        double? valid,
        double? test
    ) =>
        new()
        {
            Task = Preset.Task,
            Arch = Preset.Arch,
            Preset = Preset.Name,
            Parameters = parameters,
            Metric = Preset.Metric,
            Paper = Preset.Paper,
            Valid = valid,
            Test = test,
            Seeds = 1,
            Epochs = trainer.History.Count,
            Seconds = trainer.Elapsed.TotalSeconds,
            PeakBytes = _backend.Memory.PeakBytes,
            Finished = reason is StopReason.Epochs or StopReason.Patience,
            Runs =
            [
                new ReproductionRun(
                    seed,
                    valid,
                    test,
                    trainer.BestEpoch?.Epoch ?? 0,
                    [.. trainer.History],
                    reason
                ),
            ],
        };

    private (PieceSet Train, PieceSet Valid, PieceSet Test) Sets(ulong seed)
    {
        if (_music is not null)
            return (_music.Train, _music.Valid, _music.Test);
        SequenceTask task = Preset.CreateTask();
        const ulong held = SequenceTask.HeldOut;
        return (
            new SequencePieces("train", task, seed, 0, Preset.Training.Sequences),
            new SequencePieces("valid", task, held, 0, HeldOut),
            new SequencePieces("test", task, held, HeldOut, HeldOut)
        );
    }

    private Dictionary<string, string> Metadata(ulong seed) =>
        new()
        {
            ["task"] = Preset.Task,
            ["arch"] = Preset.Arch,
            ["preset"] = Preset.Name,
            ["seed"] = seed.ToString(CultureInfo.InvariantCulture),
            ["settings"] = Preset.Settings(),
        };

    private static void RequireSame(string path, Dictionary<string, string> here)
    {
        IReadOnlyDictionary<string, string> there = Layers.Checkpoint.ReadInfo(path).Metadata;
        string[] differences =
        [
            .. here.Where(pair => there.GetValueOrDefault(pair.Key) != pair.Value)
                .Select(pair =>
                    $"\n  {pair.Key}: {there.GetValueOrDefault(pair.Key) ?? "none"} in the file, {pair.Value} here"
                ),
        ];
        if (differences.Length > 0)
            throw new CheckpointException(
                $"The checkpoint '{path}' does not fit:{string.Concat(differences)}"
            );
    }
}
