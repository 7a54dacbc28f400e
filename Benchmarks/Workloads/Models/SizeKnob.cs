namespace Sequor.Workloads;

/// <summary>A size of a model beside its width, by which it meets a budget that lies between two widths.</summary>
public sealed class SizeKnob
{
    private readonly Func<PresetModel, int> _get;
    private readonly Func<PresetModel, int, PresetModel> _set;
    private readonly Func<ModelVariant, int?, bool> _given;

    private SizeKnob(
        string name,
        int step,
        int most,
        Func<PresetModel, int> get,
        Func<PresetModel, int, PresetModel> set,
        Func<ModelVariant, int?, bool> given
    )
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, step);
        (Name, Step, Most, _get, _set, _given) = (name, step, most, get, set, given);
    }

    /// <summary>What it counts, for messages: states.</summary>
    public string Name { get; }

    /// <summary>What it is a multiple of, which is its least value as well.</summary>
    public int Step { get; }

    /// <summary>The largest value.</summary>
    public int Most { get; }

    /// <summary>The number of states: <see cref="PresetModel.States"/>.</summary>
    /// <param name="step">What it is a multiple of.</param>
    public static SizeKnob States(int step = 1) =>
        new(
            "states",
            step,
            Limits.Width,
            sizes => sizes.States,
            (sizes, states) => sizes with { States = states },
            (variant, _) => variant.States is not null
        );

    /// <summary>The depth: <see cref="PresetModel.Depth"/>.</summary>
    /// <param name="most">The largest.</param>
    public static SizeKnob Depth(int most) =>
        new(
            "depth",
            1,
            most,
            sizes => sizes.Depth,
            (sizes, depth) => sizes with { Depth = depth },
            (_, depth) => depth is not null
        );

    /// <summary>The value that sizes have.</summary>
    public int Of(PresetModel sizes) => _get(sizes);

    /// <summary>Sizes with another value.</summary>
    public PresetModel With(PresetModel sizes, int value) => _set(sizes, value);

    /// <summary>Whether it was asked for, and so is no longer free.</summary>
    /// <param name="variant">What was asked for of the model.</param>
    /// <param name="depth">The depth that was asked for, or null.</param>
    internal bool IsGiven(ModelVariant variant, int? depth) => _given(variant, depth);
}
