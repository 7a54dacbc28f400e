using System.Buffers.Binary;
using System.Text;
using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>
/// The safetensors format, byte for byte: what is written, what is read in every type, and what cannot be written.
/// </summary>
[TestFixture]
public sealed class SafetensorsTests : SafetensorsTest
{
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
        using Backend backend = Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });
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
}
