using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Sequor.Layers.Cuda;

/// <summary>
/// The self-checks that were made on this machine, a line of JSON each, so that a device is checked once and again only with another
/// driver, another library or another version of Sequor. The file can be read, shipped and deleted.
/// </summary>
internal sealed partial class SelfCheckStore(CacheFolder folder)
{
    /// <summary>The file's name in the folder.</summary>
    public const string FileName = "self-checks.jsonl";

    private const string Schema = "sequor.self-check/1";

    // One line takes some 2 KB; a file that is much larger is not ours.
    private const long MostBytes = 4 << 20;

    /// <summary>The file.</summary>
    public string Path => System.IO.Path.Join(folder.Path, FileName);

    /// <summary>The check that was kept of a device; null where there is none that can be used.</summary>
    /// <param name="identity">The device.</param>
    /// <param name="note">What is to be said of the file; null where all is well.</param>
    public SelfCheckReport? Find(CudaIdentity identity, out string? note)
    {
        SelfCheckReport? found = null;
        int damaged = 0;
        foreach (string line in Lines(out note))
        {
            if (Parse(line) is not { } report)
                damaged++;
            else if (report.Identity == identity)
                found = report;
        }
        if (damaged > 0)
            note = string.Create(
                CultureInfo.InvariantCulture,
                $"{Amount.Of(damaged, "line")} of '{Path}' cannot be read and are ignored"
            );
        return found;
    }

    /// <summary>Keeps a check in place of an older one of the same device.</summary>
    /// <returns>Null, or why it could not be kept.</returns>
    public string? Keep(SelfCheckReport report)
    {
        if (folder.Create() is { } refusal)
            return refusal;
        string[] lines =
        [
            .. Lines(out _).Where(l => Parse(l) is { } old && old.Identity != report.Identity),
            JsonSerializer.Serialize(new Line(Schema, report), Json.Default.Line),
        ];
        return Write(FileName, string.Join('\n', lines) + '\n');
    }

    /// <summary>Writes a report as text.</summary>
    /// <param name="report">The report.</param>
    /// <param name="machine">What else is known of the machine, in lines.</param>
    /// <returns>The file's path, or why there is none.</returns>
    public string Publish(SelfCheckReport report, string machine)
    {
        string name = string.Create(
            CultureInfo.InvariantCulture,
            $"self-check-{report.Date:yyyyMMdd-HHmmss}.txt"
        );
        string? refusal = folder.Create() ?? Write(name, report.ToText(machine));
        return refusal is null ? System.IO.Path.Join(folder.Path, name) : $"no file: {refusal}";
    }

    private string? Write(string name, string text)
    {
        try
        {
            FileReplacement.Write(
                System.IO.Path.Join(folder.Path, name),
                stream => stream.Write(Encoding.UTF8.GetBytes(text))
            );
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    private string[] Lines(out string? note)
    {
        note = null;
        try
        {
            var file = new FileInfo(Path);
            if (folder.Path is null || !file.Exists)
                return [];
            if (file.Length > MostBytes)
            {
                note = string.Create(
                    CultureInfo.InvariantCulture,
                    $"'{Path}' is ignored: it has {file.Length:N0} bytes, at most {MostBytes:N0} are read"
                );
                return [];
            }
            return [.. File.ReadAllLines(Path).Where(l => l.Length > 0)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            note = $"'{Path}' cannot be read: {e.Message}";
            return [];
        }
    }

    private static SelfCheckReport? Parse(string line)
    {
        try
        {
            return
                JsonSerializer.Deserialize(line, Json.Default.Line)
                    is { Schema: Schema, Report: { Checks.Count: > 0 } report }
                && report.Checks.All(c => c is not null)
                ? report
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    internal sealed record Line(string Schema, SelfCheckReport Report);

    [JsonSourceGenerationOptions(
        PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        IgnoreReadOnlyProperties = true
    )]
    [JsonSerializable(typeof(Line))]
    internal sealed partial class Json : JsonSerializerContext;
}
