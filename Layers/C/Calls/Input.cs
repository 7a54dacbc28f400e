using System.Globalization;
using System.Runtime.InteropServices;
using Sequor.Layers;

namespace Sequor.C;

/// <summary>Checks what a caller hands in, and makes spans, texts and shapes of it.</summary>
internal static unsafe class Input
{
    private const int MostDimensions = 3;

    /// <summary>Refuses a place for a result that is null.</summary>
    public static void RequirePlace(void* place, string name)
    {
        if (place is null)
            throw Null(name);
    }

    /// <summary>Refuses a field that means nothing yet and is not 0: what a later version means by it would be lost.</summary>
    public static void RequireReserved(int value)
    {
        if (value != 0)
            throw new RefusedException(
                Status.Version,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'reserved' is {value}; it must be 0 in the version of this library."
                )
            );
    }

    /// <summary>Values that the caller owns, to be read.</summary>
    /// <param name="values">The first; null only where there are none.</param>
    /// <param name="count">How many.</param>
    /// <param name="name">The argument's name in sequor.h.</param>
    public static ReadOnlySpan<T> Values<T>(T* values, long count, string name)
        where T : unmanaged => Places(values, count, name);

    /// <summary>Places that the caller owns, to be written.</summary>
    /// <param name="values">The first; null only where there are none.</param>
    /// <param name="count">How many.</param>
    /// <param name="name">The argument's name in sequor.h.</param>
    public static Span<T> Places<T>(T* values, long count, string name)
        where T : unmanaged
    {
        if (count is < 0 or > int.MaxValue)
            throw new RefusedException(
                Status.Argument,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{name}' is said to have {count} values; it can have 0 to {int.MaxValue}."
                )
            );
        if (values is null && count > 0)
            throw Null(name);
        if ((nuint)values % (nuint)sizeof(T) != 0)
            throw new RefusedException(
                Status.Argument,
                $"'{name}' is at 0x{(nuint)values:x}, which is no multiple of {sizeof(T)}."
            );
        return new Span<T>(values, (int)count);
    }

    /// <summary>A text, UTF-8 with a zero behind it.</summary>
    public static string Text(byte* text, string name) =>
        text is null ? throw Null(name) : Marshal.PtrToStringUTF8((nint)text)!;

    /// <summary>A path: a text that is not empty.</summary>
    public static string Path(byte* path)
    {
        string text = Text(path, "path");
        return text.Length > 0
            ? text
            : throw new RefusedException(Status.Argument, "'path' is empty; it must name a file.");
    }

    /// <summary>Sizes, outermost first.</summary>
    public static Shape Shape(int rank, int* sizes)
    {
        if (rank is < 1 or > MostDimensions)
            throw new RefusedException(
                Status.Argument,
                $"A tensor has 1 to {MostDimensions} dimensions, not {rank}."
            );
        ReadOnlySpan<int> all = Values(sizes, rank, "sizes");
        foreach (int size in all)
        {
            if (size < 0)
                throw new RefusedException(
                    Status.Argument,
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"'sizes' has {size}; a size is at least 0."
                    )
                );
        }
        Shape shape = rank switch
        {
            1 => new Shape(all[0]),
            2 => new Shape(all[0], all[1]),
            _ => new Shape(all[0], all[1], all[2]),
        };
        return
            (Int128)all[0] * (rank > 1 ? all[1] : 1) * (rank > 2 ? all[2] : 1) <= long.MaxValue / 4
            ? shape
            : throw new RefusedException(
                Status.Argument,
                $"'sizes' {all[0]} x {all[1]} x {(rank > 2 ? all[2] : 1)} are more values than there are addresses."
            );
    }

    /// <summary>An integer that stands for yes or no.</summary>
    public static bool Flag(int value, string name) =>
        value is 0 or 1
            ? value == 1
            : throw new RefusedException(
                Status.Argument,
                $"'{name}' is {value}; it must be 0 or 1."
            );

    /// <summary>A number that stands for one of several choices, by its place among their names.</summary>
    public static int Choice(int value, string name, ReadOnlySpan<string> names)
    {
        if ((uint)value < (uint)names.Length)
            return value;
        string allowed = string.Join(", ", names.ToArray().Select((n, i) => $"{i} ({n})"));
        throw new RefusedException(Status.Argument, $"'{name}' is {value}; allowed are {allowed}.");
    }

    private static RefusedException Null(string name) => new(Status.Argument, $"'{name}' is null.");
}
