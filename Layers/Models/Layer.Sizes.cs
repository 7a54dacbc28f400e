using System.Globalization;

namespace Sequor.Layers;

// Bounds on the sizes of layers. What is computed from sizes within them fits in 32 bits, and in 64 bits with the rows of a plan.
public abstract partial class Layer
{
    /// <summary>The most layers or blocks that can be stacked.</summary>
    public const int MostLayers = 1 << 16;

    /// <summary>The most values of the parameters and buffers of a layer or a model, which is what fits in an array.</summary>
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

    /// <summary>Refuses sizes that are too large, before anything is allocated for them.</summary>
    /// <param name="count">The number of values of the parameters and buffers of that size.</param>
    /// <param name="size">The largest of the sizes.</param>
    /// <param name="what">The layer with its sizes, for the message.</param>
    /// <param name="name">The name of the argument that gave the size.</param>
    /// <exception cref="ArgumentOutOfRangeException">There are too many values.</exception>
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
