using System.Globalization;

namespace Sequor.Workloads;

/// <summary>What is asked for of a model beside its width and depth.</summary>
/// <param name="Form">One of the architecture's <see cref="Architecture.Forms"/>; null for the usual one.</param>
/// <param name="Bidirectional">Whether it also runs from each sequence's end.</param>
/// <param name="States">States; null for as many as are usual for the width.</param>
public sealed record ModelVariant(
    string? Form = null,
    bool Bidirectional = false,
    int? States = null
)
{
    /// <summary>The usual one.</summary>
    public static ModelVariant Usual { get; } = new();

    /// <summary>What of some sizes is not as usual for their width and depth.</summary>
    /// <param name="architecture">Whose sizes they are.</param>
    /// <param name="sizes">The sizes.</param>
    public static ModelVariant Of(Architecture architecture, PresetModel sizes)
    {
        ArgumentNullException.ThrowIfNull(architecture);
        ArgumentNullException.ThrowIfNull(sizes);
        PresetModel usual = architecture.Sized(sizes.Hidden, sizes.Depth);
        return new ModelVariant(
            architecture.Forms is [var form, ..] && sizes.Form == form ? null : sizes.Form,
            sizes.Bidirectional,
            sizes.States == usual.States ? null : sizes.States
        );
    }

    /// <summary>The same as <see cref="ToString"/>; null for the usual one.</summary>
    public string? InWords => ToString() is { Length: > 0 } words ? words : null;

    /// <summary>In words: "lin, bidirectional, 40 states"; empty for the usual one.</summary>
    public override string ToString() =>
        string.Join(
            ", ",
            (
                (string?[])
                    [
                        Form,
                        Bidirectional ? "bidirectional" : null,
                        States is { } n
                            ? string.Create(CultureInfo.InvariantCulture, $"{n} states")
                            : null,
                    ]
            ).OfType<string>()
        );
}
