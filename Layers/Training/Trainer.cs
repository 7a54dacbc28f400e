namespace Sequor.Layers;

/// <summary>How a model is trained.</summary>
public sealed record TrainingOptions
{
    /// <summary>Sequences a step, at least 1.</summary>
    public int Batch { get; init; } = 32;

    /// <summary>Largest global norm of the gradients, above 0; infinity for no clipping.</summary>
    public float Clip { get; init; } = float.PositiveInfinity;

    /// <summary>Seed of parameters, data and dropout.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Sequences of the fixed held-out set, at least 1.</summary>
    public int HeldOut { get; init; } = 1000;

    /// <summary>How the learning rate goes by the step, the optimizer's being the highest; null for always that.</summary>
    public WarmupCosine? Schedule { get; init; }
}

/// <summary>A loss or gradient stopped being a number.</summary>
public sealed class DivergedException : Exception
{
    /// <summary>An error without details.</summary>
    public DivergedException()
        : this("Training diverged.") { }

    /// <summary>An error that says at which step, and in which tensor it began.</summary>
    public DivergedException(string message)
        : base(message) { }

    /// <summary>An error with its cause.</summary>
    public DivergedException(string message, Exception inner)
        : base(message, inner) { }
}

/// <summary>
/// The training loop: a model, a task, an optimizer. A step draws a batch, runs forward, loss, backward and the
/// optimizer, and allocates nothing.
/// </summary>
public sealed class Trainer : IDisposable
{
    private readonly TrainingOptions _options;
    private readonly SequenceBatch _batch;
    private readonly SequenceTask _stream;
    private readonly Loss _loss;
    private readonly ScheduledRate _rate;
    private Evaluator? _evaluator;
    private bool _disposed;

    /// <summary>Plans the model for the task.</summary>
    /// <param name="model">Its input and output sizes must be the task's.</param>
    /// <param name="task">What to learn.</param>
    /// <param name="backend">Where to run.</param>
    /// <param name="optimizer">Makes the optimizer for the plan.</param>
    /// <param name="options">Batch size, clipping, seed.</param>
    /// <exception cref="ArgumentException">Sizes of model and task differ, or an option is out of range.</exception>
    /// <exception cref="DeviceMemoryException">Plan, loss and optimizer do not fit in memory.</exception>
    public Trainer(
        Layer model,
        SequenceTask task,
        Backend backend,
        Func<Plan, Optimizer> optimizer,
        TrainingOptions options
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(options);
        if (!(options.Clip > 0))
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.Clip,
                "Clip must be above 0."
            );
        if (options.HeldOut < 1)
            throw new ArgumentOutOfRangeException(
                nameof(options),
                options.HeldOut,
                "HeldOut must be at least 1."
            );
        if (model.InputSize != task.InputSize || model.OutputSize != task.OutputSize)
        {
            throw new ArgumentException(
                $"The task {task.Name} has {task.InputSize} channels in and {task.OutputSize} out, "
                    + $"the model {model.InputSize} and {model.OutputSize}.",
                nameof(model)
            );
        }
        Task = task;
        _options = options;
        _stream = task.Stream(options.Seed);
        _batch = new SequenceBatch(task, options.Batch);
        Plan = model.Plan(backend, task.Length, options.Batch, Mode.Training, seed: options.Seed);
        try
        {
            _loss = task.CreateLoss(Plan);
            Optimizer = optimizer(Plan);
            Optimizer.MaxGradientNorm = options.Clip;
            _rate = new ScheduledRate(Optimizer, options.Schedule);
            Graph = new StepGraph(Plan, RunStep);
        }
        catch
        {
            Optimizer?.Dispose();
            _loss?.Dispose();
            Plan.Dispose();
            throw;
        }
    }

    /// <summary>What is learned.</summary>
    public SequenceTask Task { get; }

    /// <summary>The model's training plan.</summary>
    public Plan Plan { get; }

    /// <summary>What changes the parameters.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>Steps done, and so the number of the next batch.</summary>
    public long Step { get; private set; }

    /// <summary>How steps reach the device: as a graph, or why not.</summary>
    public StepGraph Graph { get; }

    /// <summary>One step of training.</summary>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public void TrainStep()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.TrainStep");
        ObjectDisposedException.ThrowIf(_disposed, this);
        _batch.Load(_stream, Step * _options.Batch, _options.Batch);
        Plan.Load(_batch.X, _batch.Length, _batch.Size);
        _loss.Load(_batch.Targets);
        _rate.Begin(Step);
        Graph.Run();
        Step++;
    }

    private void RunStep()
    {
        Plan.Forward(Plan.Input(_batch.Length, _batch.Size));
        Plan.Backward(_loss.Compute());
        Optimizer.Step();
    }

    /// <summary>The loss of the last step's batch before the update; reading it waits for the device.</summary>
    /// <exception cref="DivergedException">It is not a finite number, or the last gradients were not.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public float ReadLoss()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.ReadLoss");
        ObjectDisposedException.ThrowIf(_disposed, this);
        float loss = _loss.Read();
        if (float.IsFinite(loss) && float.IsFinite(Optimizer.GradientNorm))
            return loss;
        string what = float.IsFinite(loss) ? "the gradients are" : $"the loss is {loss}, which is";
        string origin =
            Plan.FirstNonFinite() ?? (float.IsFinite(loss) ? "none found" : "the loss itself");
        throw new DivergedException($"at step {Step} {what} not finite; first in: {origin}");
    }

    /// <summary>The loss on the fixed held-out set, without dropout.</summary>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public double Evaluate()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.Evaluate");
        ObjectDisposedException.ThrowIf(_disposed, this);
        _evaluator ??= new Evaluator(
            Plan.Model,
            Plan.Backend,
            Task.HeldOut(_options.HeldOut),
            _options.Batch
        );
        return _evaluator.Run();
    }

    /// <summary>Writes parameters, optimizer, dropout and the place in the data to a file, all or nothing.</summary>
    /// <param name="path">The checkpoint; an old one is replaced only once the new one is whole.</param>
    /// <param name="metadata">What else to remember; no name begins with "training." or "sequor.".</param>
    /// <param name="keep">How many older files are kept as FILE.1 (the newest), FILE.2 and so on, from 0 to 100.</param>
    /// <exception cref="ArgumentException">A name of the metadata is reserved.</exception>
    /// <exception cref="DivergedException">A value of model or optimizer is not finite; an old file is as it was.</exception>
    /// <exception cref="IOException">The file cannot be written; an old one is as it was.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public void Save(string path, IReadOnlyDictionary<string, string> metadata, int keep = 0)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Checkpoint.Save(path, Plan, Optimizer, Step, _rate.AddTo(metadata), keep: keep);
    }

    /// <summary>
    /// Goes on where a checkpoint stopped, on the same backend bit for bit. After an error all is as it was.
    /// </summary>
    /// <param name="path">The checkpoint.</param>
    /// <returns>A line for what could not be carried over from another backend; none where all was.</returns>
    /// <exception cref="CheckpointException">
    /// The file is damaged, or no checkpoint, or one of another model, optimizer, seed or schedule, or one of values that are
    /// not finite.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public IReadOnlyList<string> Resume(string path)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        var notes = new List<string>();
        float highest = _rate.Read(path, Checkpoint.ReadInfo(path));
        Step = Checkpoint.Load(path, Plan, Optimizer, notes: notes);
        _rate.Resume(highest);
        return notes;
    }

    /// <summary>Frees plans, loss and optimizer; the model stays. A second call does nothing.</summary>
    public void Dispose()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.Dispose");
        _disposed = true;
        Graph.Dispose();
        _evaluator?.Dispose();
        _loss.Dispose();
        Optimizer.Dispose();
        Plan.Dispose();
    }
}
