using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Sequor.Layers;

// The interface's dictionary as JSON, which Python's json.dumps makes of it.
public sealed partial record CudaArrayInterface
{
    // A type string begins with <, which is no markup here.
    private static readonly JsonWriterOptions Plain = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Reads the dictionary as JSON; keys that are not of the interface's version 3 are passed over.</summary>
    /// <param name="json">
    /// An object with "shape", "typestr", "data" (address and whether it is read-only) and "version"; "strides", "mask" and "stream" may be
    /// missing or null.
    /// </param>
    /// <exception cref="FormatException">It is no such object; the message says which key is wrong and what it has to be.</exception>
    /// <exception cref="ArgumentException">The array has a mask: some of its values are none.</exception>
    public static CudaArrayInterface Parse(string json)
    {
        ArgumentNullException.ThrowIfNull(json);
        try
        {
            using var document = JsonDocument.Parse(json);
            return Read(document.RootElement);
        }
        catch (JsonException e)
        {
            throw new FormatException($"The CUDA array interface is no JSON: {e.Message}", e);
        }
    }

    /// <summary>The dictionary as JSON, on one line.</summary>
    public string ToJson()
    {
        var buffer = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(buffer, Plain))
        {
            writer.WriteStartObject();
            Write(writer, "shape", Shape);
            writer.WriteString("typestr", TypeStr);
            writer.WriteStartArray("data");
            writer.WriteNumberValue((ulong)Data);
            writer.WriteBooleanValue(IsReadOnly);
            writer.WriteEndArray();
            if (Strides is null)
                writer.WriteNull("strides");
            else
                Write(writer, "strides", Strides);
            writer.WriteNumber("version", Version);
            if (Stream is { } stream)
                writer.WriteNumber("stream", stream);
            else
                writer.WriteNull("stream");
            writer.WriteEndObject();
        }
        return Encoding.UTF8.GetString(buffer.WrittenSpan);
    }

    private static void Write(Utf8JsonWriter writer, string key, IReadOnlyList<long> values)
    {
        writer.WriteStartArray(key);
        foreach (long value in values)
            writer.WriteNumberValue(value);
        writer.WriteEndArray();
    }

    private static CudaArrayInterface Read(JsonElement root)
    {
        if (root.ValueKind != JsonValueKind.Object)
            throw new FormatException(
                $"The CUDA array interface is an object, not {Kind(root.ValueKind)}."
            );
        if (Optional(root, "mask") is not null)
            throw new ArgumentException(
                "The array has a mask, by which some of its values are none; here there is no such thing. Fill them at its producer."
            );
        JsonElement data = Needed(root, "data", JsonValueKind.Array);
        if (
            data.GetArrayLength() != 2
            || data[0].ValueKind != JsonValueKind.Number
            || !data[0].TryGetUInt64(out ulong address)
            || data[1].ValueKind is not (JsonValueKind.True or JsonValueKind.False)
        )
            throw Wrong("data", "an address and whether it is read-only, as [140000, false]", data);
        JsonElement type = Needed(root, "typestr", JsonValueKind.String);
        return new()
        {
            Shape = Numbers("shape", Needed(root, "shape", JsonValueKind.Array)),
            TypeStr = type.GetString()!,
            Data = (nint)address,
            IsReadOnly = data[1].GetBoolean(),
            Strides = Optional(root, "strides") is { } strides ? Numbers("strides", strides) : null,
            Version = checked(
                (int)Number("version", Needed(root, "version", JsonValueKind.Number), int.MaxValue)
            ),
            Stream = Optional(root, "stream") is { } stream
                ? Number("stream", stream, long.MaxValue)
                : null,
        };
    }

    private static JsonElement? Optional(JsonElement root, string key) =>
        root.TryGetProperty(key, out JsonElement value) && value.ValueKind != JsonValueKind.Null
            ? value
            : null;

    private static JsonElement Needed(JsonElement root, string key, JsonValueKind kind)
    {
        if (!root.TryGetProperty(key, out JsonElement value))
            throw new FormatException($"The CUDA array interface has no \"{key}\".");
        return value.ValueKind == kind ? value : throw Wrong(key, Kind(kind), value);
    }

    private static long[] Numbers(string key, JsonElement values)
    {
        if (values.ValueKind != JsonValueKind.Array)
            throw Wrong(key, "an array of whole numbers", values);
        return
        [
            .. values
                .EnumerateArray()
                .Select(value =>
                    value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out long number)
                        ? number
                        : throw Wrong(key, "an array of whole numbers", values)
                ),
        ];
    }

    private static long Number(string key, JsonElement value, long most) =>
        value.ValueKind == JsonValueKind.Number
        && value.TryGetInt64(out long number)
        && number <= most
        && number >= -most
            ? number
            : throw Wrong(
                key,
                string.Create(CultureInfo.InvariantCulture, $"a whole number up to {most}"),
                value
            );

    private static FormatException Wrong(string key, string wanted, JsonElement given) =>
        new(
            $"\"{key}\" of the CUDA array interface has to be {wanted}, not {Printable.Shortened(given.GetRawText(), 100)}."
        );

    private static string Kind(JsonValueKind kind) =>
        kind switch
        {
            JsonValueKind.Object => "an object",
            JsonValueKind.Array => "an array",
            JsonValueKind.String => "a text",
            JsonValueKind.Number => "a number",
            JsonValueKind.Null => "null",
            _ => "true or false",
        };
}
