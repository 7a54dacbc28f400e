namespace Sequor.Layers;

/// <summary>The record of an epoch: its losses, learning rate and time.</summary>
/// <param name="Epoch">The epoch's number, from 1.</param>
/// <param name="Train">The average loss of its batches, each before its update and with dropout.</param>
/// <param name="Valid">The loss over the validation set after it, without dropout; null if there is no such set.</param>
/// <param name="LearningRate">The learning rate of its last step.</param>
/// <param name="Seconds">The time of training and validation, in seconds, from the beginning to the epoch's end.</param>
public sealed record EpochRecord(
    int Epoch,
    double Train,
    double? Valid,
    float LearningRate,
    double Seconds
);

/// <summary>How far training has come, after a step.</summary>
/// <param name="Steps">The number of steps done in all.</param>
/// <param name="Epoch">The epoch that the step belonged to, from 1; 0 if there are no epochs.</param>
/// <param name="Step">The step's number in its epoch, from 1; in all if there are no epochs.</param>
/// <param name="StepsPerEpoch">The number of steps of each epoch; 0 if there are no epochs.</param>
/// <param name="Elapsed">The time of training and validation so far, including the time before an interruption.</param>
/// <param name="Ended">The record of the epoch if this was its last step; otherwise null.</param>
public readonly record struct TrainingProgress(
    long Steps,
    int Epoch,
    long Step,
    int StepsPerEpoch,
    TimeSpan Elapsed,
    EpochRecord? Ended
);

/// <summary>Why training stopped.</summary>
public enum StopReason
{
    /// <summary>All epochs are done.</summary>
    Epochs,

    /// <summary>Validation did not improve for as many epochs as allowed.</summary>
    Patience,

    /// <summary>The time is up; training can go on.</summary>
    Budget,

    /// <summary>It was asked to stop; training can go on.</summary>
    Cancelled,

    /// <summary>All steps are done.</summary>
    Steps,

    /// <summary>
    /// A loss or a gradient was not finite. <see cref="Trainer.Run"/> throws <see cref="DivergedException"/> then; records of a run that was
    /// over by that have this reason.
    /// </summary>
    Diverged,
}
