using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Training;

[TestFixture]
public sealed class SafetensorsTests : FolderTest
{
    private static byte[] File(string header, params byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + text.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, text.Length);
        text.CopyTo(bytes, 8);
        data.CopyTo(bytes, 8 + text.Length);
        return bytes;
    }

    private string Put(byte[] bytes)
    {
        string path = PathOf("made.safetensors");
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }

    [Test]
    public void The_example_of_the_published_format_is_read()
    {
        byte[] example =
        [
            .. "<\0\0\0\0\0\0\0"u8,
            .. "{\"test\":{\"dtype\":\"I32\",\"shape\":[2,2],\"data_offsets\":[0,16]}}"u8,
            .. new byte[16],
        ];
        using SafetensorsFile file = Safetensors.Open(Put(example));
        SafetensorsEntry entry = file.Entries.Single();
        Assert.Multiple(() =>
        {
            Assert.That(entry.Name, Is.EqualTo("test"));
            Assert.That(entry.Type, Is.EqualTo(SafetensorsType.I32));
            Assert.That(entry.Shape, Is.EqualTo(new long[] { 2, 2 }));
            Assert.That(file.ReadInt64s("test"), Is.EqualTo(new long[4]));
            Assert.That(file.Metadata, Is.Empty);
        });
    }

    // Offsets in another order than the header's, blanks around, empty and scalar tensors, escapes, every type.
    [Test]
    public void A_file_made_by_hand_is_read_in_every_type()
    {
        const string header = """
            {"__metadata__":{"made by":"hand \u00e9\"","empty":""},
             "bf":{"dtype":"BF16","shape":[2],"data_offsets":[38,42]},
             "d":{"data_offsets":[0,16],"dtype":"F64","shape":[1,2,1,1]},
             "l":{"dtype":"I64","shape":[],"data_offsets":[16,24]},
             "f":{"dtype":"F32","shape":[2],"data_offsets":[24,32]},
             "none":{"dtype":"F32","shape":[0,7],"data_offsets":[32,32]},
             "h":{"dtype":"F16","shape":[3],"data_offsets":[32,38]},
             "i":{"dtype":"I32","shape":[1],"data_offsets":[42,46]},
             "\u006dü":{"dtype":"U8","shape":[2],"data_offsets":[46,48]},
             "b":{"dtype":"BOOL","shape":[3],"data_offsets":[48,51]}}   
            """;
        byte[] data =
        [
            .. Convert.FromHexString("000000000000F83F"), // 1.5
            .. Convert.FromHexString("9A9999999999B9BF"), // -0.1
            .. Convert.FromHexString("FFFFFFFFFFFFFF7F"), // the largest
            .. Convert.FromHexString("0000C07F"), // not a number
            .. Convert.FromHexString("000020C0"), // -2.5
            .. Convert.FromHexString("003C00C2007C"), // 1, -3, infinity
            .. Convert.FromHexString("803F49C0"), // 1, -3.140625
            .. Convert.FromHexString("FEFFFFFF"), // -2
            .. Convert.FromHexString("07FF"),
            .. Convert.FromHexString("000102"),
        ];
        using SafetensorsFile file = Safetensors.Open(Put(File(header, data)));
        Assert.Multiple(() =>
        {
            Assert.That(
                file.Entries.Select(entry => entry.Name),
                Is.EqualTo(new[] { "bf", "d", "l", "f", "none", "h", "i", "mü", "b" })
            );
            Assert.That(file.Metadata["made by"], Is.EqualTo("hand é\""));
            Assert.That(file.Metadata["empty"], Is.Empty);
            Assert.That(file.ReadDoubles("d"), Is.EqualTo(new[] { 1.5, -0.1 }));
            Assert.That(file.ReadFloats("d"), Is.EqualTo(new[] { 1.5f, -0.1f }));
            Assert.That(file.ReadInt64s("l"), Is.EqualTo(new[] { long.MaxValue }));
            Assert.That(file.ReadFloats("l"), Is.EqualTo(new[] { 9.223372E18f }));
            Assert.That(file.ReadFloats("f"), Is.EqualTo(new[] { float.NaN, -2.5f }));
            Assert.That(file.ReadDoubles("f"), Is.EqualTo(new[] { double.NaN, -2.5 }));
            Assert.That(file.ReadFloats("none"), Is.Empty);
            Assert.That(file.ReadBytes("none"), Is.Empty);
            Assert.That(
                file.ReadFloats("h"),
                Is.EqualTo(new[] { 1f, -3f, float.PositiveInfinity })
            );
            Assert.That(file.ReadFloats("bf"), Is.EqualTo(new[] { 1f, -3.140625f }));
            Assert.That(file.ReadInt64s("i"), Is.EqualTo(new[] { -2L }));
            Assert.That(file.ReadFloats("i"), Is.EqualTo(new[] { -2f }));
            Assert.That(file.ReadInt64s("mü"), Is.EqualTo(new[] { 7L, 255L }));
            Assert.That(file.ReadFloats("b"), Is.EqualTo(new[] { 0f, 1f, 1f }));
            Assert.That(file.ReadInt64s("b"), Is.EqualTo(new[] { 0L, 1L, 1L }));
            Assert.That(file.ReadBytes("b"), Is.EqualTo(new byte[] { 0, 1, 2 }));
            Assert.That(file.Find("d")!.ToString(), Is.EqualTo("F64 [1, 2, 1, 1]"));
            Assert.That(file.Find("nothing"), Is.Null);
            Assert.That(
                () => file.ReadInt64s("f"),
                Throws.TypeOf<SafetensorsException>().With.Message.Contains("F32")
            );
            Assert.That(
                () => file.ReadFloats("nothing"),
                Throws.TypeOf<SafetensorsException>().With.Message.Contains("nothing")
            );
        });
    }

    [Test]
    public void A_written_file_has_exactly_the_bytes_of_the_format()
    {
        string path = PathOf("written.safetensors");
        Safetensors.Write(
            path,
            [
                SafetensorsTensor.Of("é", new byte[] { 1, 2, 3 }, 3),
                SafetensorsTensor.Of("a", new[] { 1f, -2f, 0.5f }, 3, 1),
                SafetensorsTensor.Of("n", new[] { -1L }),
                SafetensorsTensor.Of("d", new[] { 1.0 }, 1),
            ],
            new Dictionary<string, string> { ["z"] = "1", ["b"] = "\"" }
        );
        string header = string.Concat(
            """{"__metadata__":{"b":"\"","z":"1"},""",
            """ "é":{"dtype":"U8","shape":[3],"data_offsets":[28,31]},""".Trim(),
            """ "a":{"dtype":"F32","shape":[3,1],"data_offsets":[16,28]},""".Trim(),
            """ "n":{"dtype":"I64","shape":[],"data_offsets":[0,8]},""".Trim(),
            """ "d":{"dtype":"F64","shape":[1],"data_offsets":[8,16]}}""".Trim()
        );
        int length = Encoding.UTF8.GetByteCount(header);
        string padded = header + new string(' ', -length & 7);
        byte[] expected = File(
            padded,
            [
                .. Convert.FromHexString("FFFFFFFFFFFFFFFF000000000000F03F"),
                .. Convert.FromHexString("0000803F000000C00000003F010203"),
            ]
        );
        Assert.That(System.IO.File.ReadAllBytes(path), Is.EqualTo(expected));
    }

    [Test]
    public void Headers_and_tensors_are_aligned()
    {
        for (int extra = 0; extra < 9; extra++)
        {
            string path = PathOf($"{extra}.safetensors");
            Safetensors.Write(
                path,
                [
                    SafetensorsTensor.Of("u" + new string('x', extra), new byte[extra], extra),
                    SafetensorsTensor.Of("f", new float[extra], extra),
                    SafetensorsTensor.Of("i", new long[extra], extra),
                ]
            );
            byte[] bytes = System.IO.File.ReadAllBytes(path);
            int length = (int)BinaryPrimitives.ReadInt64LittleEndian(bytes);
            Assert.That(length % 8, Is.Zero);
            using JsonDocument json = JsonDocument.Parse(bytes.AsMemory(8, length));
            Assert.That(json.RootElement.EnumerateObject().Count(), Is.EqualTo(3));
            foreach (JsonProperty tensor in json.RootElement.EnumerateObject())
            {
                int width = tensor.Value.GetProperty("dtype").GetString() switch
                {
                    "U8" => 1,
                    "F32" => 4,
                    _ => 8,
                };
                JsonElement offsets = tensor.Value.GetProperty("data_offsets");
                Assert.That((8 + length + offsets[0].GetInt32()) % width, Is.Zero);
                Assert.That(
                    offsets[1].GetInt32() - offsets[0].GetInt32(),
                    Is.EqualTo(extra * width)
                );
            }
            using SafetensorsFile file = Safetensors.Open(path);
            Assert.That(file.Entries, Has.Count.EqualTo(3));
        }
    }

    [Test]
    public void Every_bit_comes_back()
    {
        string path = PathOf("bits.safetensors");
        float[] floats =
        [
            0f,
            -0f,
            float.Epsilon,
            float.MaxValue,
            float.NegativeInfinity,
            BitConverter.UInt32BitsToSingle(0x7FA00001),
            BitConverter.UInt32BitsToSingle(0xFFC12345),
        ];
        double[] doubles = [Math.PI, -0.0, BitConverter.UInt64BitsToDouble(0x7FF0000000000001)];
        long[] longs = [long.MinValue, long.MaxValue, (1L << 53) + 1];
        string name = "name with \"quotes\", \\, \n, 中文, 😀, </script>";
        Safetensors.Write(
            path,
            [
                SafetensorsTensor.Of(name, floats, 7),
                SafetensorsTensor.Of("d", doubles, 3),
                SafetensorsTensor.Of("l", longs, 1, 3, 1, 1, 1),
            ],
            new Dictionary<string, string> { [name] = name }
        );
        using SafetensorsFile file = Safetensors.Open(path);
        Assert.Multiple(() =>
        {
            Assert.That(
                file.ReadFloats(name).Select(BitConverter.SingleToUInt32Bits),
                Is.EqualTo(floats.Select(BitConverter.SingleToUInt32Bits))
            );
            Assert.That(
                file.ReadDoubles("d").Select(BitConverter.DoubleToUInt64Bits),
                Is.EqualTo(doubles.Select(BitConverter.DoubleToUInt64Bits))
            );
            Assert.That(file.ReadInt64s("l"), Is.EqualTo(longs));
            Assert.That(file.Metadata[name], Is.EqualTo(name));
        });
    }

    // Larger than what is read or written in one go.
    [Test]
    public void A_large_tensor_comes_back()
    {
        const int count = 700_001;
        string path = PathOf("large.safetensors");
        using Backend backend = Backend.Create("cpu", new BackendOptions { Threads = 1 });
        using Storage storage = backend.Allocate(count, MemoryCategory.Parameters);
        var tensor = new Tensor(storage, 0, new Shape(count));
        float[] values = [.. Enumerable.Range(0, count).Select(i => i * 0.5f)];
        long[] longs = [.. Enumerable.Range(0, count).Select(i => (long)i << 20)];
        tensor.Write(values);
        Safetensors.Write(
            path,
            [
                SafetensorsTensor.Of("t", tensor),
                SafetensorsTensor.Of("l", longs, count),
                SafetensorsTensor.Of("v", tensor.View(new Shape(3, 1, 2))),
            ]
        );
        using SafetensorsFile file = Safetensors.Open(path);
        Assert.Multiple(() =>
        {
            Assert.That(file.ReadFloats("t"), Is.EqualTo(values));
            Assert.That(file.ReadDoubles("t"), Is.EqualTo(values.Select(v => (double)v)));
            Assert.That(file.ReadInt64s("l"), Is.EqualTo(longs));
            Assert.That(file.ReadDoubles("l"), Is.EqualTo(longs.Select(v => (double)v)));
            Assert.That(file.Find("v")!.Shape, Is.EqualTo(new long[] { 3, 1, 2 }));
            Assert.That(file.ReadFloats("v"), Is.EqualTo(values[..6]));
        });
    }

    [Test]
    public void A_file_without_tensors_is_sound()
    {
        string path = PathOf("empty.safetensors");
        Safetensors.Write(path, []);
        Assert.That(System.IO.File.ReadAllBytes(path), Is.EqualTo(File("{}      ")));
        using SafetensorsFile file = Safetensors.Open(path);
        Assert.That(file.Entries, Is.Empty);
    }

    [Test]
    public void What_the_format_cannot_hold_is_refused_before_writing()
    {
        string path = PathOf("refused.safetensors");
        SafetensorsTensor a = SafetensorsTensor.Of("a", new byte[1], 1);
        Assert.Multiple(() =>
        {
            Assert.That(
                () => Safetensors.Write(path, [a, a]),
                Throws.ArgumentException.With.Message.Contains("'a'")
            );
            Assert.That(
                () =>
                    Safetensors.Write(path, [SafetensorsTensor.Of("__metadata__", new byte[1], 1)]),
                Throws.ArgumentException.With.Message.Contains("__metadata__")
            );
            Assert.That(
                () => Safetensors.Write(path, [SafetensorsTensor.Of("\ud800", new byte[1], 1)]),
                Throws.InstanceOf<ArgumentException>()
            );
            Assert.That(
                () =>
                    Safetensors.Write(
                        path,
                        [a],
                        new Dictionary<string, string> { ["x"] = new string('y', 100_000_000) }
                    ),
                Throws.ArgumentException.With.Message.Contains("100,000,000")
            );
            Assert.That(
                () => SafetensorsTensor.Of("a", new byte[6], 2, 4),
                Throws.ArgumentException.With.Message.Contains("takes 8 values, not 6")
            );
            Assert.That(
                () => SafetensorsTensor.Of("a", new byte[6], long.MaxValue, long.MaxValue, 8),
                Throws.ArgumentException
            );
            Assert.That(
                () => SafetensorsTensor.Of("a", new byte[6], -2, -3),
                Throws.InstanceOf<ArgumentException>()
            );
            Assert.That(
                () =>
                    SafetensorsTensor.Of(
                        "a",
                        new byte[1],
                        Enumerable.Repeat(1L, 65).ToArray().AsSpan()
                    ),
                Throws.ArgumentException.With.Message.Contains("64")
            );
            Assert.That(Names(), Is.Empty);
        });
    }

    private const string A = """
        "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}
        """;

    private static IEnumerable<TestCaseData> Damages()
    {
        yield return Case("too short", [1, 2, 3], "byte 0", "the file has 3");
        yield return Case("empty", [], "byte 0", "the file has 0");
        yield return Case(
            "length beyond",
            [9, 0, 0, 0, 0, 0, 0, 0, .. "{}"u8],
            "byte 0",
            "2 bytes"
        );
        yield return Case(
            "length absurd",
            [.. Enumerable.Repeat((byte)255, 8), .. "{}"u8],
            "byte 0",
            "18446744073709551615"
        );
        yield return Case("no header", File(""), "byte 8", "'{'");
        yield return Case("blank first", File(" {}"), "byte 8", "'{'");
        yield return Case("array", File("[]"), "byte 8", "'{'");
        yield return Case("cut JSON", File("{" + A, new byte[8]), "JSON");
        yield return Case("two roots", File("{}{}"), "byte 10", "JSON");
        yield return Case("comment", File("{/**/}"), "byte 9", "JSON");
        yield return Case("comma", File("{" + A + ",}", new byte[8]), "JSON");
        yield return Case(
            "no UTF-8",
            [4, 0, 0, 0, 0, 0, 0, 0, .. "{\"\xff"u8[..2], 255, (byte)'}'],
            "UTF-8"
        );
        yield return Case("half a character", File("""{"\ud800":{}}"""), "byte 9", "characters");
        yield return Case("two tensors", File("{" + A + "," + A + "}", new byte[8]), "'a'", "two");
        yield return Case(
            "two tensors by escape",
            File(
                "{" + A + "," + A.Replace("\"a\"", "\"\\u0061\"", StringComparison.Ordinal) + "}",
                new byte[8]
            ),
            "'a'",
            "two"
        );
        yield return Case("two metadata", File("""{"__metadata__":{},"__metadata__":{}}"""), "two");
        yield return Case("two texts", File("""{"__metadata__":{"k":"","k":""}}"""), "'k'", "two");
        yield return Case(
            "metadata number",
            File("""{"__metadata__":{"k":1}}"""),
            "byte 29",
            "text"
        );
        yield return Case("metadata null", File("""{"__metadata__":null}"""), "byte 24", "object");
        yield return Case(
            "metadata nested",
            File("""{"__metadata__":{"k":{}}}"""),
            "byte 29",
            "text"
        );
        yield return Case("entry number", File("""{"a":1}"""), "byte 13", "object");
        yield return Entry("unknown type", "F8_E4M3", "[2]", "[0,8]", "F8_E4M3", "BF16");
        yield return Entry("small letters", "f32", "[2]", "[0,8]", "f32");
        yield return Entry("negative size", "F32", "[-2]", "[0,8]", "shape");
        yield return Entry("fraction", "F32", "[2.0]", "[0,8]", "shape");
        yield return Entry("size text", "F32", "[\"2\"]", "[0,8]", "shape");
        yield return Entry("size beyond", "F32", "[18446744073709551618]", "[0,8]", "shape");
        yield return Entry("nested shape", "F32", "[[2]]", "[0,8]", "shape");
        yield return Entry("shape no array", "F32", "2", "[0,8]", "array");
        yield return Entry("overflow", "F32", "[4611686018427387905,4]", "[0,8]", "2^63");
        yield return Entry(
            "overflow before 0",
            "F32",
            "[9223372036854775807,2,0]",
            "[0,8]",
            "2^63"
        );
        yield return Entry(
            "many sizes",
            "F32",
            $"[2{string.Concat(Enumerable.Repeat(",1", 64))}]",
            "[0,8]",
            "64"
        );
        yield return Entry("negative offset", "F32", "[2]", "[-8,0]", "data_offsets");
        yield return Entry("one offset", "F32", "[2]", "[0]", "data_offsets");
        yield return Entry("three offsets", "F32", "[2]", "[0,8,8]", "data_offsets");
        yield return Entry("turned offsets", "F32", "[2]", "[8,0]", "[8, 0]");
        yield return Entry("beyond the end", "F32", "[3]", "[0,12]", "[0, 12]", "8");
        yield return Entry(
            "far beyond",
            "F32",
            "[2]",
            "[9223372036854775800,9223372036854775807]",
            "8"
        );
        yield return Entry("other size", "F32", "[3]", "[0,8]", "takes 12 bytes");
        yield return Entry("other type", "F64", "[2]", "[0,8]", "takes 16 bytes");
        yield return Entry("hole first", "F32", "[1]", "[4,8]", "byte 0", "hole");
        yield return Case(
            "missing part",
            File("""{"a":{"dtype":"F32","shape":[2]}}""", new byte[8]),
            "'a'",
            "data_offsets"
        );
        yield return Case(
            "part twice",
            File(
                """{"a":{"dtype":"F32","dtype":"F32","shape":[2],"data_offsets":[0,8]}}""",
                new byte[8]
            ),
            "'a'",
            "dtype"
        );
        yield return Case(
            "unknown part",
            File(
                """{"a":{"dtype":"F32","stride":[2],"shape":[2],"data_offsets":[0,8]}}""",
                new byte[8]
            ),
            "'a'",
            "stride"
        );
        yield return Case(
            "overlap",
            File(
                "{" + A + ""","b":{"dtype":"F32","shape":[2],"data_offsets":[4,12]}}""",
                new byte[12]
            ),
            "'b'",
            "overlaps tensor 'a'"
        );
        yield return Case(
            "same place",
            File(
                "{" + A + ""","b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}""",
                new byte[8]
            ),
            "overlaps"
        );
        yield return Case(
            "hole",
            File(
                "{" + A + ""","b":{"dtype":"F32","shape":[2],"data_offsets":[12,20]}}""",
                new byte[20]
            ),
            "'b'",
            "hole after tensor 'a'"
        );
        yield return Case("trailing", File("{" + A + "}", new byte[9]), "1 more bytes");
        yield return Case("trailing alone", File("{}", new byte[3]), "byte 10", "3 more bytes");
        yield return Case("cut data", File("{" + A + "}", new byte[7]), "'a'", "7");

        static TestCaseData Case(string name, byte[] bytes, params string[] parts) =>
            new TestCaseData(bytes, parts).SetArgDisplayNames(name);

        static TestCaseData Entry(
            string name,
            string type,
            string shape,
            string offsets,
            params string[] parts
        ) =>
            Case(
                name,
                File(
                    $$$"""{"a":{"dtype":"{{{type}}}","shape":{{{shape}}},"data_offsets":{{{offsets}}}}}""",
                    new byte[8]
                ),
                parts
            );
    }

    [TestCaseSource(nameof(Damages))]
    public void Damage_is_told(byte[] bytes, string[] parts)
    {
        string path = Put(bytes);
        SafetensorsException? e = Assert.Throws<SafetensorsException>(() =>
            Safetensors.Open(path).Dispose()
        );
        Assert.Multiple(() =>
        {
            Assert.That(e!.Message, Does.Contain(path).And.Contain("expected").Or.Contain("takes"));
            foreach (string part in parts)
                Assert.That(e!.Message, Does.Contain(part));
        });
    }

    [Test]
    public void A_header_over_the_limit_is_refused_though_it_is_there()
    {
        string path = PathOf("long.safetensors");
        using (FileStream stream = System.IO.File.Create(path))
        {
            stream.Write([1, 225, 245, 5, 0, 0, 0, 0]);
            stream.SetLength(100_000_100);
        }
        Assert.That(
            () => Safetensors.Open(path),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("100000001")
        );
    }

    [Test]
    public void A_long_name_is_shortened_in_messages()
    {
        string name = new('x', 100_000);
        string header = $$$"""{"{{{name}}}":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}""";
        SafetensorsException? e = Assert.Throws<SafetensorsException>(() =>
            Safetensors.Open(Put(File(header, new byte[8])))
        );
        Assert.That(e!.Message, Has.Length.LessThan(1000));
    }

    [Test]
    public void What_is_no_file_is_an_error_of_input_and_output()
    {
        Assert.Multiple(() =>
        {
            Assert.That(
                () => Safetensors.Open(PathOf("missing")),
                Throws.InstanceOf<IOException>().With.Message.Contains("missing")
            );
            Assert.That(
                () => Safetensors.Open(Folder),
                Throws.InstanceOf<IOException>().With.Message.Contains(Folder)
            );
            Assert.That(() => Safetensors.Open(""), Throws.ArgumentException);
        });
    }

    [Test]
    public void A_file_cut_off_while_open_is_told()
    {
        string path = Put(File("{" + A + "}", new byte[8]));
        using SafetensorsFile file = Safetensors.Open(path);
        using (
            var stream = new FileStream(path, FileMode.Open, FileAccess.Write, FileShare.ReadWrite)
        )
            stream.SetLength(stream.Length - 5);
        Assert.That(
            () => file.ReadFloats("a"),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("cut off")
        );
    }

    [Test]
    public void Random_damage_is_told_or_harmless()
    {
        string whole = PathOf("whole.safetensors");
        Safetensors.Write(
            whole,
            [
                SafetensorsTensor.Of("model.0.weight", new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3),
                SafetensorsTensor.Of("steps", new long[] { 1L << 40 }),
                SafetensorsTensor.Of("d", new[] { 0.25 }, 1, 1),
                SafetensorsTensor.Of("mask", new byte[] { 1, 0, 1 }, 3),
                SafetensorsTensor.Of("none", Array.Empty<float>(), 0),
            ],
            new Dictionary<string, string> { ["format"] = "x", ["ä"] = "\u0001" }
        );
        byte[] sound = System.IO.File.ReadAllBytes(whole);
        var random = new Random(20260);
        Task work = Task.Run(() =>
        {
            int refused = 0;
            for (int length = 0; length < sound.Length; length++)
                refused += Try(sound[..length]);
            Assert.That(refused, Is.EqualTo(sound.Length), "every file cut short is refused");
            for (int at = 0; at < sound.Length; at++)
            {
                for (int bit = 0; bit < 8; bit++)
                {
                    byte[] bytes = [.. sound];
                    bytes[at] ^= (byte)(1 << bit);
                    refused += Try(bytes);
                }
            }
            for (int i = 0; i < 4000; i++)
                refused += Try(Damage(sound, random));
            Assert.That(refused, Is.GreaterThan(6000));
        });
        Assert.That(work.Wait(TimeSpan.FromMinutes(2)), "it hangs");
    }

    private static byte[] Damage(byte[] sound, Random random)
    {
        List<byte> bytes = [.. sound];
        for (int edit = random.Next(1, 5); edit > 0; edit--)
        {
            // Mostly the header, which is where damage can lead astray.
            int at = random.Next(random.Next(4) == 0 ? bytes.Count : bytes.Count * 3 / 4);
            int count = Math.Min(random.Next(1, 9), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes.RemoveRange(at, count);
                    break;
                case 1:
                    bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - 8), 8));
                    break;
                case 2:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 3:
                    bytes[at] = "0123456789-.eE[]{}\",:\\ntu"u8[random.Next(25)];
                    break;
                case 4:
                    bytes.InsertRange(at, Enumerable.Repeat((byte)'9', random.Next(1, 20)));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
            if (bytes.Count < 16)
                break;
        }
        // Half of them with a length that fits, so that the header itself is read.
        if (bytes.Count > 16 && random.Next(2) == 0)
            BinaryPrimitives.WriteInt64LittleEndian(
                System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes),
                Math.Max(2, bytes.Count - 8 - 43 - random.Next(8) * random.Next(2))
            );
        return [.. bytes];
    }

    // 1 where the file was refused.
    private int Try(byte[] bytes)
    {
        string path = Put(bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using SafetensorsFile file = Safetensors.Open(path);
            foreach (SafetensorsEntry entry in file.Entries)
            {
                Assert.That(file.ReadBytes(entry.Name), Has.Length.EqualTo(entry.ByteCount));
                Assert.That(file.ReadFloats(entry.Name), Has.Length.EqualTo(entry.Count));
            }
            return 0;
        }
        catch (SafetensorsException)
        {
            return 1;
        }
        finally
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(allocated, Is.LessThan(4 << 20));
        }
    }
}
