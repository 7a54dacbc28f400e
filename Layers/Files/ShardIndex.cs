using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Sequor.Layers;

/// <summary>
/// An index of shards, as Hugging Face's libraries write it beside a model's safetensors files: a text in JSON that says in
/// its weight_map which file holds which tensor. Its metadata are passed over: what they say of sizes is kept right by no
/// library, and is checked by none.
/// </summary>
internal sealed class ShardIndex
{
    // Each is a file held open; the largest models have some hundreds.
    private const int MostShards = 2000;

    // Longer than any file system's names are, in messages as well.
    private const int LongestName = 255;

    private readonly Dictionary<string, HashSet<string>> _shards = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tensors = new(StringComparer.Ordinal);
    private readonly string _path;

    private ShardIndex(string path) => _path = path;

    /// <summary>The tensors of each shard.</summary>
    public IReadOnlyDictionary<string, HashSet<string>> Shards => _shards;

    /// <summary>Whether a file is a text in JSON, and so no safetensors file.</summary>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    public static bool IsIndex(string path)
    {
        using FileStream stream = OpenFile(path);
        if (!stream.CanSeek)
            return false;
        Span<byte> begin = stackalloc byte[Safetensors.LengthBytes];
        int count = stream.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false);
        begin = begin[..count];
        // Taken as a header's length, eight bytes of text are more than the format allows.
        bool text =
            count < Safetensors.LengthBytes
            || BinaryPrimitives.ReadUInt64LittleEndian(begin) > Safetensors.MaxHeader;
        return text && ForeignFormat.IsJson(begin.TrimStart(" \t\r\n"u8));
    }

    /// <summary>Reads an index and checks it; no shard is opened.</summary>
    /// <exception cref="SafetensorsException">It is damaged, or names a file outside its folder.</exception>
    /// <exception cref="IOException">The file is not there or cannot be read.</exception>
    public static ShardIndex Read(string path)
    {
        byte[] json = ReadBytes(path);
        var index = new ShardIndex(path);
        try
        {
            index.Parse(new Utf8JsonReader(json));
        }
        catch (Exception e)
            when (e is JsonException or InvalidOperationException or DecoderFallbackException)
        {
            // The second is what half a character, escaped, comes to.
            throw new SafetensorsException(
                index.Damaged($"sound JSON expected ({e.Message})").Message,
                e
            );
        }
        return index;
    }

    private static FileStream OpenFile(string path)
    {
        ArgumentException.ThrowIfNullOrEmpty(path);
        if (Directory.Exists(path))
            throw new IOException($"Cannot read '{path}': it is a folder.");
        try
        {
            return new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1);
        }
        catch (UnauthorizedAccessException e)
        {
            throw new IOException($"Cannot read '{path}': {e.Message}", e);
        }
    }

    private static byte[] ReadBytes(string path)
    {
        using FileStream stream = OpenFile(path);
        if (!stream.CanSeek)
            throw new IOException($"Cannot read '{path}': it is no ordinary file.");
        if (stream.Length > Safetensors.MaxHeader)
            throw SafetensorsHeader.Damaged(
                path,
                "index of shards",
                $"at most {Amount.Of(Safetensors.MaxHeader, "byte")} expected, not {stream.Length}"
            );
        byte[] bytes = new byte[stream.Length];
        stream.ReadExactly(bytes);
        return bytes;
    }

    private void Parse(Utf8JsonReader reader)
    {
        bool mapped = false;
        Expect(ref reader, JsonTokenType.StartObject, "an object with a weight_map");
        while (NextProperty(ref reader))
        {
            if (!reader.ValueTextEquals("weight_map"u8))
            {
                reader.Skip();
                continue;
            }
            if (mapped)
                throw Damaged("one weight_map expected, but there are two");
            mapped = true;
            Expect(ref reader, JsonTokenType.StartObject, "a weight_map of shards by tensors");
            while (NextProperty(ref reader))
            {
                string tensor = reader.GetString()!;
                Expect(ref reader, JsonTokenType.String, "a shard's name");
                Add(tensor, reader.GetString()!);
            }
        }
        // Fails where anything but blanks follows.
        reader.Read();
        if (!mapped)
            throw Damaged("a weight_map expected, but there is none");
    }

    private void Add(string tensor, string shard)
    {
        if (!_tensors.Add(tensor))
            throw Damaged(
                $"one shard of {SafetensorsHeader.Place(tensor)} expected, but it is there twice"
            );
        if (!_shards.TryGetValue(shard, out HashSet<string>? tensors))
        {
            RequireBeside(shard);
            if (_shards.Count == MostShards)
                throw Damaged($"at most {MostShards} shards expected");
            _shards.Add(shard, tensors = new(StringComparer.Ordinal));
        }
        tensors.Add(tensor);
    }

    // Whoever made the index says which files are read, so that only those of its own folder are.
    private void RequireBeside(string shard)
    {
        bool inside =
            shard.Length is > 0 and <= LongestName
            && !Path.IsPathRooted(shard)
            && shard.IndexOfAny(['\\', ':', '\0']) < 0
            && Array.TrueForAll(shard.Split('/'), part => part is not ("" or "." or ".."));
        if (!inside)
            throw Damaged(
                $"shards by names of at most {LongestName} characters within the index's own folder expected, not '{SafetensorsHeader.Shorten(shard)}'"
            );
    }

    private static bool NextProperty(ref Utf8JsonReader reader) =>
        reader.Read() && reader.TokenType == JsonTokenType.PropertyName;

    private void Expect(ref Utf8JsonReader reader, JsonTokenType type, string what)
    {
        if (!reader.Read() || reader.TokenType != type)
            throw Damaged($"{what} expected at byte {reader.TokenStartIndex}");
    }

    private SafetensorsException Damaged(string problem) =>
        SafetensorsHeader.Damaged(_path, "index of shards", problem);
}
