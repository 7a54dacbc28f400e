using System.Globalization;

namespace Sequor.Layers;

// How large a layer may be. What is computed from sizes within these bounds fits in 32 bits, and in 64 with the rows of a plan.
public abstract partial class Layer
{
    /// <summary>The most layers or blocks on top of each other.</summary>
    public const int MostLayers = 1 << 16;

    /// <summary>The most values that a layer, or a model, can have in its parameters and buffers: what fits in an array.</summary>
    public static int MostValues => Array.MaxLength;

    private protected static int RequireLayers(
        int value,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(value))]
            string? name = null
    )
    {
        if (value is < 1 or > MostLayers)
            throw new ArgumentOutOfRangeException(
                name,
                value,
                $"There must be 1 to {MostLayers} of them."
            );
        return value;
    }

    /// <summary>Refuses sizes before anything is made of them.</summary>
    /// <param name="count">Values of the parameters and buffers that they come to.</param>
    /// <param name="size">The largest of the sizes.</param>
    /// <param name="what">The layer with its sizes.</param>
    /// <param name="name">The size's name.</param>
    /// <exception cref="ArgumentOutOfRangeException">They are too many.</exception>
    private protected static void RequireValues(
        Int128 count,
        int size,
        string what,
        [System.Runtime.CompilerServices.CallerArgumentExpression(nameof(size))] string? name = null
    )
    {
        if (count > MostValues)
            throw new ArgumentOutOfRangeException(
                name,
                size,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{what} would have {count:N0} values in its parameters; a layer can have {MostValues:N0}."
                )
            );
    }
}
