using System.Diagnostics;

namespace Sequor.Layers;

/// <summary>
/// Trains a model on a finite set of pieces of differing length: every epoch goes through all of them in an order of its
/// own, in batches padded to the longest; after each, the loss over the validation set decides which parameters were the
/// best. A step allocates nothing.
/// </summary>
/// <remarks>
/// Training may be saved and resumed between any two steps, and then ends with the same bits, on the same backend and number
/// of threads.
/// </remarks>
public sealed partial class EpochTrainer : IDisposable
{
    // Far from the streams that parameters are drawn from.
    private const ulong OrderStream = 1UL << 62;

    private readonly EpochOptions _options;
    private readonly Dataset _train;
    private readonly Dataset _valid;
    private readonly SequenceBatch _batch;
    private readonly int[] _order;
    private readonly List<EpochRecord> _history = [];
    private readonly List<IDisposable> _owned = [];
    private readonly Loss _loss;
    private readonly Evaluator _validator;
    private readonly ScheduledRate _rate;

    // The parameters and buffers of the best epoch, laid out as the model's.
    private readonly Storage _best;

    // The loss of each batch of this epoch. They stay where the steps run until the epoch ends.
    private readonly Tensor _losses;

    // What each of them weighs in their average.
    private readonly double[] _weights;

    private int _orderOf = -1;
    private bool _disposed;
    private TimeSpan _elapsed;

    /// <summary>Plans the model for both sets.</summary>
    /// <param name="model">Its input size must be the sets'.</param>
    /// <param name="train">Pieces to train on.</param>
    /// <param name="valid">Pieces that tell the best epoch.</param>
    /// <param name="backend">Where to run.</param>
    /// <param name="optimizer">Makes the optimizer for the training plan.</param>
    /// <param name="options">Batch size, clipping, seed, when to end.</param>
    /// <exception cref="ArgumentException">
    /// Sizes of model and sets differ, a set has no pieces or one without steps, or an option is out of range.
    /// </exception>
    /// <exception cref="DeviceMemoryException">The plans do not fit in memory.</exception>
    public EpochTrainer(
        Layer model,
        Dataset train,
        Dataset valid,
        Backend backend,
        Func<Plan, Optimizer> optimizer,
        EpochOptions options
    )
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(valid);
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(optimizer);
        ArgumentNullException.ThrowIfNull(options);
        options.Validate();
        train.RequireFit(model, nameof(train));
        valid.RequireFit(model, nameof(valid));
        _options = options;
        (_train, _valid) = (train, valid);
        int count =
            train.Count
            ?? throw new ArgumentException(
                $"The dataset '{train.Name}' is endless: an epoch needs a finite one.",
                nameof(train)
            );
        int size = Math.Min(options.Batch, count);
        StepsPerEpoch = (count + size - 1) / size;
        _batch = new SequenceBatch(train, size);
        _order = new int[count];
        _weights = new double[StepsPerEpoch];
        try
        {
            Plan = Own(
                model.Plan(
                    backend,
                    train.Longest,
                    size,
                    Mode.Training,
                    seed: options.Seed,
                    variableLengths: size > 1 && train.Shortest < train.Longest
                )
            );
            _loss = Own(train.CreateLoss(Plan));
            Optimizer = Own(optimizer(Plan));
            Optimizer.MaxGradientNorm = options.Clip;
            _rate = new ScheduledRate(Optimizer, options.Schedule);
            Graph = Own(new StepGraph(Plan, RunStep));
            _best = Own(backend.Allocate(Plan.Store.StateCount, MemoryCategory.Optimizer));
            backend.Fill(Best, 0f);
            Storage losses = Own(backend.Allocate(StepsPerEpoch, MemoryCategory.InputOutput));
            _losses = new Tensor(losses, 0, new Shape(StepsPerEpoch));
            backend.Fill(_losses, 0f);
            _validator = Own(Evaluator(valid));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The model's training plan.</summary>
    public Plan Plan { get; }

    /// <summary>What changes the parameters.</summary>
    public Optimizer Optimizer { get; }

    /// <summary>How steps reach the device: as graphs, or why not.</summary>
    public StepGraph Graph { get; }

    /// <summary>Steps of each epoch.</summary>
    public int StepsPerEpoch { get; }

    /// <summary>Steps done.</summary>
    public long Step { get; private set; }

    /// <summary>The epochs that are done.</summary>
    public IReadOnlyList<EpochRecord> History => _history;

    /// <summary>The epoch with the least loss on the validation set; null before the first has ended.</summary>
    public EpochRecord? BestEpoch { get; private set; }

    /// <summary>Time of training and validation, that before an interruption included.</summary>
    public TimeSpan Elapsed => _elapsed;

    /// <summary>Why training is over; null where it can go on.</summary>
    public StopReason? Finished =>
        BestEpoch is null ? null
        : _options.Patience > 0 && _history.Count - BestEpoch.Epoch >= _options.Patience
            ? StopReason.Patience
        : _history.Count >= _options.Epochs ? StopReason.Epochs
        : null;

    private Tensor Best => Plan.Store.StateBlock(_best);

    /// <summary>Trains until it is over, or the time is, or it is asked to stop; between steps, so that all is whole.</summary>
    /// <param name="budget">
    /// Time of training and validation in all, that before an interruption included; null for no limit.
    /// </param>
    /// <param name="progress">Called after every step.</param>
    /// <param name="cancellation">Asks to stop.</param>
    /// <exception cref="DivergedException">A loss is not a finite number.</exception>
    public StopReason Run(
        TimeSpan? budget = null,
        Action<EpochProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        while (true)
        {
            if (Finished is { } reason)
                return reason;
            if (cancellation.IsCancellationRequested)
                return StopReason.Cancelled;
            if (budget is { } limit && _elapsed >= limit)
                return StopReason.Budget;
            EpochRecord? ended = TrainStep();
            if (progress is null)
                continue;
            (long epoch, long step) = Math.DivRem(Step - 1, StepsPerEpoch);
            progress(
                new EpochProgress((int)epoch + 1, (int)step + 1, StepsPerEpoch, _elapsed, ended)
            );
        }
    }

    /// <summary>One step; where it is the last of an epoch, validation as well.</summary>
    /// <returns>What the epoch came to, or null where it goes on.</returns>
    /// <exception cref="DivergedException">A loss of the epoch is not a finite number.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public EpochRecord? TrainStep()
    {
        using OwnerScope inside = Plan.Backend.Enter("EpochTrainer.TrainStep");
        ObjectDisposedException.ThrowIf(_disposed, this);
        long began = Stopwatch.GetTimestamp();
        (long epoch, long index) = Math.DivRem(Step, StepsPerEpoch);
        Shuffle((int)epoch);
        _batch.Load(_train, Pieces((int)index));
        Plan.Load(_batch.X, _batch.Length, _batch.Size, _batch.Lengths);
        LoadTargets((int)index);
        _rate.Begin(Step);
        Graph.Run();
        _loss.CopyTo(_losses.Slice((int)index, 1));
        Step++;
        if (index + 1 < StepsPerEpoch)
        {
            _elapsed += Stopwatch.GetElapsedTime(began);
            return null;
        }
        double train = TrainLoss((int)epoch + 1);
        double valid = _validator.Run();
        if (!double.IsFinite(valid))
            throw new DivergedException(
                $"after epoch {epoch + 1} the validation loss is {valid}, which is not finite"
            );
        _elapsed += Stopwatch.GetElapsedTime(began);
        return EndEpoch((int)epoch + 1, train, valid);
    }

    private void LoadTargets(int index)
    {
        _loss.Load(_batch.Targets, _batch.Mask);
        // The mask knows the lengths already.
        _weights[index] = _loss.Weight;
    }

    private void RunStep()
    {
        Plan.Forward(Plan.Input(_batch.Length, _batch.Size), _batch.Lengths);
        Plan.Backward(_loss.Compute());
        Optimizer.Step();
    }

    /// <summary>The average loss over a set with the parameters as they are, without dropout.</summary>
    /// <param name="set">Of the training set's sizes.</param>
    /// <exception cref="ArgumentException">The set's size is not the model's, or it has no pieces or one without steps.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public double Evaluate(Dataset set)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ArgumentNullException.ThrowIfNull(set);
        set.RequireFit(Plan.Model, nameof(set));
        using Evaluator evaluator = Evaluator(set);
        return evaluator.Run();
    }

    /// <summary>
    /// The average loss over a set with the parameters of the best epoch, or those of now where no epoch has ended yet.
    /// Training can go on afterwards as if nothing had been.
    /// </summary>
    /// <param name="set">Of the training set's sizes.</param>
    /// <exception cref="ArgumentException">As of <see cref="Evaluate"/>.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public double EvaluateBest(Dataset set)
    {
        using OwnerScope inside = Plan.Backend.Enter("EpochTrainer.EvaluateBest");
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (BestEpoch is null)
            return Evaluate(set);
        // Between steps the gradients mean nothing, so their place is free. Buffers have none.
        Backend backend = Plan.Backend;
        backend.Copy(Plan.Parameters, Plan.Gradients);
        Tensor[] buffers = [.. Plan.Store.Buffers.Select(p => Plan.Store.View(p.Parameter))];
        float[][] kept = Array.ConvertAll(buffers, buffer => buffer.ToArray());
        try
        {
            backend.Copy(Best, Plan.Store.State);
            return Evaluate(set);
        }
        finally
        {
            backend.Copy(Plan.Gradients, Plan.Parameters);
            for (int i = 0; i < buffers.Length; i++)
                buffers[i].Write(kept[i]);
        }
    }

    /// <summary>Gives the model the parameters of the best epoch. Training should not go on from there.</summary>
    /// <exception cref="InvalidOperationException">No epoch has ended yet.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public void RestoreBest()
    {
        using OwnerScope inside = Plan.Backend.Enter("EpochTrainer.RestoreBest");
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (BestEpoch is null)
            throw new InvalidOperationException("No epoch has ended yet.");
        Plan.Backend.Copy(Best, Plan.Store.State);
    }

    private ReadOnlySpan<int> Pieces(int index)
    {
        int size = Plan.MaxBatch;
        return _order.AsSpan(index * size, Math.Min(size, _order.Length - (index * size)));
    }

    // Fisher and Yates, from the identity: the order of an epoch depends on no other.
    private void Shuffle(int epoch)
    {
        if (_orderOf == epoch)
            return;
        var random = new Philox(_options.Seed, OrderStream + (ulong)epoch);
        for (int i = 0; i < _order.Length; i++)
            _order[i] = i;
        for (int i = _order.Length - 1; i > 0; i--)
        {
            int other = random.Next(i + 1);
            (_order[i], _order[other]) = (_order[other], _order[i]);
        }
        _orderOf = epoch;
    }

    // Each batch counts as its steps, or its pieces, do, but for those that the loss ignores.
    private double TrainLoss(int epoch)
    {
        float[] losses = _losses.ToArray();
        double sum = 0;
        double weights = 0;
        for (int i = 0; i < losses.Length; i++)
        {
            if (!float.IsFinite(losses[i]))
                throw new DivergedException(
                    $"at step {i + 1} of epoch {epoch} the loss is {losses[i]}, which is not finite; "
                        + $"first in: {Plan.FirstNonFinite() ?? "none found any more"}"
                );
            sum += losses[i] * _weights[i];
            weights += _weights[i];
        }
        return weights == 0 ? 0 : sum / weights;
    }

    private EpochRecord EndEpoch(int epoch, double train, double valid)
    {
        var record = new EpochRecord(
            epoch,
            train,
            valid,
            Optimizer.LearningRate,
            _elapsed.TotalSeconds
        );
        _history.Add(record);
        if (BestEpoch is null || valid < BestEpoch.Valid)
        {
            BestEpoch = record;
            Plan.Backend.Copy(Plan.Store.State, Best);
        }
        if (_options.Plateau is { } plateau && plateau.IsReached(_history))
            _rate.Multiply(plateau.Factor);
        return record;
    }

    private Evaluator Evaluator(Dataset set) =>
        new(Plan.Model, Plan.Backend, set, _options.EvaluationBatch);

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>Frees plans, losses and optimizer; the model stays. A second call does nothing.</summary>
    public void Dispose()
    {
        using OwnerScope inside = Plan.Backend.Enter("EpochTrainer.Dispose");
        _disposed = true;
        for (int i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
        _owned.Clear();
    }
}
