using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What only some architectures have, in presets.</summary>
[Flags]
public enum ModelDetails
{
    /// <summary>Width, depth and dropout alone.</summary>
    None = 0,

    /// <summary>Taps of a convolution: <see cref="PresetModel.Kernel"/>.</summary>
    Kernel = 1,

    /// <summary>
    /// States beside the width, whose recurrence may have a rate of its own: <see cref="PresetModel.States"/>,
    /// <see cref="PresetTraining.RecurrenceRate"/>.
    /// </summary>
    States = 2,

    /// <summary>Dropout within blocks that the steps of a sequence may share: <see cref="PresetModel.SharedDropout"/>.</summary>
    SharedDropout = 4,

    /// <summary>Eigenvalues that begin in a ring: <see cref="PresetModel.MinRadius"/>, <see cref="PresetModel.MaxRadius"/>.</summary>
    Ring = 8,

    /// <summary>Whether it also runs from each sequence's end is a choice: <see cref="PresetModel.Bidirectional"/>.</summary>
    Bidirectional = 16,

    /// <summary>States that begin as copies of a smaller system: <see cref="PresetModel.Blocks"/>.</summary>
    Blocks = 32,
}

/// <summary>An architecture that can be measured and trained: how its model is made, and what it must keep in memory.</summary>
public abstract class Architecture : IEntry
{
    private const string FormWord = "form";
    private const string BidirectionalWord = "bidirectional";
    private const string StatesWord = "states";

    private static readonly Entries<Architecture> Entries = new("architecture");

    private protected Architecture() { }

    /// <summary>All of them, in the order of reports.</summary>
    public static IReadOnlyList<Architecture> All => Entries.All;

    /// <summary>The names of all, in the order of reports.</summary>
    public static IReadOnlyList<string> Names => Entries.Names;

    /// <summary>Those that papers keep comparing, which are measured where none is asked for.</summary>
    public static IReadOnlyList<Architecture> Compared { get; } = [.. All.Where(a => a.IsCompared)];

    /// <inheritdoc/>
    public abstract string Name { get; }

    /// <inheritdoc/>
    public abstract int Order { get; }

    /// <summary>Whether it is measured where none is asked for; others have to be named.</summary>
    public virtual bool IsCompared => true;

    /// <summary>What people call it.</summary>
    public abstract string Title { get; }

    /// <summary>What the depth counts: layer, level or block.</summary>
    public abstract string DepthName { get; }

    /// <summary>The depth where none is asked for.</summary>
    public abstract int DefaultDepth { get; }

    /// <summary>The largest depth.</summary>
    public virtual int MaxDepth => 64;

    /// <summary>What its models have beside width, depth and dropout.</summary>
    public virtual ModelDetails Details => ModelDetails.None;

    /// <summary>The names of its variants, the usual one first; empty where it has none.</summary>
    public virtual IReadOnlyList<string> Forms => [];

    /// <summary>What a width is a multiple of.</summary>
    public virtual int WidthStep => 1;

    /// <summary>What else may be changed to meet a budget that no width meets; null for nothing.</summary>
    public virtual SizeKnob? Knob => null;

    /// <summary>Its place on the ladder from a tanh network to the LRU; null where it has none.</summary>
    public virtual Rung? OnLadder => null;

    /// <summary>Whether no output depends on a later input.</summary>
    /// <param name="sizes">The model's sizes, which may say that it runs in both directions.</param>
    public virtual bool IsCausal(PresetModel sizes)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        return !sizes.Bidirectional;
    }

    /// <summary>The architecture of a name, or null.</summary>
    public static Architecture? Find(string name) => Entries.Find(name);

    /// <summary>The architecture of a name.</summary>
    /// <exception cref="ArgumentException">There is none of this name.</exception>
    public static Architecture Get(string name) => Entries.Get(name);

    /// <summary>The sizes of a model that options give: all but width and depth are the usual ones.</summary>
    /// <param name="width">Hidden units or channels, at least 1.</param>
    /// <param name="depth">Layers, levels or blocks, 1 to <see cref="MaxDepth"/>.</param>
    public virtual PresetModel Sized(int width, int depth) =>
        new()
        {
            Hidden = width,
            Depth = depth,
            Dropout = 0,
        };

    /// <summary>The sizes of a model that options give, with what they choose of a variant.</summary>
    /// <param name="width">Hidden units or channels, at least 1.</param>
    /// <param name="depth">Layers, levels or blocks, 1 to <see cref="MaxDepth"/>.</param>
    /// <param name="variant">What is not as usual.</param>
    public PresetModel Sized(int width, int depth, ModelVariant variant)
    {
        ArgumentNullException.ThrowIfNull(variant);
        PresetModel sizes = Sized(width, depth);
        return sizes with
        {
            Form = variant.Form,
            Bidirectional = variant.Bidirectional,
            States = variant.States ?? sizes.States,
        };
    }

    /// <summary>The model for a task, of the usual sizes but for width and depth.</summary>
    /// <param name="task">Gives channels in and out, and whether there is one output.</param>
    /// <param name="width">Hidden units or channels, at least 1.</param>
    /// <param name="depth">Layers, levels or blocks, 1 to <see cref="MaxDepth"/>.</param>
    public Sequential Create(SequenceTask task, int width, int depth) =>
        Create(ModelEnds.Of(task), Sized(width, depth));

    /// <summary>
    /// The model of some sizes: an embedding where the input are classes, as wide as the body if no other width is asked for, and its
    /// dropout; the body; pooling where the task has one output; dropout where the body has none; and a linear layer, which may have the
    /// weights of the embedding, and then stands on one of the embedding's width.
    /// </summary>
    /// <param name="ends">Channels in and out, and whether there is one output.</param>
    /// <param name="sizes">Width, depth, dropout and the <see cref="Details"/>.</param>
    /// <exception cref="ArgumentException">
    /// A size is out of range, or of what the architecture has not, or there would be more values than a model can have.
    /// </exception>
    public Sequential Create(ModelEnds ends, PresetModel sizes)
    {
        ArgumentNullException.ThrowIfNull(sizes);
        ArgumentOutOfRangeException.ThrowIfLessThan(sizes.Hidden, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(sizes.Depth, 1);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(sizes.Depth, MaxDepth);
        if (WhyNot(sizes) is { } reason)
            throw new ArgumentException(reason, nameof(sizes));
        var layers = new List<Layer>();
        Embedding? embedding = null;
        if (ends.Classes is { } classes)
        {
            layers.Add(embedding = EmbeddingOf(classes, sizes, ends.Tied));
            if (sizes.EmbeddingDropout > 0)
                layers.Add(new Dropout(embedding.OutputSize, sizes.EmbeddingDropout));
        }
        layers.Add(Body(embedding?.OutputSize ?? ends.Inputs, sizes));
        int width = layers[^1].OutputSize;
        if (ends.OneOutput)
            layers.Add(Pool(width));
        if (!DropsWithin && sizes.Dropout > 0)
            layers.Add(new Dropout(width, sizes.Dropout));
        if (!ends.Tied || embedding is null)
        {
            layers.Add(new Linear(width, ends.Outputs));
            return new Sequential(layers);
        }
        if (width != embedding.OutputSize)
            layers.Add(new Linear(width, embedding.OutputSize));
        layers.Add(new TiedLinear(embedding));
        return new Sequential(layers);
    }

    // A table that is the head's weight as well begins as in the code of Bai et al. (2018), where values around 1 would make large outputs.
    private static Embedding EmbeddingOf(int classes, PresetModel sizes, bool tied)
    {
        int width = sizes.Embedding > 0 ? sizes.Embedding : sizes.Hidden;
        return tied
            ? new Embedding(classes, width, scale: 0.1f, uniform: true)
            : new Embedding(classes, width);
    }

    /// <summary>Bytes of activations that backward cannot do without.</summary>
    /// <param name="rows">Steps of all sequences of a batch, T * B.</param>
    /// <param name="sizes">The model's sizes.</param>
    public abstract long KeptBytes(long rows, PresetModel sizes);

    /// <summary>What is asked for that the architecture has not, in words; null where it has all of it.</summary>
    public string? WhyNot(ModelVariant variant)
    {
        ArgumentNullException.ThrowIfNull(variant);
        return Lacks(variant) switch
        {
            FormWord => Forms.Count > 0
                ? $"{Name} has no form '{Printable.Shortened(variant.Form!)}'; allowed: {string.Join(", ", Forms)}"
                : $"{Name} has no forms; there are some {Having(a => a.Forms.Count > 0)}",
            BidirectionalWord =>
                $"{Name} cannot be asked to run in both directions; that is a choice {Having(a => a.Details.HasFlag(ModelDetails.Bidirectional))}",
            StatesWord =>
                $"{Name} has no states beside its width; there are some {Having(a => a.Details.HasFlag(ModelDetails.States))}",
            _ => null,
        };
    }

    /// <summary>The first thing that a variant asks for and the architecture has not, by its word in options and checkpoints; else null.</summary>
    public string? Lacks(ModelVariant variant)
    {
        ArgumentNullException.ThrowIfNull(variant);
        return variant.Form is { } form && !Forms.Contains(form) ? FormWord
            : variant.Bidirectional && !Details.HasFlag(ModelDetails.Bidirectional)
                ? BidirectionalWord
            : variant.States is not null && !Details.HasFlag(ModelDetails.States) ? StatesWord
            : null;
    }

    /// <summary>Why a task cannot have a model of some sizes: it looks ahead where it may not. Null where it can.</summary>
    public string? WhyNot(TaskEntry task, PresetModel sizes)
    {
        ArgumentNullException.ThrowIfNull(task);
        return task.NeedsCausal && !IsCausal(sizes)
            ? $"{Name}{(sizes.Bidirectional ? " in both directions" : "")} reads each sequence from its end as well, and {task} asks what comes next: the answer would be in the input"
            : null;
    }

    private string? WhyNot(PresetModel sizes) =>
        WhyNot(new ModelVariant(sizes.Form, sizes.Bidirectional))
        ?? (
            sizes.Hidden % WidthStep == 0
                ? null
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"the width of {Name} is a multiple of {WidthStep}, not {sizes.Hidden}"
                )
        );

    private static string Having(Func<Architecture, bool> has)
    {
        string[] names = [.. All.Where(has).Select(a => a.Name)];
        return names.Length > 0 ? $"of {string.Join(", ", names)} alone" : "of none yet";
    }

    /// <summary>The parameters of the recurrence, at a rate of their own.</summary>
    /// <param name="rateFactor">What the learning rate is multiplied by.</param>
    /// <exception cref="InvalidOperationException">The architecture is without <see cref="ModelDetails.States"/>.</exception>
    public virtual ParameterGroup Recurrence(float rateFactor) =>
        throw new InvalidOperationException($"The recurrence of {Name} has no rate of its own.");

    /// <summary>Dropout stands in every block; else between the body and the head.</summary>
    private protected virtual bool DropsWithin => false;

    private protected abstract Layer Body(int inputs, PresetModel sizes);

    private protected virtual Layer Pool(int width) => new Last(width);

    /// <inheritdoc/>
    public override string ToString() => Name;
}

/// <summary>What a task asks of a model's two ends.</summary>
/// <param name="Inputs">Channels in.</param>
/// <param name="Outputs">Channels out.</param>
/// <param name="OneOutput">One output a sequence, or one a step.</param>
/// <param name="Classes">Classes of the input, whose numbers are its one channel; null where inputs are any numbers.</param>
/// <param name="Tied">Whether the output layer has the weights of the embedding, so that outputs are the classes of the input.</param>
public readonly record struct ModelEnds(
    int Inputs,
    int Outputs,
    bool OneOutput,
    int? Classes = null,
    bool Tied = false
)
{
    /// <summary>Those of a task.</summary>
    public static ModelEnds Of(SequenceTask task)
    {
        ArgumentNullException.ThrowIfNull(task);
        return new ModelEnds(
            task.InputSize,
            task.OutputSize,
            task.OneOutput,
            task.InputClasses,
            task is TokenTask { IsTied: true }
        );
    }
}
