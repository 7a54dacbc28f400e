using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>A model of a certain size on a task, with a batch size: what is measured or trained.</summary>
/// <param name="Architecture">The architecture.</param>
/// <param name="Task">The task.</param>
/// <param name="Batch">Sequences a step.</param>
/// <param name="Sizes">The model's sizes.</param>
public sealed record Workload(
    Architecture Architecture,
    SequenceTask Task,
    int Batch,
    PresetModel Sizes
)
{
    /// <summary>A model of the usual sizes for a width and a depth.</summary>
    /// <param name="architecture">The architecture.</param>
    /// <param name="task">The task.</param>
    /// <param name="batch">Sequences a step.</param>
    /// <param name="width">Hidden units or channels.</param>
    /// <param name="depth">Layers, levels or blocks.</param>
    public Workload(Architecture architecture, SequenceTask task, int batch, int width, int depth)
        : this(architecture, task, batch, SizesOf(architecture, width, depth)) { }

    /// <summary>Hidden units or channels.</summary>
    public int Width => Sizes.Hidden;

    /// <summary>Layers, levels or blocks.</summary>
    public int Depth => Sizes.Depth;

    /// <summary>What of the sizes is not as usual for the width and the depth.</summary>
    public ModelVariant Variant => ModelVariant.Of(Architecture, Sizes);

    /// <summary>Trained values of the model.</summary>
    public long Parameters { get; } = Count(Architecture, Task, Sizes);

    /// <summary>Steps of all sequences of a batch.</summary>
    public long Tokens => (long)Task.Length * Batch;

    /// <summary>Steps that a TCN's last output can see, were there so many; null for other architectures.</summary>
    public long? ReceptiveField
    {
        get
        {
            using Sequential model = CreateModel();
            return model
                .Children.Select(child => child.Layer)
                .OfType<Tcn>()
                .SingleOrDefault()
                ?.ReceptiveField;
        }
    }

    /// <summary>
    /// The least bytes that a step of training with Adam needs: parameters, gradients and two moments; inputs and targets;
    /// the outputs where there is one a step; what an embedding gives; and what backward cannot do without.
    /// </summary>
    public long FloorBytes => checked(FloorByCategory.Values.Sum());

    /// <summary>The same by what it is for.</summary>
    public IReadOnlyDictionary<MemoryCategory, long> FloorByCategory
    {
        get
        {
            long targets = (long)Task.TargetsPerSequence * Batch;
            long outputs = Task.OneOutput ? 0 : targets * Task.OutputSize;
            long embedded = Task.InputClasses is not null ? Tokens * Width : 0;
            long data = (Tokens * Task.InputSize) + targets;
            long parameters = Parameters * sizeof(float);
            return new Dictionary<MemoryCategory, long>
            {
                [MemoryCategory.Parameters] = parameters,
                [MemoryCategory.Gradients] = parameters,
                [MemoryCategory.Optimizer] = 2 * parameters,
                [MemoryCategory.Activations] = checked(
                    Architecture.KeptBytes(Tokens, Sizes) + ((outputs + embedded) * sizeof(float))
                ),
                [MemoryCategory.InputOutput] = checked(data * sizeof(float)),
            };
        }
    }

    /// <summary>A new model; it has no values before its first plan.</summary>
    public Sequential CreateModel() => Architecture.Create(ModelEnds.Of(Task), Sizes);

    private static PresetModel SizesOf(Architecture architecture, int width, int depth)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        return architecture.Sized(width, depth);
    }

    private static long Count(Architecture architecture, SequenceTask task, PresetModel sizes)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        using Sequential model = architecture.Create(ModelEnds.Of(task), sizes);
        return model.ParameterCount;
    }
}
