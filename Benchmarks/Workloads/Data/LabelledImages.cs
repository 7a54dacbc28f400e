using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// Images as sequences, each with its class: a step has so many pixels, from left to right and from the top row down, as numbers from 0
/// to 1 or otherwise scaled, or in another order.
/// </summary>
public sealed class LabelledImages : Dataset
{
    private readonly ReadOnlyMemory<byte> _pixels;
    private readonly ReadOnlyMemory<byte> _classes;
    private readonly int _size;

    // The number of each of the 256 values that a pixel can have, and which pixel comes at which place.
    private readonly float[] _numbers;
    private readonly int[] _order;

    internal LabelledImages(
        string name,
        ReadOnlyMemory<byte> pixels,
        ReadOnlyMemory<byte> classes,
        int classCount,
        int channels
    )
        : this(
            name,
            pixels,
            classes,
            classCount,
            channels,
            Numbers(0, 1),
            [.. Enumerable.Range(0, pixels.Length / classes.Length)]
        ) { }

    private LabelledImages(
        string name,
        ReadOnlyMemory<byte> pixels,
        ReadOnlyMemory<byte> classes,
        int classCount,
        int channels,
        float[] numbers,
        int[] order
    )
    {
        (_numbers, _order) = (numbers, order);
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
            InputSize,
            _numbers,
            _order
        );
    }

    /// <summary>The same images, with other numbers for their pixels.</summary>
    /// <param name="mean">What is taken from each pixel, which is from 0 to 1.</param>
    /// <param name="deviation">What the rest is divided by, above 0.</param>
    /// <param name="order">Which pixel comes at which place, as many as there are; null for that of the rows.</param>
    /// <exception cref="ArgumentOutOfRangeException">The deviation is not above 0, or not a finite number.</exception>
    /// <exception cref="ArgumentException">The order does not have each pixel once.</exception>
    public LabelledImages Scaled(float mean, float deviation, IReadOnlyList<int>? order = null)
    {
        if (!(deviation > 0 && float.IsFinite(deviation)))
            throw new ArgumentOutOfRangeException(
                nameof(deviation),
                deviation,
                "The deviation must be a finite number above 0."
            );
        int[] all = [.. order ?? Enumerable.Range(0, _size)];
        if (!all.Order().SequenceEqual(Enumerable.Range(0, _size)))
            throw new ArgumentException(
                $"The order must have each of the {_size} pixels once.",
                nameof(order)
            );
        return new LabelledImages(
            Name,
            _pixels,
            _classes,
            OutputSize,
            InputSize,
            Numbers(mean, deviation),
            all
        );
    }

    /// <summary>The same images under another name.</summary>
    internal LabelledImages Named(string name) =>
        new(name, _pixels, _classes, OutputSize, InputSize, _numbers, _order);

    private static float[] Numbers(float mean, float deviation) =>
        [.. Enumerable.Range(0, 256).Select(value => ((value / 255f) - mean) / deviation)];

    /// <inheritdoc/>
    public override bool CanPrepareAhead => true;

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
                step[c] = _numbers[image[_order[(t * step.Length) + c]]];
        }
        batch.Target(0, b)[0] = _classes.Span[(int)sequence];
    }
}
