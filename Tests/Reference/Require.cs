using System.Runtime.CompilerServices;

namespace Sequor.Reference;

/// <summary>Checks of array lengths: a yardstick must not accept an array of another shape in silence.</summary>
internal static class Require
{
    public static void Length<T>(
        T[] array,
        int expected,
        [CallerArgumentExpression(nameof(array))] string name = ""
    )
    {
        if (array.Length != expected)
        {
            throw new ArgumentException(
                $"{name} holds {array.Length} values, expected {expected}.",
                name
            );
        }
    }

    /// <summary>As <see cref="Length{T}"/>, for an array that may be left out.</summary>
    public static void LengthIfGiven<T>(
        T[]? array,
        int expected,
        [CallerArgumentExpression(nameof(array))] string name = ""
    )
    {
        if (array is not null)
        {
            Length(array, expected, name);
        }
    }
}
