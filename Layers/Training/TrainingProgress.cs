namespace Sequor.Layers;

/// <summary>The record of an epoch: its losses, learning rate and time.</summary>
/// <param name="Epoch">Its number, from 1.</param>
/// <param name="Train">Average loss of its batches, each before its update and with dropout.</param>
/// <param name="Valid">Loss over the validation set after it, without dropout; null where there is no such set.</param>
/// <param name="LearningRate">The rate that it was trained with: that of its last step.</param>
/// <param name="Seconds">Time of training and validation from the beginning to its end.</param>
public sealed record EpochRecord(
    int Epoch,
    double Train,
    double? Valid,
    float LearningRate,
    double Seconds
);

/// <summary>Where training stands, after a step.</summary>
/// <param name="Steps">Steps done in all.</param>
/// <param name="Epoch">The epoch that the step belonged to, from 1; 0 where there are no epochs.</param>
/// <param name="Step">The step's number in its epoch, from 1; in all where there are no epochs.</param>
/// <param name="StepsPerEpoch">Steps of each epoch; 0 where there are none.</param>
/// <param name="Elapsed">Time of training and validation so far, that before an interruption included.</param>
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
}
