using System.Diagnostics;

namespace Sequor.Layers;

// Takes one step, or steps until training ends.
public sealed partial class Trainer
{
    /// <summary>Takes one step. If it is the last step of an epoch, the model is validated as well.</summary>
    /// <returns>The record of the epoch that ended with this step; null if none did.</returns>
    /// <exception cref="DivergedException">
    /// A loss or gradient is not finite, of this step or of an earlier one whose loss is read together with it.
    /// </exception>
    /// <exception cref="DatasetException">
    /// A dataset broke the rules of <see cref="Dataset"/>. If it was the training set, nothing changed and the step can be tried
    /// again. If it was the validation set, the step is done, and the next call tries the validation again.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// A schedule of the caller's own gives a rate that is negative or not finite; nothing changed.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public EpochRecord? TrainStep()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.TrainStep");
        ObjectDisposedException.ThrowIf(_disposed, this);
        long began = Stopwatch.GetTimestamp();
        if (HasEpochToEnd)
            return EndEpoch(began);
        LoadBatch(Step);
        if (_options.Carry && Step % StepsPerEpoch == 0)
            Plan.Reset();
        _rate.Begin(Step);
        Graph.Run();
        _log?.Keep(Step, _loss, Optimizer);
        Step++;
        if (HasEpochToEnd)
            return EndEpoch(began);
        if (_log?.IsDue(Step) == true)
            ReadLosses();
        _elapsed += Stopwatch.GetElapsedTime(began);
        return null;
    }

    // Copies the data of a step in. The host does this, so it comes before the part that a graph records.
    private void LoadBatch(long step)
    {
        _shape.RequireSame(_train);
        _batches.Take(step, more: step + 1 < LastStep);
        try
        {
            Plan.SetInput(Batch.X, Batch.Length, Batch.Size, Batch.Lengths);
            LoadTargets(step);
        }
        catch (ArgumentException e)
        {
            throw new DatasetException(
                $"The dataset '{_train.Name}', whose sequences {Batch.Numbers} lie side by side: {e.Message}",
                e
            );
        }
    }

    // The number of steps after which training is over at the latest.
    private long LastStep =>
        Math.Min(
            _options.Steps ?? long.MaxValue,
            StepsPerEpoch > 0 && _options.Epochs is { } epochs
                ? (long)epochs * StepsPerEpoch
                : long.MaxValue
        );

    private void LoadTargets(long step)
    {
        _loss.SetTargets(Batch.Targets, Batch.Mask);
        _loss.RequireTargets();
        // The mask already has the lengths at this point.
        if (StepsPerEpoch > 0)
            _weights[step % StepsPerEpoch] = _loss.Weight;
    }

    private void RunStep()
    {
        Plan.Forward(Plan.Input(Batch.Length, Batch.Size), Batch.Lengths);
        Plan.Backward(_loss.Compute());
        Optimizer.Step();
    }

    /// <summary>
    /// Takes steps until training is over, the time is up or cancellation is requested. It stops only between two steps, so that training
    /// can be saved and continue, and then reads all losses.
    /// </summary>
    /// <param name="budget">
    /// The total time for training and validation, including the time before an interruption; null for no limit.
    /// </param>
    /// <param name="progress">Called after every step.</param>
    /// <param name="cancellation">Asks the loop to stop after the current step.</param>
    /// <exception cref="DivergedException">A loss or gradient is not finite.</exception>
    /// <exception cref="DatasetException">A dataset broke the rules of <see cref="Dataset"/>.</exception>
    /// <exception cref="InvalidOperationException">
    /// Training would never end: there is no limit of steps, epochs, patience or time, and it cannot be cancelled.
    /// </exception>
    public StopReason Run(
        TimeSpan? budget = null,
        Action<TrainingProgress>? progress = null,
        CancellationToken cancellation = default
    )
    {
        if (
            _options is { Steps: null, Epochs: null, Patience: 0 }
            && budget is null
            && !cancellation.CanBeCanceled
        )
            throw new InvalidOperationException(
                "Nothing would end this training: set Steps or Epochs, or give a budget or a cancellation."
            );
        while (true)
        {
            StopReason? reason =
                Finished
                ?? (
                    cancellation.IsCancellationRequested ? StopReason.Cancelled
                    : budget is { } limit && _elapsed >= limit ? StopReason.Budget
                    : null
                );
            if (reason is { } stopped)
            {
                ReadLosses();
                return stopped;
            }
            EpochRecord? ended = TrainStep();
            progress?.Invoke(Now(ended));
        }
    }

    /// <summary>
    /// Does what <see cref="Run"/> does on a thread of the thread pool. Until the task ends, no other thread may use the trainer
    /// or its backend.
    /// </summary>
    /// <param name="budget">As for <see cref="Run"/>.</param>
    /// <param name="progress">Is notified after every step.</param>
    /// <param name="cancellation">
    /// Asks the loop to stop after the current step; the task then ends with <see cref="StopReason.Cancelled"/>.
    /// </param>
    /// <returns>A task that ends with the reason for stopping, or fails as <see cref="Run"/> does.</returns>
    public Task<StopReason> RunAsync(
        TimeSpan? budget = null,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellation = default
    ) =>
        Task.Run(
            () => Run(budget, progress is null ? null : progress.Report, cancellation),
            CancellationToken.None
        );

    private TrainingProgress Now(EpochRecord? ended)
    {
        (long epoch, long step) =
            StepsPerEpoch > 0 ? Math.DivRem(Step - 1, StepsPerEpoch) : (-1, Step - 1);
        return new(Step, (int)epoch + 1, step + 1, StepsPerEpoch, _elapsed, ended);
    }
}
