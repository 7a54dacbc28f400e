using System.Text.Json;
using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>
/// What one side of a comparison tells: a file, or the JSON files of a folder, in which files of one format are rounds of the
/// same measurements.
/// </summary>
internal sealed class FigureSet
{
    private readonly Dictionary<FigureKey, Figure> _figures = [];
    private readonly Dictionary<string, Dictionary<string, Condition>> _conditions = [];
    private readonly List<string> _notes = [];
    private readonly List<byte[]> _contents = [];
    private readonly HashSet<(string, string)> _runs = [];
    private readonly string _side;

    private FigureSet(string side, string path) => (_side, Path) = (side, path);

    public string Path { get; }

    /// <summary>Formats of the files, each with what its figures depend on.</summary>
    public IReadOnlyDictionary<string, Dictionary<string, Condition>> Conditions => _conditions;

    public IReadOnlyDictionary<FigureKey, Figure> Figures => _figures;

    /// <summary>What was left out or is partial.</summary>
    public IReadOnlyList<string> Notes => _notes;

    /// <summary>Whether both have the same bytes, file by file.</summary>
    public bool IsSameAs(FigureSet other) =>
        _contents.Count == other._contents.Count
        && _contents.All(mine =>
            other._contents.Any(theirs => mine.AsSpan().SequenceEqual(theirs))
        );

    /// <summary>Reads a side.</summary>
    /// <param name="side">BASE or HEAD, for messages.</param>
    /// <param name="path">A file or a folder.</param>
    /// <exception cref="UsageException">There is nothing that can be compared.</exception>
    public static FigureSet Read(string side, string path)
    {
        var set = new FigureSet(side, path);
        if (!Directory.Exists(path))
        {
            set.Add(path, inFolder: false);
            return set;
        }
        string[] files;
        try
        {
            files = [.. Directory.GetFiles(path, "*.json").Order(StringComparer.Ordinal)];
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new UsageException($"{side}: '{path}' cannot be read: {e.Message}");
        }
        if (files.Length == 0)
            throw new UsageException($"{side}: the folder '{path}' has no .json file");
        foreach (string file in files)
            set.Add(file, inFolder: true);
        if (set._conditions.Count == 0)
            throw new UsageException(
                $"{side}: no .json file of the folder '{path}' is one that compare reads; {Known()}"
            );
        return set;
    }

    /// <summary>The same of what a program has answered.</summary>
    /// <exception cref="UsageException">There is nothing in it that can be compared.</exception>
    public static FigureSet Of(string side, string program, byte[] answer)
    {
        var set = new FigureSet(side, program);
        set.Add(program, answer, inFolder: false);
        return set;
    }

    /// <summary>Leaves out the figures of other subjects, and gives the rest.</summary>
    public FigureSet Only(IReadOnlyCollection<string> subjects)
    {
        foreach ((FigureKey key, Figure figure) in _figures)
        {
            if (!subjects.Contains(figure.Subject.Name))
                _figures.Remove(key);
        }
        return this;
    }

    private void Add(string path, bool inFolder) =>
        Add(path, JsonInput.Read(path, $"{_side}: "), inFolder);

    private void Add(string path, byte[] bytes, bool inFolder)
    {
        using JsonDocument document = Parse(path, bytes);
        var json = new FigureJson(document.RootElement);
        try
        {
            FigureReader? reader =
                document.RootElement.ValueKind == JsonValueKind.Object
                    ? FigureReader.All.FirstOrDefault(r => r.Reads(json))
                    : null;
            if (reader is not null)
                Add(path, bytes, reader.Format, reader.Read(json));
            else if (inFolder && !IsOtherVersion(json))
                _notes.Add($"{_side}: '{path}' was left out, it is {Described(json)}");
            else
                throw new UsageException($"{_side}: '{path}' is {Described(json)}; {Known()}");
        }
        catch (FigureException e)
        {
            throw new UsageException($"{_side}: '{path}': {e.Message}");
        }
    }

    private void Add(string path, byte[] bytes, string format, FigureFile file)
    {
        // Twice the same round would look like two that agree.
        if (
            _contents.Any(other => other.AsSpan().SequenceEqual(bytes))
            || (file.Run is not null && !_runs.Add((format, file.Run)))
        )
            throw new UsageException(
                $"{_side}: '{path}' holds the same run as another file of the folder; leave one of them there"
            );
        _contents.Add(bytes);
        if (file.Partial is not null)
            _notes.Add($"{_side}: '{path}' is a partial report: its run is {file.Partial}");
        bool first = _conditions.TryAdd(format, []);
        Dictionary<string, Condition> known = _conditions[format];
        foreach (Condition condition in file.Conditions)
        {
            if (known.TryAdd(condition.Name, condition))
            {
                if (!first && condition.Agreement != Agreement.Told)
                    throw Mixed(condition.Name, "nothing", condition.Value);
            }
            else if (
                known[condition.Name].Value != condition.Value
                && condition.Agreement != Agreement.Told
            )
                throw Mixed(condition.Name, known[condition.Name].Value, condition.Value);
        }
        foreach (Figure figure in file.Figures)
        {
            var key = FigureKey.Of(format, figure);
            _figures[key] = _figures.TryGetValue(key, out Figure? before)
                ? Joined(path, before, figure)
                : figure;
        }

        UsageException Mixed(string name, string one, string other) =>
            new(
                $"{_side}: '{path}' differs from the files before it in {name} ({Printable.Shortened(one, 40)}, {Printable.Shortened(other, 40)}); compare each in a folder of its own"
            );
    }

    private Figure Joined(string path, Figure before, Figure figure) =>
        before.Subject.Size == figure.Subject.Size
            ? before with
            {
                Values = [.. before.Values, .. figure.Values],
            }
            : throw new UsageException(
                $"{_side}: '{path}': {figure.Name} has {figure.Subject.Size}, and {before.Subject.Size} in a file before it"
            );

    private JsonDocument Parse(string path, byte[] bytes)
    {
        try
        {
            return JsonDocument.Parse(bytes);
        }
        catch (JsonException e)
        {
            string what =
                bytes.Length == 0
                    ? "is empty"
                    : FormattableString.Invariant(
                        $"is damaged or cut off: no JSON from line {e.LineNumber + 1}, byte {e.BytePositionInLine + 1}"
                    );
            throw new UsageException($"{_side}: '{path}' {what}{NotANumber(bytes, e)}");
        }
    }

    // Some programs write what JSON has no word for.
    private static string NotANumber(byte[] bytes, JsonException e)
    {
        ReadOnlySpan<byte> rest = bytes;
        for (long line = 0; line < e.LineNumber; line++)
            rest = rest[(rest.IndexOf((byte)'\n') + 1)..];
        rest = rest[(int)Math.Clamp(e.BytePositionInLine ?? 0, 0, rest.Length)..];
        foreach (string word in (string[])["NaN", "Infinity", "-Infinity"])
        {
            if (rest.StartsWith(System.Text.Encoding.ASCII.GetBytes(word)))
                return $" ({word}, which is no number there)";
        }
        return "";
    }

    private static bool IsOtherVersion(FigureJson json) =>
        Schema(json) is { } schema
        && FigureReader.All.Any(r => r.Format.Split('/')[0] == schema.Split('/')[0]);

    private static string Described(FigureJson json) =>
        Schema(json) is { } schema ? Printable.Shortened(schema, 60) : "of no format that is known";

    private static string? Schema(FigureJson json)
    {
        try
        {
            return FigureReader.Schema(json);
        }
        catch (FigureException)
        {
            return null;
        }
    }

    private static string Known() =>
        $"compare reads {string.Join(", ", FigureReader.All.Select(r => r.Format))}";
}

/// <summary>What makes figures of two sides belong together.</summary>
internal readonly record struct FigureKey(
    string Format,
    string Subject,
    string Shape,
    string? Part,
    string Metric
)
{
    public static FigureKey Of(string format, Figure figure) =>
        new(format, figure.Subject.Name, figure.Subject.Shape, figure.Part, figure.Metric);
}
