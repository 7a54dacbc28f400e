using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>All that decides what a training run computes, but for the number of its steps and threads.</summary>
public sealed record TrainingSetup
{
    /// <summary>The architecture's name.</summary>
    public required string Arch { get; init; }

    /// <summary>The task's name.</summary>
    public required string Task { get; init; }

    /// <summary>T, as the task counts it.</summary>
    public required int Length { get; init; }

    /// <summary>Sequences a step.</summary>
    public required int Batch { get; init; }

    /// <summary>Hidden units or channels.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers, levels or blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>The optimizer's name.</summary>
    public required string Optimizer { get; init; }

    /// <summary>Learning rate.</summary>
    public required float Lr { get; init; }

    /// <summary>Largest norm of the gradients; infinity for none.</summary>
    public required float Clip { get; init; }

    /// <summary>Seed of parameters, data and dropout.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The model and its task.</summary>
    public Workload Workload =>
        new(Architecture.Get(Arch), Tasks.Create(Task, Length), Batch, Hidden, Layers);

    /// <summary>A trainer that begins at the first step.</summary>
    /// <param name="workload">This setup's <see cref="Workload"/>.</param>
    /// <param name="model">Its model.</param>
    /// <param name="backend">Where to run.</param>
    public Trainer CreateTrainer(Workload workload, Layer model, Backend backend)
    {
        ArgumentNullException.ThrowIfNull(workload);
        return new Trainer(
            model,
            workload.Task,
            backend,
            Optimizers.Create(Optimizer, Lr),
            new TrainingOptions
            {
                Batch = Batch,
                Clip = Clip,
                Seed = Seed,
            }
        );
    }

    /// <summary>The setup as texts, by the names of the options.</summary>
    public Dictionary<string, string> ToMetadata() =>
        new()
        {
            ["arch"] = Arch,
            ["task"] = Task,
            ["length"] = Text(Length),
            ["batch"] = Text(Batch),
            ["hidden"] = Text(Hidden),
            ["layers"] = Text(Layers),
            ["optimizer"] = Optimizer,
            ["lr"] = Text(Lr),
            ["clip"] = float.IsPositiveInfinity(Clip) ? "none" : Text(Clip),
            ["seed"] = Text(Seed),
        };

    /// <summary>What <see cref="ToMetadata"/> wrote.</summary>
    /// <param name="texts">A checkpoint's texts.</param>
    /// <exception cref="CheckpointException">A text is missing or makes no sense.</exception>
    public static TrainingSetup FromMetadata(IReadOnlyDictionary<string, string> texts)
    {
        ArgumentNullException.ThrowIfNull(texts);
        var setup = new TrainingSetup
        {
            Arch = Word("arch", Architecture.Names),
            Task = Word("task", Tasks.Names),
            Length = Whole("length"),
            Batch = Whole("batch"),
            Hidden = Whole("hidden"),
            Layers = Whole("layers"),
            Optimizer = Word("optimizer", Optimizers.Names),
            Lr = Number("lr"),
            Clip = Get("clip") == "none" ? float.PositiveInfinity : Number("clip"),
            Seed = ulong.TryParse(
                Get("seed"),
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out ulong seed
            )
                ? seed
                : throw Wrong("seed"),
        };
        return setup.Layers <= Architecture.Get(setup.Arch).MaxDepth
            ? setup
            : throw Wrong("layers");

        string Get(string key) =>
            texts.TryGetValue(key, out string? text)
                ? text
                : throw new CheckpointException(
                    $"the checkpoint was not made by the train command: it does not say its {key}"
                );

        string Word(string key, IReadOnlyList<string> allowed) =>
            allowed.Contains(Get(key)) ? Get(key) : throw Wrong(key);

        int Whole(string key) =>
            int.TryParse(Get(key), NumberStyles.None, CultureInfo.InvariantCulture, out int number)
            && number > 0
                ? number
                : throw Wrong(key);

        float Number(string key) =>
            float.TryParse(
                Get(key),
                NumberStyles.Float,
                CultureInfo.InvariantCulture,
                out float number
            )
            && float.IsFinite(number)
            && number >= 0
                ? number
                : throw Wrong(key);

        CheckpointException Wrong(string key) =>
            new($"the checkpoint says its {key} is '{Get(key)}', which makes no sense");
    }

    private static string Text(IFormattable value) =>
        value.ToString(null, CultureInfo.InvariantCulture);
}
