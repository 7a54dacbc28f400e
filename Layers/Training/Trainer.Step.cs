using System.Diagnostics;

namespace Sequor.Layers;

// A step, and steps until the end.
public sealed partial class Trainer
{
    /// <summary>One step; where it is the last of an epoch, validation as well.</summary>
    /// <returns>What the epoch came to, or null where it goes on.</returns>
    /// <exception cref="DivergedException">A loss or gradient is not finite, of this step or of one that is read with it.</exception>
    /// <exception cref="DatasetException">
    /// A dataset broke its word. Nothing changed, and the step can be tried again; after one of the validation set the next call
    /// validates.
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

    // Whatever the host does in a step stands before it.
    private void LoadBatch(long step)
    {
        _shape.RequireSame(_train);
        _order.Load(_batch, _train, step);
        try
        {
            Plan.SetInput(_batch.X, _batch.Length, _batch.Size, _batch.Lengths);
            LoadTargets(step);
        }
        catch (ArgumentException e)
        {
            throw new DatasetException(
                $"The dataset '{_train.Name}', whose sequences {_batch.Numbers} lie side by side: {e.Message}",
                e
            );
        }
    }

    private void LoadTargets(long step)
    {
        _loss.SetTargets(_batch.Targets, _batch.Mask);
        _loss.RequireTargets();
        // The mask knows the lengths already.
        if (StepsPerEpoch > 0)
            _weights[step % StepsPerEpoch] = _loss.Weight;
    }

    private void RunStep()
    {
        Plan.Forward(Plan.Input(_batch.Length, _batch.Size), _batch.Lengths);
        Plan.Backward(_loss.Compute());
        Optimizer.Step();
    }

    /// <summary>
    /// Trains until it is over, or the time is, or it is asked to stop; between steps, so that all is whole. All losses are read
    /// then.
    /// </summary>
    /// <param name="budget">
    /// Time of training and validation in all, that before an interruption included; null for no limit.
    /// </param>
    /// <param name="progress">Called after every step.</param>
    /// <param name="cancellation">Asks to stop.</param>
    /// <exception cref="DivergedException">A loss or gradient is not finite.</exception>
    /// <exception cref="DatasetException">A dataset broke its word.</exception>
    /// <exception cref="InvalidOperationException">Nothing would ever end it.</exception>
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

    /// <summary>As <see cref="Run"/>, on a thread of the pool. Until the task ends the trainer and its backend are that thread's.</summary>
    /// <param name="budget">As there.</param>
    /// <param name="progress">Is told after every step.</param>
    /// <param name="cancellation">Asks to stop after the step that runs: the task then ends with <see cref="StopReason.Cancelled"/>.</param>
    /// <returns>Why it stopped; a task that fails as <see cref="Run"/> does.</returns>
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
