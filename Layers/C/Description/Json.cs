using System.Runtime.InteropServices;
using System.Text.Json;
using System.Text.Unicode;
using Sequor.Layers;

namespace Sequor.C;

/// <summary>Reads a description and makes something of it.</summary>
internal static unsafe class Json
{
    /// <summary>The depth of nesting that a description can have.</summary>
    public const int MostDepth = 64;

    /// <summary>Reads a description.</summary>
    /// <param name="text">UTF-8 with a zero behind it.</param>
    /// <param name="make">Makes the result; what it refuses is told with its place.</param>
    /// <param name="argument">What an export calls it.</param>
    public static T Read<T>(byte* text, Func<Place, T> make, string argument = "description")
    {
        if (text is null)
            throw new RefusedException(Status.Argument, $"'{argument}' is null.");
        ReadOnlySpan<byte> bytes = MemoryMarshal.CreateReadOnlySpanFromNullTerminated(text);
        using JsonDocument document = Parse(bytes.ToArray(), argument);
        return make(new Place("$", document.RootElement));
    }

    /// <summary>Runs a constructor, whose refusals are told with a place.</summary>
    public static T Made<T>(Place place, Func<T> make)
    {
        try
        {
            return make();
        }
        catch (ArgumentException e)
        {
            throw place.Refusal(Failure.WithoutParameter(e));
        }
    }

    private static JsonDocument Parse(ReadOnlyMemory<byte> bytes, string argument)
    {
        if (!Utf8.IsValid(bytes.Span))
            throw new RefusedException(
                Status.Description,
                $"'{argument}' is no JSON: it is no valid UTF-8."
            );
        try
        {
            return JsonDocument.Parse(bytes, new JsonDocumentOptions { MaxDepth = MostDepth });
        }
        catch (JsonException e)
        {
            throw new RefusedException(
                Status.Description,
                $"'{argument}' is no JSON: {Printable.Of(e.Message)}"
            );
        }
    }
}
