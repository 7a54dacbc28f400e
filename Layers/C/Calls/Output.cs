using System.Globalization;
using System.Text;
using Sequor.Layers;

namespace Sequor.C;

/// <summary>Writes texts and shapes to places that a caller owns.</summary>
internal static unsafe class Output
{
    /// <summary>Writes a text as UTF-8 with a zero behind it.</summary>
    /// <param name="text">The text.</param>
    /// <param name="buffer">The place; null with a capacity of 0 to ask for the size alone.</param>
    /// <param name="capacity">The bytes that there are.</param>
    /// <param name="size">Gets the bytes that the text takes, its zero with it, also where there are too few; may be null.</param>
    public static void Text(string text, byte* buffer, nuint capacity, nuint* size)
    {
        int length = Encoding.UTF8.GetByteCount(text);
        if (size is not null)
            *size = (nuint)length + 1;
        if (buffer is null)
        {
            if (capacity > 0)
                throw new RefusedException(
                    Status.Argument,
                    "'buffer' is null and 'capacity' is not 0."
                );
            if (size is null)
                throw new RefusedException(Status.Argument, "'buffer' and 'size' are null.");
            return;
        }
        if (capacity < (nuint)length + 1)
            throw new RefusedException(
                Status.Buffer,
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"'buffer' has {capacity} bytes, and the text takes {length + 1}."
                )
            );
        Encoding.UTF8.GetBytes(text, new Span<byte>(buffer, length));
        buffer[length] = 0;
    }

    /// <summary>Writes a shape: the number of dimensions, and three sizes, of which those that there are not are 1.</summary>
    public static void Shape(Shape shape, int* rank, int* sizes)
    {
        Input.RequirePlace(sizes, "sizes");
        if (rank is not null)
            *rank = shape.Rank;
        for (int i = 0; i < 3; i++)
            sizes[i] = i < shape.Rank ? shape[i] : 1;
    }
}
