using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>All that decides what a training run computes, but for the number of its steps and threads.</summary>
public sealed record TrainingSetup
{
    private const string True = "true";

    /// <summary>The architecture's name.</summary>
    public required string Arch { get; init; }

    /// <summary>The task's name.</summary>
    public required string Task { get; init; }

    /// <summary>T, as the task counts it; where the data decide it, that of the longest sequence.</summary>
    public required int Length { get; init; }

    /// <summary>Sequences a step.</summary>
    public required int Batch { get; init; }

    /// <summary>Hidden units or channels.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers, levels or blocks.</summary>
    public required int Layers { get; init; }

    /// <summary>What else was asked for of the model.</summary>
    public ModelVariant Variant { get; init; } = ModelVariant.Usual;

    /// <summary>The optimizer's name.</summary>
    public required string Optimizer { get; init; }

    /// <summary>Learning rate.</summary>
    public required float Lr { get; init; }

    /// <summary>Largest norm of the gradients; infinity for none.</summary>
    public required float Clip { get; init; }

    /// <summary>Seed of parameters, data and dropout.</summary>
    public required ulong Seed { get; init; }

    /// <summary>The data of the task; null where they are drawn.</summary>
    public TaskData? Data { get; init; }

    /// <summary>The most words that the data were limited to; null for all.</summary>
    public int? Vocabulary { get; init; }

    /// <summary>Whether windows follow each other and states are carried from one to the next.</summary>
    public bool Carry { get; init; }

    /// <summary>Steps at the beginning of a window that do not count.</summary>
    public int Context { get; init; }

    /// <summary>The model and its task.</summary>
    public Workload Workload =>
        new(
            Architecture.Get(Arch),
            TaskEntry.CreateStream(Asked, Data),
            Batch,
            Architecture.Get(Arch).Sized(Hidden, Layers, Variant)
        );

    /// <summary>The task.</summary>
    public TaskEntry TaskEntry => Tasks.Get(Task);

    private int Asked => TaskEntry.IsStream ? Length : 0;

    /// <summary>What is trained on, and what the model is judged by on the way and at the end.</summary>
    public TrainingSets CreateSets() =>
        Carry || Context > 0
            ? TaskEntry.CreateWindows(Asked, Seed, Data, Carry, Context)
            : TaskEntry.CreateTraining(Asked, Seed, Data);

    /// <summary>A trainer that begins at the first step.</summary>
    /// <param name="model">The model of the <see cref="Workload"/>.</param>
    /// <param name="sets">What <see cref="CreateSets"/> gave.</param>
    /// <param name="backend">Where to run.</param>
    /// <param name="logEvery">Steps whose losses are read together, at least 1.</param>
    /// <exception cref="NotSupportedException">The model has a layer that cannot carry.</exception>
    public Trainer CreateTrainer(
        Layer model,
        TrainingSets sets,
        Backend backend,
        int logEvery = TrainingOptions.DefaultLogEvery
    )
    {
        ArgumentNullException.ThrowIfNull(sets);
        return new Trainer(
            model,
            sets.Train,
            sets.HeldOut,
            backend,
            plan => Optimizers.Get(Optimizer).Create(plan, Lr),
            new TrainingOptions
            {
                Batch = Batch,
                Clip = Clip,
                Seed = Seed,
                Carry = Carry,
                LogEvery = logEvery,
            }
        );
    }

    /// <summary>The setup as texts, by the names of the options.</summary>
    public Dictionary<string, string> ToMetadata()
    {
        var texts = new Dictionary<string, string>
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
        // Only what is not as usual, so that checkpoints of usual models stay what they were.
        if (Variant.Form is { } form)
            texts["form"] = form;
        if (Variant.Bidirectional)
            texts["bidirectional"] = True;
        if (Variant.States is { } states)
            texts["states"] = Text(states);
        if (Vocabulary is { } vocabulary)
            texts["vocabulary"] = Text(vocabulary);
        if (Carry)
            texts["carry"] = True;
        if (Context > 0)
            texts["context"] = Text(Context);
        if (Data is not null)
            texts["data"] = Data.Fingerprint();
        return texts;
    }

    /// <summary>What <see cref="ToMetadata"/> wrote.</summary>
    /// <param name="texts">A checkpoint's texts.</param>
    /// <param name="load">Reads the data of a task that needs some.</param>
    /// <exception cref="CheckpointException">
    /// A text is missing, or says what no option may say; the message names file, text and what is allowed.
    /// </exception>
    public static TrainingSetup FromMetadata(CheckpointTexts texts, Func<TaskEntry, TaskData?> load)
    {
        ArgumentNullException.ThrowIfNull(texts);
        ArgumentNullException.ThrowIfNull(load);
        string arch = texts.Word("arch", Architecture.Names);
        TaskEntry task = Tasks.Get(texts.Word("task", Tasks.Names));
        int length = (int)texts.Whole("length", 1, Limits.Length);
        var setup = new TrainingSetup
        {
            Arch = arch,
            Task = task.Name,
            Length = length,
            Batch = (int)texts.Whole("batch", 1, Limits.Batch),
            Hidden = (int)texts.Whole("hidden", 1, Limits.Width),
            Layers = (int)texts.Whole("layers", 1, Architecture.Get(arch).MaxDepth),
            Variant = VariantOf(texts, Architecture.Get(arch)),
            Optimizer = texts.Word("optimizer", Optimizers.Names),
            Lr = texts.Positive("lr"),
            Clip = texts.Positive("clip", none: true),
            Seed = texts.Seed("seed"),
            Vocabulary = texts.Has("vocabulary")
                ? (int)texts.Whole("vocabulary", 2, Embedding.MostClasses)
                : null,
            Carry = texts.Has("carry") && texts.Word("carry", [True]) == True,
            Context = texts.Has("context") ? (int)texts.Whole("context", 1, length - 1) : 0,
        };
        foreach (string key in (string[])["carry", "vocabulary", "context"])
        {
            if (texts.Has(key) && !task.HasWindows)
                throw texts.Wrong(key, $"left out for the task {task}");
        }
        if (setup.Carry && setup.Context > 0)
            throw texts.Wrong("context", "left out where states are carried");
        setup = setup with { Data = Limited(texts, task, load(task), setup.Vocabulary) };
        bool drawn = setup.Data is null;
        if (task.IsStream && !task.Allows(length, drawn))
            throw texts.Wrong("length", $"{task.Lengths(drawn)} for the task {task}");
        if (setup.Data is { } data)
            texts.Same("data", data.Fingerprint(), $"that of '{data.Path}'");
        Architecture architecture = Architecture.Get(arch);
        if (architecture.WhyNot(setup.Variant) is { } lacking)
            throw texts.Wrong(architecture.Lacks(setup.Variant)!, lacking);
        PresetModel sizes = architecture.Sized(setup.Hidden, setup.Layers, setup.Variant);
        if (architecture.WhyNot(task, sizes) is { } ahead)
            throw texts.Wrong(setup.Variant.Bidirectional ? "bidirectional" : "arch", ahead);
        if (
            !task.IsStream
            && task.CreateStream(0, setup.Data).Length is var longest
            && longest != length
        )
            throw texts.Wrong(
                "length",
                FormattableString.Invariant($"{longest}, the steps of the longest sequence")
            );
        try
        {
            _ = setup.Workload;
        }
        catch (ArgumentException e)
        {
            throw texts.Wrong(
                "hidden",
                $"a width that {arch} can have ({e.Message.Split(" (Parameter")[0]})"
            );
        }
        return setup;
    }

    // A text that is not there says that it is as usual.
    private static ModelVariant VariantOf(CheckpointTexts texts, Architecture architecture) =>
        new(
            texts.Has("form") ? texts.Word("form", architecture.Forms) : null,
            texts.Has("bidirectional") && texts.Word("bidirectional", [True]) == True,
            texts.Has("states") ? (int)texts.Whole("states", 1, Limits.Width) : null
        );

    private static TaskData? Limited(
        CheckpointTexts texts,
        TaskEntry task,
        TaskData? data,
        int? vocabulary
    )
    {
        if (data is null || vocabulary is not { } most)
            return data;
        try
        {
            return task.Limit(data, most);
        }
        catch (TaskDataException e)
        {
            throw texts.Wrong("vocabulary", $"as many as the text has ({e.Message})");
        }
    }

    private static string Text(IFormattable value) =>
        value.ToString(null, CultureInfo.InvariantCulture);
}
