namespace Sequor.Layers;

/// <summary>
/// The training loop: a model, a dataset to learn from, one to be judged by, an optimizer. A step takes the next sequences, runs
/// forward, loss, backward and the optimizer, allocates nothing and waits for nothing; losses are read together, many steps at
/// once.
/// </summary>
/// <remarks>
/// A finite set is gone through in epochs, each in an order of its own, in batches padded to the longest sequence; an endless one
/// is drawn from, step by step, with epochs where <see cref="TrainingOptions.StepsPerEpoch"/> says so. After each epoch the loss
/// on the validation set decides which parameters were the best. Training may be saved and resumed between any two steps, and
/// then ends with the same bits, on the same backend and number of threads.
/// </remarks>
public sealed partial class Trainer : IDisposable
{
    private readonly TrainingOptions _options;
    private readonly Dataset _train;
    private readonly Dataset? _validation;
    private readonly DatasetShape _shape;
    private readonly SequenceBatch _batch;
    private readonly SequenceOrder _order;
    private readonly List<IDisposable> _owned = [];
    private readonly Loss _loss;
    private readonly ScheduledRate _rate;
    private bool _disposed;
    private TimeSpan _elapsed;

    /// <summary>Plans the model for the datasets.</summary>
    /// <param name="model">Its input and output sizes must be the sets'.</param>
    /// <param name="train">What to learn from, finite or endless.</param>
    /// <param name="validation">A finite set that tells the best epoch; null for none.</param>
    /// <param name="backend">Where to run.</param>
    /// <param name="optimizer">Makes the optimizer for the training plan.</param>
    /// <param name="options">Batch size, clipping, seed, when to end.</param>
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
        (_options, _train, _validation) = (options, train, validation);
        _shape = DatasetShape.Of(train);
        int size = Math.Min(options.Batch, train.Count ?? int.MaxValue);
        StepsPerEpoch = train.Count is { } count
            ? (count + size - 1) / size
            : options.StepsPerEpoch ?? 0;
        _batch = new SequenceBatch(train, size);
        _order = new SequenceOrder(train.Count, size, options.Seed);
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
                        VariableLengths = size > 1 && train.Shortest < train.Longest,
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

    /// <summary>The model's training plan.</summary>
    public Plan Plan { get; }

    /// <summary>What changes the parameters.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>How steps reach the device: as graphs, or why not.</summary>
    public StepGraph Graph { get; }

    /// <summary>Steps of each epoch; 0 where there are no epochs.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Steps done.</summary>
    public long Step { get; private set; }

    /// <summary>Time of training and validation, that before an interruption included where there are epochs.</summary>
    public TimeSpan Elapsed => _elapsed;

    /// <summary>Why training is over; null where it can go on.</summary>
    public StopReason? Finished =>
        _options.Patience > 0
        && BestEpoch is { } best
        && _history.Count - best.Epoch >= _options.Patience
            ? StopReason.Patience
        : _history.Count >= (_options.Epochs ?? int.MaxValue) ? StopReason.Epochs
        : Step >= (_options.Steps ?? long.MaxValue) ? StopReason.Steps
        : null;

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>Frees plans, losses and optimizer; the model stays. A second call does nothing.</summary>
    public void Dispose()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.Dispose");
        _disposed = true;
        Free();
    }

    // Also what there is of a trainer that could not be made.
    private void Free()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
        _owned.Clear();
    }
}
