using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Images as sequences, each with its class: a step has so many pixels, from left to right and from the top row down, as numbers from 0
/// to 1.
/// </summary>
public sealed class LabelledImages : Dataset
{
    private readonly ReadOnlyMemory<byte> _pixels;
    private readonly ReadOnlyMemory<byte> _classes;
    private readonly int _size;

    internal LabelledImages(
        string name,
        ReadOnlyMemory<byte> pixels,
        ReadOnlyMemory<byte> classes,
        int classCount,
        int channels
    )
    {
        Name = name;
        _pixels = pixels;
        _classes = classes;
        _size = pixels.Length / classes.Length;
        InputSize = channels;
        OutputSize = classCount;
    }

    /// <inheritdoc/>
    public override string Name { get; }

    /// <inheritdoc/>
    public override int? Count => Images;

    /// <summary>The number of images.</summary>
    public int Images => _classes.Length;

    /// <summary>The pixels of a step.</summary>
    public override int InputSize { get; }

    /// <summary>The number of classes.</summary>
    public override int OutputSize { get; }

    /// <inheritdoc/>
    public override int TargetSize => 1;

    /// <inheritdoc/>
    public override int? TargetClasses => OutputSize;

    /// <inheritdoc/>
    public override bool OneOutput => true;

    /// <summary>Nats an image.</summary>
    public override string Metric => "cross-entropy";

    /// <summary>The class of an image.</summary>
    /// <param name="image">Its number, from 0.</param>
    public int ClassOf(int image) => _classes.Span[image];

    /// <summary>Consecutive images of these, as a set of their own.</summary>
    /// <param name="first">The number of the first image, from 0.</param>
    /// <param name="count">How many, at least 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are not so many.</exception>
    public LabelledImages Part(int first, int count)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(first);
        ArgumentOutOfRangeException.ThrowIfLessThan(count, 1);
        if (count > Images - first)
            throw new ArgumentOutOfRangeException(
                nameof(count),
                count,
                $"'{Name}' has {Amount.Of(Images, "image")}: from {first} on there are {Math.Max(0, Images - first)}."
            );
        return new LabelledImages(
            Name,
            _pixels.Slice(first * _size, count * _size),
            _classes.Slice(first, count),
            OutputSize,
            InputSize
        );
    }

    /// <inheritdoc/>
    public override Loss CreateLoss(Plan plan) => new SoftmaxCrossEntropy(plan);

    /// <inheritdoc/>
    public override int LengthOf(long sequence) => _size / InputSize;

    /// <inheritdoc/>
    public override void Fill(SequenceBatch batch, int b, long sequence)
    {
        ArgumentNullException.ThrowIfNull(batch);
        ReadOnlySpan<byte> image = _pixels.Span.Slice((int)sequence * _size, _size);
        for (int t = 0; t < _size / InputSize; t++)
        {
            Span<float> step = batch.Input(t, b);
            for (int c = 0; c < step.Length; c++)
                step[c] = image[(t * step.Length) + c] / 255f;
        }
        batch.Target(0, b)[0] = _classes.Span[(int)sequence];
    }
}
