using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>A published experiment: task, model and how it is trained.</summary>
public sealed record Preset
{
    /// <summary>The task's name: one of the catalogue, see <see cref="Tasks"/>.</summary>
    public required string Task { get; init; }

    /// <summary>The architecture's name: one of the catalogue, see <see cref="Architecture"/>.</summary>
    public required string Arch { get; init; }

    /// <summary>The name among the presets of the same task and architecture: 300k.</summary>
    public required string Name { get; init; }

    /// <summary>About how many parameters the model has: within 5%.</summary>
    public required long Budget { get; init; }

    /// <summary>The paper's figure in the task's score, or null where no paper has one.</summary>
    public double? Paper { get; init; }

    /// <summary>T; 0 for a task whose data decide the lengths.</summary>
    public int Length { get; init; }

    /// <summary>How a text is cut, and how many characters or words the model knows; null for a task without windows.</summary>
    public WindowOptions? Windows { get; init; }

    /// <summary>What differs from the paper, or where it comes from.</summary>
    public string? Note { get; init; }

    /// <summary>The model's sizes.</summary>
    public required PresetModel Model { get; init; }

    /// <summary>How it is trained.</summary>
    public required PresetTraining Training { get; init; }

    /// <summary>The task.</summary>
    public TaskEntry TaskEntry => Tasks.Get(Task);

    /// <summary>What results, and the paper's figure, are told in.</summary>
    public TaskScore Score => TaskEntry.Score;

    /// <summary>What training goes down on: nats a frame (nll), mse or cross-entropy.</summary>
    public string Loss => TaskEntry.Metric;

    /// <summary>A new model; it has no values before its first plan.</summary>
    public Sequential CreateModel() =>
        Architecture.Get(Arch).Create(TaskEntry.EndsFor(Windows), Model);

    /// <summary>What makes the optimizer for a plan.</summary>
    public Optimizer CreateOptimizer(Plan plan)
    {
        OptimizerEntry entry = Optimizers.Get(Training.Optimizer);
        return entry.Create(
            plan,
            Training.Rate,
            entry.Decay is null ? null : Training.Decay,
            Groups()
        );
    }

    /// <summary>The sets that it is trained and measured on.</summary>
    /// <param name="seed">Decides what is drawn to train on.</param>
    /// <param name="data">The data of the task; null where they are drawn.</param>
    public TaskSets CreateSets(ulong seed, TaskData? data) =>
        TaskEntry.CreateSets(Length, Training.Sequences, seed, data, Windows);

    /// <summary>Whether data are those that it is trained on.</summary>
    /// <param name="data">The data of the task; null where they are drawn.</param>
    /// <exception cref="ArgumentException">Data are missing, or there are some too many.</exception>
    /// <exception cref="TaskDataException">They have no sequences of its length, or more characters than its model.</exception>
    public void RequireFit(TaskData? data) => TaskEntry.RequireFit(Length, data, Windows);

    /// <summary>The training loop's options.</summary>
    /// <param name="seed">Seed of parameters, dropout and the order of pieces.</param>
    /// <param name="pieces">Pieces of an epoch, at least 1: from them come the steps of a schedule.</param>
    public TrainingOptions OptionsFor(ulong seed, int pieces) =>
        new()
        {
            Batch = Training.Batch,
            EvaluationBatch = Math.Max(Training.Batch, 8),
            Clip = Training.Clip ?? float.PositiveInfinity,
            Epochs = Training.Epochs,
            Patience = Training.Patience,
            Plateau = Training.Plateau,
            Schedule = ScheduleFor(pieces),
            Carry = Windows?.Carry == true,
            Seed = seed,
        };

    /// <summary>All that decides what training computes beside data and seed, in one line.</summary>
    public string Settings() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"length {Length}, model {JsonSerializer.Serialize(Model, PresetSettingsJson.Default.PresetModel)}, optimizer {Training.Optimizer} {Training.Rate}, sequences {Training.Sequences}{More()}"
        );

    /// <inheritdoc/>
    public override string ToString() => $"{Task} {Arch} {Name}";

    private ParameterGroup[]? Groups() =>
        Training.RecurrenceRate is { } factor ? [Architecture.Get(Arch).Recurrence(factor)] : null;

    private IRateSchedule? ScheduleFor(int pieces)
    {
        long epoch = (pieces + Training.Batch - 1) / Training.Batch;
        if (Training.Drop is { } drop)
            return new StepDecay(drop.Every * epoch, drop.Factor);
        if (Training.Warmup is not { } warmup)
            return null;
        long steps = Training.Epochs * epoch;
        return new WarmupCosine(steps, (long)(warmup * steps));
    }

    // Groups and schedule speak for themselves in a checkpoint; decay is what the optimizer's name does not tell.
    private string More()
    {
        string decay = Optimizers.Get(Training.Optimizer).Decay is not null
            ? string.Create(CultureInfo.InvariantCulture, $", decay {Training.Decay}")
            : "";
        return Windows is { } windows
            ? string.Create(
                CultureInfo.InvariantCulture,
                $"{decay}, vocabulary {windows.Vocabulary}, context {windows.Context}"
            )
            : decay;
    }
}

/// <summary>The sizes of a preset's model.</summary>
public sealed record PresetModel
{
    /// <summary>Hidden units or channels.</summary>
    public required int Hidden { get; init; }

    /// <summary>Layers, levels or blocks.</summary>
    public required int Depth { get; init; }

    /// <summary>Probability of dropout: in every block of a TCN or LRU, else between the last layer and the head.</summary>
    public required float Dropout { get; init; }

    /// <summary>
    /// Whether the steps of a sequence share the dropout of an LRU's blocks, as in minimal-LRU. Where they do not, the settings
    /// are silent on it, as those of older checkpoints are.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool SharedDropout { get; init; }

    /// <summary>
    /// The architecture's variant, one of its <see cref="Architecture.Forms"/>; null for the usual one. Where it is null, the settings
    /// are silent on it, as those of older checkpoints are; so they are on what comes next.
    /// </summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public string? Form { get; init; }

    /// <summary>Whether the recurrence also runs from each sequence's end.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public bool Bidirectional { get; init; }

    /// <summary>The width of the embedding, where inputs are classes; 0 for that of the body.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Embedding { get; init; }

    /// <summary>Probability of dropout behind the embedding.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public float EmbeddingDropout { get; init; }

    /// <summary>Copies of a smaller system that the states of an S5 begin as.</summary>
    [JsonIgnore(Condition = JsonIgnoreCondition.WhenWritingDefault)]
    public int Blocks { get; init; }

    /// <summary>Taps of a TCN.</summary>
    public int Kernel { get; init; }

    /// <summary>
    /// Complex states of each block: of an LRU, DSS or S5 (of whose conjugate pairs one of each is kept), and of each channel of an
    /// S4D.
    /// </summary>
    public int States { get; init; }

    /// <summary>Inner radius of the ring in which an LRU's eigenvalues begin; null for the layer's own.</summary>
    public double? MinRadius { get; init; }

    /// <summary>Outer radius of the ring.</summary>
    public double? MaxRadius { get; init; }
}

/// <summary>A rate that falls after every so many epochs.</summary>
/// <param name="Every">Epochs of one rate.</param>
/// <param name="Factor">What it is multiplied by then.</param>
public sealed record RateDrop(int Every, float Factor = 0.1f);

/// <summary>How a preset's model is trained.</summary>
public sealed record PresetTraining
{
    /// <summary>Its name: one of the catalogue, see <see cref="Optimizers"/>.</summary>
    public required string Optimizer { get; init; }

    /// <summary>Learning rate at the beginning.</summary>
    public required float Rate { get; init; }

    /// <summary>Pieces a step.</summary>
    public required int Batch { get; init; }

    /// <summary>Epochs at most.</summary>
    public required int Epochs { get; init; }

    /// <summary>Largest norm of the gradients; null for no clipping.</summary>
    public float? Clip { get; init; }

    /// <summary>Epochs without a better validation after which training ends; 0 for no such end.</summary>
    public int Patience { get; init; }

    /// <summary>When the learning rate falls; null for never.</summary>
    public Plateau? Plateau { get; init; }

    /// <summary>Weight decay, of an optimizer that has one.</summary>
    public float Decay { get; init; }

    /// <summary>
    /// What the rate of an LRU's recurrence is multiplied by, which then does not decay; null for the rate of all others. See
    /// <see cref="Lru.Recurrence"/>.
    /// </summary>
    public float? RecurrenceRate { get; init; }

    /// <summary>
    /// Fraction of all steps in which the rate rises to <see cref="Rate"/>, to fall along a cosine in the rest; null for no
    /// such schedule.
    /// </summary>
    public double? Warmup { get; init; }

    /// <summary>When the rate falls by steps; null for never. It is for a training without <see cref="Warmup"/>.</summary>
    public RateDrop? Drop { get; init; }

    /// <summary>Sequences of an epoch of a task that is drawn; 0 for others.</summary>
    public int Sequences { get; init; }
}
