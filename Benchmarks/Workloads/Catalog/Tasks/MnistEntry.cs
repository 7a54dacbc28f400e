using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The digits of MNIST, read pixel by pixel: 784 steps of one number, and at the end the class. The last tenth of the images to train on
/// is held out to validate, as in the code of S4; that of Bai et al. validates on none.
/// </summary>
public abstract class MnistEntry : TaskEntry
{
    // Of the pixels of MNIST's training set, as Bai et al. take them.
    private const float Mean = 0.1307f;
    private const float Deviation = 0.3081f;
    private const int ValidShare = 10;

    private protected MnistEntry() { }

    /// <summary>Nats an image.</summary>
    public sealed override string Metric => "cross-entropy";

    /// <inheritdoc/>
    public sealed override TaskScore Score => TaskScore.Accuracy;

    /// <inheritdoc/>
    public sealed override ModelEnds Ends => new(1, MnistDataset.Digits, OneOutput: true);

    /// <inheritdoc/>
    public sealed override IReadOnlyList<DataFile> Files => MnistDataset.Files;

    /// <summary>No: an image has 784 pixels.</summary>
    public sealed override bool IsStream => false;

    /// <summary>The order in which the pixels come; null for that of the rows.</summary>
    private protected virtual int[]? Pixels => null;

    /// <inheritdoc/>
    public sealed override TaskData Load(string path) => MnistDataset.Load(path, channels: 1);

    /// <inheritdoc/>
    public sealed override void RequireFit(int length, TaskData? data)
    {
        base.RequireFit(length, data);
        RequireNoLength(length);
        if (data is not MnistDataset digits)
            throw new ArgumentException($"The task {Name} needs MNIST.", nameof(data));
        if (digits.Train.Images < 2)
            throw new TaskDataException(
                $"'{digits.Path}' has one image to train on, where at least 2 are needed: one is held out to validate."
            );
    }

    /// <inheritdoc/>
    public sealed override SequenceTask CreateStream(int length, TaskData? data = null)
    {
        (Dataset train, Dataset valid, _) = CreateSets(length, 0, 0, data);
        return new SetStream(Name, train, valid);
    }

    /// <inheritdoc/>
    public sealed override TrainingSets CreateTraining(
        int length,
        ulong seed,
        TaskData? data = null
    )
    {
        (Dataset train, Dataset valid, _) = CreateSets(length, 0, seed, data);
        return new TrainingSets(train, valid);
    }

    /// <inheritdoc/>
    public sealed override TaskSets CreateSets(
        int length,
        int sequences,
        ulong seed,
        TaskData? data
    )
    {
        RequireFit(length, data);
        var digits = (MnistDataset)data!;
        LabelledImages all = digits.Train.Scaled(Mean, Deviation, Pixels);
        int valid = Math.Max(1, all.Images / ValidShare);
        return new TaskSets(
            all.Part(0, all.Images - valid),
            all.Part(all.Images - valid, valid).Named("valid"),
            digits.Test.Scaled(Mean, Deviation, Pixels)
        );
    }
}
