using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sequor.Layers.Cuda;

/// <summary>What was found out for a shape, as a line of a file of choices has it.</summary>
/// <param name="Kind">What is chosen for.</param>
/// <param name="Shape">The shape.</param>
/// <param name="Math">fp32 or tf32.</param>
/// <param name="Choice">The candidate that is taken.</param>
/// <param name="Us">Median time of each that was measured, microseconds.</param>
/// <param name="Refused">Why each of the others was not.</param>
/// <param name="Identity">What it is good for.</param>
internal sealed record ChoiceEntry(
    string Kind,
    string Shape,
    string Math,
    string Choice,
    IReadOnlyDictionary<string, double> Us,
    IReadOnlyDictionary<string, string> Refused,
    CudaIdentity Identity
)
{
    // A line is as long as its refusals, which are told in full.
    private const int LongestText = 2000;

    // A plus sign as such: nothing of it goes into a page.
    private static readonly JsonWriterOptions Readable = new()
    {
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    /// <summary>Two entries of one key answer the same question.</summary>
    [JsonIgnore]
    public (string, string, string, CudaIdentity) Key => (Kind, Shape, Math, Identity);

    /// <summary>One line of JSON.</summary>
    public string ToLine()
    {
        using var stream = new MemoryStream();
        using (var json = new Utf8JsonWriter(stream, Readable))
        {
            json.WriteStartObject();
            json.WriteString("kind", Kind);
            json.WriteString("shape", Shape);
            json.WriteString("math", Math);
            json.WriteString("choice", Choice);
            json.WriteStartObject("us");
            foreach ((string name, double time) in Us)
                json.WriteNumber(name, System.Math.Round(time, 3));
            json.WriteEndObject();
            json.WriteStartObject("refused");
            foreach ((string name, string why) in Refused)
                json.WriteString(name, why);
            json.WriteEndObject();
            json.WriteString("device", Identity.Device);
            json.WriteString("compute_capability", Identity.ComputeCapability);
            json.WriteString("driver", Identity.Driver);
            json.WriteString("cudnn", Identity.CuDnn);
            json.WriteString("cublas", Identity.CuBlas);
            json.WriteString("sequor", Identity.Sequor);
            json.WriteEndObject();
        }
        return System.Text.Encoding.UTF8.GetString(stream.ToArray());
    }

    /// <summary>Reads a line; null where it is no entry.</summary>
    public static ChoiceEntry? Read(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            JsonElement root = json.RootElement;
            var times = new Dictionary<string, double>(StringComparer.Ordinal);
            foreach (JsonProperty time in root.GetProperty("us").EnumerateObject())
            {
                double us = time.Value.GetDouble();
                if (!double.IsFinite(us) || us < 0)
                    return null;
                times.Add(time.Name, us);
            }
            var refused = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (JsonProperty why in root.GetProperty("refused").EnumerateObject())
                refused.Add(why.Name, Text(why.Value));
            return new ChoiceEntry(
                Text(root.GetProperty("kind")),
                Text(root.GetProperty("shape")),
                Text(root.GetProperty("math")),
                Text(root.GetProperty("choice")),
                times,
                refused,
                new CudaIdentity(
                    Text(root.GetProperty("device")),
                    Text(root.GetProperty("compute_capability")),
                    Text(root.GetProperty("driver")),
                    Text(root.GetProperty("cudnn")),
                    Text(root.GetProperty("cublas")),
                    Text(root.GetProperty("sequor"))
                )
            );
        }
        catch (Exception e)
            when (e
                    is JsonException
                        or KeyNotFoundException
                        or InvalidOperationException
                        or FormatException
                        or ArgumentException
            )
        {
            // Not JSON, a key that is missing, a value of another type, half a character, a name that comes twice.
            return null;
        }
    }

    private static string Text(JsonElement value) =>
        value.GetString() is { Length: > 0 and <= LongestText } text
            ? text
            : throw new FormatException("no text, or a very long one");
}
