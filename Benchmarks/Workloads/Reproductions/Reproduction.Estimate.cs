using System.Diagnostics;
using Sequor.Layers;

namespace Sequor.Workloads;

// How long a run would take: at least, without computing anything of it, and by a few of its steps.
public sealed partial class Reproduction
{
    // The first steps plan, compile and choose; what comes after them counts.
    private const int FirstSteps = 2;
    private const int MostSteps = 50;

    // Without gradients a pass over sequences takes about a third of a step over them.
    private const double ForwardShare = 1.0 / 3;

    // A model whose steps take that many seconds is not measured any longer.
    private const double LongStep = 2;

    private static readonly TimeSpan MeasuringTime = TimeSpan.FromSeconds(0.5);

    /// <summary>
    /// The operations that a run still asks for at the least: two for each parameter, but for those that are looked up, in each of the
    /// two passes over each step of its sequences.
    /// </summary>
    /// <param name="preset">What would be run.</param>
    /// <param name="size">Of what it is trained on, see <see cref="TrainingSize.Of"/>.</param>
    /// <param name="steps">Steps of training that a checkpoint has behind it; 0 for none.</param>
    public static double LeastFlops(Preset preset, TrainingSize size, long steps)
    {
        ArgumentNullException.ThrowIfNull(preset);
        using Sequential model = preset.CreateModel();
        // A table of classes is read, and the head of a model with one output runs once a sequence.
        long seldom = model
            .Children.Select(child => child.Layer)
            .Where(layer => layer is Embedding || (size.OneOutput && layer is Linear))
            .Sum(layer => layer.ParameterCount);
        double epoch = 4.0 * (model.ParameterCount - seldom) * size.Steps;
        double done =
            steps / (double)((size.Sequences + preset.Training.Batch - 1) / preset.Training.Batch);
        return epoch * Math.Max(0, preset.Training.Epochs - done);
    }

    /// <summary>
    /// The time that the rest of a run would take with all of its epochs, by a few of its steps, which are then forgotten: patience may
    /// end it before.
    /// </summary>
    /// <param name="options">Seed and checkpoint.</param>
    /// <param name="cancellation">Ends the measurement, whose result then means nothing.</param>
    /// <returns>0 for a run that is over.</returns>
    /// <exception cref="CheckpointException">As of <see cref="Run"/>.</exception>
    /// <exception cref="DeviceMemoryException">There is not enough memory for it.</exception>
    public TimeSpan Estimate(ReproductionOptions options, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        (Dataset train, Dataset valid, _) = Preset.CreateSets(options.Seed, _data);
        using Sequential model = Preset.CreateModel();
        using Trainer trainer = CreateTrainer(model, train, valid, options.Seed);
        if (options.Checkpoint is { } path && File.Exists(path))
        {
            ReadCheckpoint(path, Preset, _data, options.Seed);
            trainer.Resume(path);
        }
        if (trainer.Finished is not null)
            return TimeSpan.Zero;
        long left = ((long)Preset.Training.Epochs * trainer.StepsPerEpoch) - trainer.Step;
        var steps = new List<double>();
        long all = Stopwatch.GetTimestamp();
        for (int i = 0; i < FirstSteps + MostSteps; i++)
        {
            // The validation at an epoch's end is no step.
            bool ends = (trainer.Step + 1) % trainer.StepsPerEpoch == 0;
            if (cancellation.IsCancellationRequested || (ends && i > 0))
                break;
            long began = Stopwatch.GetTimestamp();
            trainer.TrainStep();
            _backend.Synchronize();
            // The first ones count where nothing else does.
            if (i == FirstSteps)
                steps.Clear();
            steps.Add(Stopwatch.GetElapsedTime(began).TotalSeconds);
            if (
                Stopwatch.GetElapsedTime(all) > MeasuringTime
                && (i > FirstSteps || steps[^1] > LongStep)
            )
                break;
        }
        // What else the machine does disturbs some steps; pieces of different lengths take different times.
        double step =
            steps.Count == 0 ? 0
            : train.Shortest == train.Longest ? Statistics.Median(steps)
            : steps.Average();
        double evaluation = ForwardShare * valid.Count!.Value / Math.Max(1, train.Count!.Value);
        return TimeSpan.FromSeconds(left * step * (1 + evaluation));
    }
}

/// <summary>How much a preset is trained on in an epoch.</summary>
/// <param name="Sequences">The sequences.</param>
/// <param name="Steps">The steps of all of them.</param>
/// <param name="OneOutput">Whether a sequence has one answer, and not one a step.</param>
public readonly record struct TrainingSize(int Sequences, long Steps, bool OneOutput)
{
    /// <summary>The size of a preset's training set.</summary>
    /// <param name="preset">The preset.</param>
    /// <param name="data">The data of its task; null where they are drawn.</param>
    public static TrainingSize Of(Preset preset, TaskData? data)
    {
        ArgumentNullException.ThrowIfNull(preset);
        Dataset train = preset.CreateSets(seed: 1, data).Train;
        return new TrainingSize(train.Count!.Value, train.TotalSteps, train.OneOutput);
    }
}
