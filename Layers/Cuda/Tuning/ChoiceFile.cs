using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A file of choices: a line that names the format, then an entry a line. What is no entry is passed over and told; entries for
/// other devices and versions stay for those. It is replaced whole, so that a reader never sees a part, and what another process
/// has added meanwhile is kept.
/// </summary>
internal sealed class ChoiceFile
{
    /// <summary>The format.</summary>
    public const string Schema = "sequor.choices/1";

    /// <summary>The file's name in the folder of what is kept.</summary>
    public const string Name = "choices.jsonl";

    private const string Family = "sequor.choices/";

    // Far more than thousands of entries take.
    private const long MostBytes = 16 << 20;
    private const int LockTries = 40;
    private static readonly TimeSpan LockWait = TimeSpan.FromMilliseconds(50);

    private readonly string _path;
    private readonly Func<string?> _makeFolder;
    private readonly FileCalls _calls;

    /// <param name="path">The file, which need not be there.</param>
    /// <param name="makeFolder">Makes the file's folder before it is written; gives why it cannot, or null.</param>
    /// <param name="calls">The operating system's calls; null for its own.</param>
    public ChoiceFile(string path, Func<string?>? makeFolder = null, FileCalls? calls = null)
    {
        _path = path;
        _makeFolder = makeFolder ?? (() => null);
        _calls = calls ?? FileCalls.System;
    }

    /// <summary>What was read.</summary>
    /// <param name="Entries">All entries, whatever they are good for; of one key the last.</param>
    /// <param name="Damaged">Lines that are none.</param>
    /// <param name="Problem">Why nothing could be read of a file that is there; null where it could.</param>
    /// <param name="IsReplaceable">Whether it may be written over.</param>
    public sealed record Content(
        IReadOnlyList<ChoiceEntry> Entries,
        int Damaged,
        string? Problem,
        bool IsReplaceable
    );

    /// <summary>Reads the file. It throws nothing.</summary>
    public Content Read()
    {
        try
        {
            if (!File.Exists(_path))
                return Directory.Exists(_path)
                    ? Foreign("it is a folder")
                    : new Content([], 0, null, true);
            using var stream = new FileStream(
                _path,
                FileMode.Open,
                FileAccess.Read,
                FileShare.ReadWrite | FileShare.Delete
            );
            if (stream.CanSeek && stream.Length > MostBytes)
                return Foreign("it is too large to be a file of choices");
            using var reader = new StreamReader(stream, Encoding.UTF8);
            return Parse(reader);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return Foreign(e.Message);
        }
    }

    /// <summary>Adds entries to what is there, or takes the place of those of the same key. It throws nothing.</summary>
    /// <returns>Null, or why it could not be written.</returns>
    public string? Add(IReadOnlyList<ChoiceEntry> entries)
    {
        try
        {
            if (_makeFolder() is { } why)
                return why;
            using CheckpointLock? alone = Lock();
            Content there = Read();
            if (!there.IsReplaceable)
                return there.Problem;
            var all = new Dictionary<(string, string, string, CudaIdentity), ChoiceEntry>();
            foreach (ChoiceEntry entry in there.Entries.Concat(entries))
                all[entry.Key] = entry;
            FileReplacement.Write(
                _path,
                stream =>
                {
                    using var writer = new StreamWriter(
                        stream,
                        new UTF8Encoding(encoderShouldEmitUTF8Identifier: false),
                        leaveOpen: true
                    )
                    {
                        NewLine = "\n",
                    };
                    writer.WriteLine($"{{\"schema\":\"{Schema}\"}}");
                    foreach (ChoiceEntry entry in all.Values)
                        writer.WriteLine(entry.ToLine());
                },
                _calls
            );
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return e.Message;
        }
    }

    // Where another one does not give it back, its entries may be lost, which are measured again then.
    private CheckpointLock? Lock()
    {
        for (int i = 0; i < LockTries; i++)
        {
            if (CheckpointLock.TryTake(_path) is { } taken)
                return taken;
            Thread.Sleep(LockWait);
        }
        return null;
    }

    private static Content Parse(StreamReader reader)
    {
        string? first = reader.ReadLine();
        if (first is null)
            return new Content([], 0, null, true);
        string? schema = SchemaOf(first);
        if (schema != Schema)
            return schema?.StartsWith(Family, StringComparison.Ordinal) == true
                ? new Content(
                    [],
                    0,
                    $"it is of the format {Printable.Shortened(schema)}, and this version reads {Schema}",
                    IsOlder(schema)
                )
                : Foreign($"it does not begin with {{\"schema\":\"{Schema}\"}}");
        var entries = new Dictionary<(string, string, string, CudaIdentity), ChoiceEntry>();
        int damaged = 0;
        while (reader.ReadLine() is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            if (ChoiceEntry.Read(line) is { } entry)
                entries[entry.Key] = entry;
            else
                damaged++;
        }
        return new Content([.. entries.Values], damaged, null, true);
    }

    private static Content Foreign(string problem) => new([], 0, problem, false);

    // What a newer version wrote is its own.
    private static bool IsOlder(string schema) =>
        int.TryParse(
            schema[Family.Length..],
            NumberStyles.None,
            CultureInfo.InvariantCulture,
            out int number
        )
        && number < int.Parse(Schema[Family.Length..], CultureInfo.InvariantCulture);

    private static string? SchemaOf(string line)
    {
        try
        {
            using var json = JsonDocument.Parse(line);
            return
                json.RootElement.ValueKind == JsonValueKind.Object
                && json.RootElement.TryGetProperty("schema", out JsonElement schema)
                && schema.ValueKind == JsonValueKind.String
                ? schema.GetString()
                : null;
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }
}
