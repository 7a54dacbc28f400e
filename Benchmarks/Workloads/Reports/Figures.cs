using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>How numbers are written for people: about three digits, in units of their own.</summary>
public static class Figures
{
    /// <summary>Milliseconds, without the unit.</summary>
    public static string Milliseconds(double value) =>
        value >= 100 ? Text($"{value:0}")
        : value >= 10 ? Text($"{value:0.0}")
        : Text($"{value:0.00}");

    /// <summary>Bytes in MiB, without the unit.</summary>
    public static string Mebibytes(long bytes)
    {
        double value = bytes / (double)(1 << 20);
        return value >= 10 ? Text($"{value:0.0}") : Text($"{value:0.00}");
    }

    /// <summary>The two ends of a range of milliseconds.</summary>
    public static string Range(double low, double high) =>
        $"{Milliseconds(low)}-{Milliseconds(high)}";

    /// <summary>A multiple or an exponent.</summary>
    public static string Ratio(double value) => Text($"{value:0.00}");

    /// <summary>A count, in groups of three digits.</summary>
    public static string Count(double value) => Text($"{value:#,0}");

    /// <summary>A count and what is counted: "1 core", "2 cores".</summary>
    /// <param name="count">How many.</param>
    /// <param name="noun">One of them; several have an s more.</param>
    public static string Several(long count, string noun) => Amount.Of(count, noun);

    /// <summary>The size of a model: "24 x 8", and what of it is not as usual.</summary>
    /// <param name="width">Hidden units or channels.</param>
    /// <param name="depth">Layers, levels or blocks.</param>
    /// <param name="variant">What is not as usual, see <see cref="ModelVariant.InWords"/>; null for nothing.</param>
    public static string Size(int width, int depth, string? variant) =>
        Text($"{width} x {depth}") + (variant is null ? "" : $", {variant}");

    /// <summary>Allocations of a step: native ones and managed bytes, or 0.</summary>
    public static string Allocations(double native, double managedBytes) =>
        native + managedBytes == 0 ? "0" : Text($"{native:0.#} + {managedBytes:#,0} B");

    /// <summary>A text that is the same in every country.</summary>
    public static string Text(FormattableString text) =>
        FormattableString.Invariant(text ?? throw new ArgumentNullException(nameof(text)));
}
