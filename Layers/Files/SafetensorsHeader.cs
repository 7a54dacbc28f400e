using System.Globalization;
using System.Text.Json;
using System.Text.Unicode;

namespace Sequor.Layers;

/// <summary>The header of a safetensors file, checked for consistency with the file's size and within itself.</summary>
internal sealed record SafetensorsHeader(
    IReadOnlyList<SafetensorsEntry> Entries,
    IReadOnlyDictionary<string, string> Metadata
)
{
    /// <summary>Parses and checks a header.</summary>
    /// <param name="path">The file's path, for messages.</param>
    /// <param name="json">The header without its length.</param>
    /// <param name="dataLength">The number of bytes in the file after the header.</param>
    /// <exception cref="SafetensorsException">The header violates the format.</exception>
    public static SafetensorsHeader Parse(string path, ReadOnlySpan<byte> json, long dataLength) =>
        new Parser(path, json, dataLength).Parse();

    public static SafetensorsException Damaged(string path, string place, string problem) =>
        new($"'{path}', {place}: {problem}.");

    /// <summary>A tensor's name for messages, cut to a reasonable length.</summary>
    public static string Place(string tensor) => $"tensor '{Shorten(tensor)}'";

    /// <summary>A text from a file for messages: cut to a reasonable length, and safe to print.</summary>
    public static string Shorten(string text, int most = 100) => Printable.Shortened(text, most);

    private ref struct Parser
    {
        private readonly string _path;
        private readonly ReadOnlySpan<byte> _json;
        private readonly long _dataLength;
        private readonly List<SafetensorsEntry> _entries = [];
        private readonly HashSet<string> _names = [];
        private Dictionary<string, string>? _metadata;
        private Utf8JsonReader _reader;

        public Parser(string path, ReadOnlySpan<byte> json, long dataLength)
        {
            _path = path;
            _json = json;
            _dataLength = dataLength;
            _reader = new Utf8JsonReader(json);
        }

        public SafetensorsHeader Parse()
        {
            if (_json.IsEmpty || _json[0] != '{')
                throw Damaged(Byte(0), "a header that begins with '{' expected");
            if (!Utf8.IsValid(_json))
                throw Damaged(Byte(0), "a header in UTF-8 expected");
            Next();
            while (NextProperty())
            {
                string name = Text();
                if (!_names.Add(name))
                    throw Damaged(Place(name), "one entry expected, but there are two");
                if (name == Safetensors.MetadataName)
                    ParseMetadata();
                else
                    ParseEntry(name);
            }
            // Fails where anything but white space follows.
            Advance();
            RequireCover();
            return new SafetensorsHeader(_entries, _metadata ?? []);
        }

        private void ParseMetadata()
        {
            Expect(JsonTokenType.StartObject, "an object of texts");
            _metadata = [];
            while (NextProperty())
            {
                string key = Text();
                Expect(JsonTokenType.String, "a text");
                if (!_metadata.TryAdd(key, Text()))
                    throw Damaged(
                        Here(),
                        $"one metadata '{Shorten(key)}' expected, but there are two"
                    );
            }
        }

        private void ParseEntry(string name)
        {
            Expect(JsonTokenType.StartObject, "an object with dtype, shape and data_offsets");
            string? type = null;
            List<long>? shape = null;
            List<long>? offsets = null;
            while (NextProperty())
            {
                string key = Text();
                bool fresh = key switch
                {
                    "dtype" => type is null,
                    "shape" => shape is null,
                    "data_offsets" => offsets is null,
                    _ => false,
                };
                if (!fresh)
                    throw Damaged(
                        Place(name),
                        $"dtype, shape and data_offsets expected once each, not '{Shorten(key)}'"
                    );
                if (key == "dtype")
                    type = ParseType(name);
                else if (key == "shape")
                    shape = ParseNumbers(name, key, Safetensors.MaxRank);
                else
                    offsets = ParseNumbers(name, key, 2);
            }
            if (type is null || shape is null || offsets is not { Count: 2 })
                throw Damaged(
                    Place(name),
                    "dtype, shape and data_offsets [begin, end] expected, but not all are there"
                );
            Add(name, type, shape, offsets[0], offsets[1]);
        }

        private string ParseType(string name)
        {
            Expect(JsonTokenType.String, "a dtype");
            string text = Text();
            return SafetensorsTypes.TryParse(text, out _)
                ? text
                : throw Damaged(
                    Place(name),
                    $"a dtype such as {SafetensorsTypes.Known} expected, not '{Shorten(text)}'"
                );
        }

        private List<long> ParseNumbers(string name, string key, int most)
        {
            Expect(JsonTokenType.StartArray, "an array of numbers");
            var numbers = new List<long>();
            while (true)
            {
                Next();
                if (_reader.TokenType == JsonTokenType.EndArray)
                    return numbers;
                if (
                    _reader.TokenType != JsonTokenType.Number
                    || !_reader.TryGetInt64(out long number)
                    || number < 0
                )
                {
                    throw Damaged(
                        Place(name),
                        $"whole numbers from 0 to {long.MaxValue} expected in {key} at {Here()}"
                    );
                }
                if (numbers.Count == most)
                    throw Damaged(Place(name), $"at most {most} numbers expected in {key}");
                numbers.Add(number);
            }
        }

        private readonly void Add(
            string name,
            string typeName,
            List<long> shape,
            long begin,
            long end
        )
        {
            if (begin > end || end > _dataLength)
            {
                throw Damaged(
                    Place(name),
                    $"data_offsets within 0 and {_dataLength}, the end of the data, expected, not [{begin}, {end}]"
                );
            }
            _ = SafetensorsTypes.TryParse(typeName, out SafetensorsType type);
            string described = SafetensorsEntry.Describe(typeName, shape);
            // The size of a value of an unknown type is not known, so the offsets are believed.
            Int128 bits =
                type == SafetensorsType.Unknown
                    ? 8 * (Int128)(end - begin)
                    : SafetensorsTypes.Bits(type);
            long count = 1;
            try
            {
                foreach (long length in shape)
                    count = checked(count * length);
                if (type != SafetensorsType.Unknown)
                    bits *= count;
                _ = checked((long)(bits / 8));
            }
            catch (OverflowException)
            {
                throw Damaged(Place(name), $"a size below 2^63 bytes expected, not {described}");
            }
            if (bits % 8 != 0)
                throw Damaged(
                    Place(name),
                    $"whole bytes expected, but {described} takes {bits} bits"
                );
            if (bits / 8 != end - begin)
            {
                throw Damaged(
                    Place(name),
                    $"{described} takes {bits / 8} bytes, but data_offsets [{begin}, {end}] are {end - begin} apart"
                );
            }
            long offset = Safetensors.LengthBytes + _json.Length + begin;
            _entries.Add(
                new SafetensorsEntry(name, type, typeName, shape, count, offset, end - begin)
            );
        }

        // Every byte of the data must belong to exactly one tensor.
        private readonly void RequireCover()
        {
            long start = Safetensors.LengthBytes + _json.Length;
            long end = start;
            string before = "the header";
            foreach (
                SafetensorsEntry entry in _entries
                    .OrderBy(entry => entry.Offset)
                    .ThenBy(entry => entry.ByteCount)
            )
            {
                if (entry.Offset != end)
                {
                    string what = entry.Offset < end ? "overlaps" : "leaves a hole after";
                    throw Damaged(
                        Place(entry.Name),
                        $"beginning at byte {end - start} of the data expected; it begins at {entry.Offset - start} and {what} {before}"
                    );
                }
                end += entry.ByteCount;
                before = Place(entry.Name);
            }
            if (end - start != _dataLength)
            {
                throw Damaged(
                    $"byte {end}",
                    $"the file's end expected after {before}; {_dataLength - (end - start)} more bytes follow"
                );
            }
        }

        private bool Advance()
        {
            try
            {
                return _reader.Read();
            }
            catch (JsonException e)
            {
                throw new SafetensorsException(
                    Damaged(
                        Byte(_reader.BytesConsumed),
                        $"sound JSON expected ({e.Message})"
                    ).Message,
                    e
                );
            }
        }

        private void Next()
        {
            if (!Advance())
                throw Damaged(Byte(_json.Length), "more of the header expected");
        }

        /// <summary>Advances to the next name of an object, or past the object's end.</summary>
        private bool NextProperty()
        {
            Next();
            return _reader.TokenType == JsonTokenType.PropertyName;
        }

        private void Expect(JsonTokenType type, string what)
        {
            Next();
            if (_reader.TokenType != type)
                throw Damaged(Here(), $"{what} expected, not {_reader.TokenType}");
        }

        private string Text()
        {
            try
            {
                return _reader.GetString()!;
            }
            catch (InvalidOperationException e)
            {
                // The text contains an escaped lone surrogate.
                throw new SafetensorsException(
                    Damaged(Here(), "a text of whole characters expected").Message,
                    e
                );
            }
        }

        private readonly string Here() => Byte(_reader.TokenStartIndex);

        private static string Byte(long position) =>
            string.Create(
                CultureInfo.InvariantCulture,
                $"byte {Safetensors.LengthBytes + position}"
            );

        private readonly SafetensorsException Damaged(string place, string problem) =>
            SafetensorsHeader.Damaged(_path, place, problem);
    }
}
