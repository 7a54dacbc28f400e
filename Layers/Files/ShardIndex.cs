using System.Buffers.Binary;
using System.Text;
using System.Text.Json;

namespace Sequor.Layers;

/// <summary>
/// An index of shards, as Hugging Face's libraries write it beside a model's safetensors files: JSON text whose weight_map says which file
/// holds which tensor. Its metadata are ignored, since no library keeps the sizes there right or checks them.
/// </summary>
internal sealed class ShardIndex
{
    // Each shard is a file that is held open; the largest models have some hundreds.
    private const int MostShards = 2000;

    // No file system has longer names, and longer ones would not suit messages.
    private const int LongestName = 255;

    private readonly Dictionary<string, HashSet<string>> _shards = new(StringComparer.Ordinal);
    private readonly HashSet<string> _tensors = new(StringComparer.Ordinal);
    private readonly string _path;

    private ShardIndex(string path) => _path = path;

    /// <summary>The names of the tensors of each shard.</summary>
    public IReadOnlyDictionary<string, HashSet<string>> Shards => _shards;

    /// <summary>Whether a file is JSON text, and so not a safetensors file.</summary>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
    public static bool IsIndex(string path)
    {
        using FileStream stream = OpenFile(path);
        if (!stream.CanSeek)
            return false;
        Span<byte> begin = stackalloc byte[Safetensors.LengthBytes];
        int count = stream.ReadAtLeast(begin, begin.Length, throwOnEndOfStream: false);
        begin = begin[..count];
        // Eight bytes of text, taken as a header's length, exceed what the format allows.
        bool text =
            count < Safetensors.LengthBytes
            || BinaryPrimitives.ReadUInt64LittleEndian(begin) > Safetensors.MaxHeader;
        return text && ForeignFormat.IsJson(begin.TrimStart(" \t\r\n"u8));
    }

    /// <summary>Reads and checks an index. No shard is opened.</summary>
    /// <exception cref="SafetensorsException">The index is damaged, or names a file outside its folder.</exception>
    /// <exception cref="IOException">The file does not exist or cannot be read.</exception>
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
            // An InvalidOperationException comes from an escaped lone surrogate.
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
        // Fails where anything but white space follows.
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

    // The index may come from anywhere, so it must not make other files readable than those in its own folder.
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
