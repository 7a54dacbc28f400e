namespace Sequor.Layers;

/// <summary>
/// The training loop of a model: it has a dataset to learn from, an optional one for validation, and an optimizer. A step takes the
/// next sequences and runs forward, loss, backward and the optimizer. It allocates nothing and does not wait for the device; the
/// losses of many steps are read together.
/// </summary>
/// <remarks>
/// An epoch goes through a finite set once, in a random order of its own, in batches padded to their longest sequence. Of an endless
/// set each step takes the next sequences; it has epochs only if <see cref="TrainingOptions.StepsPerEpoch"/> is set. After each
/// epoch the loss on the validation set decides whether its parameters are the best so far. With <see cref="TrainingOptions.Carry"/> an
/// epoch takes the windows of a continuous set in their order, and states go on from window to window. Training can be saved and resumed
/// between any two steps, and then ends with the same bits, on the same backend and with the same number of threads.
/// </remarks>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var model = new Sequential(new Gru(2, 16), new Last(16), new Linear(16, 1));
/// var task = new AddingProblem(20); // from Sequor.Workloads; or a Dataset of your own
/// using var trainer = new Trainer(
///     model,
///     train: task.Part(stream: 1, first: 0, count: 256),
///     validation: task.HeldOut(count: 64),
///     backend,
///     plan => new Adam(plan, learningRate: 5e-3f),
///     new TrainingOptions
///     {
///         Batch = 32,
///         Clip = 1f,
///         Epochs = 2,
///     }
/// );
/// trainer.Run();
/// double held = trainer.EvaluateBest(task.HeldOut(count: 64, first: 64));
/// </code>
/// </example>
public sealed partial class Trainer : IDisposable
{
    private readonly TrainingOptions _options;
    private readonly Dataset _train;
    private readonly Dataset? _validation;
    private readonly DatasetShape _shape;
    private readonly BatchSource _batches;
    private readonly List<IDisposable> _owned = [];
    private readonly Loss _loss;
    private readonly ScheduledRate _rate;
    private bool _disposed;
    private TimeSpan _elapsed;

    /// <summary>Plans the model for training on the datasets, and makes the loss and the optimizer.</summary>
    /// <param name="model">The model, whose input and output sizes must be those of the sets.</param>
    /// <param name="train">The set to learn from, finite or endless.</param>
    /// <param name="validation">A finite set whose loss decides which epoch is the best; null for none.</param>
    /// <param name="backend">The backend to run on.</param>
    /// <param name="optimizer">Makes the optimizer for the training plan.</param>
    /// <param name="options">Batch size, clipping, seed, and when training ends.</param>
    /// <exception cref="ArgumentException">
    /// Sizes of model and sets differ, a set is empty or has a sequence without steps, or an option is out of range.
    /// </exception>
    /// <exception cref="DeviceMemoryException">Plans, loss and optimizer do not fit in memory.</exception>
    public Trainer(
        Layer model,
        Dataset train,
        Dataset? validation,
        Backend backend,
        Func<Plan, Optimizer> optimizer,
        TrainingOptions options
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(options);
        train.RequireFit(model, nameof(train));
        RequireFinite(validation, model);
        bool epochs = train.Count is not null || options.StepsPerEpoch is not null;
        options.Validate(epochs, validation is not null);
        if (train.Count is not null && options.StepsPerEpoch is not null)
            throw new ArgumentException(
                $"The dataset '{train.Name}' is finite: its epochs go through it, and StepsPerEpoch must be null.",
                nameof(options)
            );
        if (options.Carry)
            WindowStreams.Require(train, nameof(train));
        if (options.Carry && validation is not null)
            WindowStreams.Require(validation, nameof(validation));
        (_options, _train, _validation) = (options, train, validation);
        _shape = DatasetShape.Of(train);
        WindowStreams? streams = options.Carry ? new WindowStreams(train, options.Batch) : null;
        int size = streams?.Streams ?? Math.Min(options.Batch, train.Count ?? int.MaxValue);
        StepsPerEpoch =
            streams?.Steps
            ?? (train.Count is { } count ? (count + size - 1) / size : options.StepsPerEpoch ?? 0);
        _batches = Own(
            new BatchSource(
                train,
                streams is null
                    ? new SequenceOrder(train.Count, size, options.Seed)
                    : new SequenceOrder(streams),
                size,
                ahead: options.PrepareAhead && train.CanPrepareAhead
            )
        );
        try
        {
            Plan = Own(
                model.Plan(
                    backend,
                    train.Longest,
                    size,
                    Mode.Training,
                    new PlanOptions
                    {
                        Seed = options.Seed,
                        VariableLengths =
                            !options.Carry && size > 1 && train.Shortest < train.Longest,
                        Carry = options.Carry,
                        GradientInOutput = true,
                    }
                )
            );
            RequireAnswers(Plan, train);
            _loss = Own(train.CreateLoss(Plan));
            Optimizer = Own(optimizer(Plan));
            Optimizer.MaxGradientNorm = options.Clip;
            _rate = new ScheduledRate(Optimizer, options.Schedule);
            Graph = Own(new StepGraph(Plan, RunStep));
            int round = StepsPerEpoch > 0 ? StepsPerEpoch : options.LogEvery;
            if (round > 0)
                _log = Own(new LossLog(backend, round, options.LogEvery));
            _weights = new double[StepsPerEpoch];
            if (StepsPerEpoch > 0 && validation is not null)
            {
                _best = Own(backend.Allocate(Plan.Store.StateCount, MemoryCategory.Optimizer));
                backend.Fill(Best, 0f);
                _validator = Own(Evaluator(validation));
            }
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>
    /// The model's training plan. Its losses write their gradients over its output (<see cref="PlanOptions.GradientInOutput"/>), so after a
    /// step there is no output; <see cref="Assess"/> counts answers.
    /// </summary>
    public Plan Plan { get; }

    /// <summary>The optimizer, which updates the parameters.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>The graphs by which steps are submitted to a GPU, or the reason why there are none.</summary>
    public StepGraph Graph { get; }

    /// <summary>The number of steps in an epoch; 0 if there are no epochs.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>The number of steps done so far.</summary>
    public long Step { get; private set; }

    /// <summary>The time spent on training and validation; with epochs, also the time before training was resumed.</summary>
    public TimeSpan Elapsed => _elapsed;

    /// <summary>Why training is over; null if it can go on.</summary>
    public StopReason? Finished =>
        _options.Patience > 0
        && BestEpoch is { } best
        && _history.Count - best.Epoch >= _options.Patience
            ? StopReason.Patience
        : _history.Count >= (_options.Epochs ?? int.MaxValue) ? StopReason.Epochs
        : Step >= (_options.Steps ?? long.MaxValue) ? StopReason.Steps
        : null;

    // The batch of the step that runs.
    private SequenceBatch Batch => _batches.Current;

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>Frees the plans, losses and optimizer, but not the model. A second call does nothing.</summary>
    public void Dispose()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.Dispose");
        _disposed = true;
        Free();
    }

    // Also called by a constructor that failed, to free what it had allocated by then.
    private void Free()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
        _owned.Clear();
    }
}
