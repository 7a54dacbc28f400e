using System.Buffers.Binary;
using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>Every type of the format is read as the numbers that it stands for, or let lie.</summary>
[TestFixture]
public sealed class SafetensorsTypeTests : SafetensorsTest
{
    private SafetensorsFile Open(string type, int count, byte[] data) =>
        Safetensors.Open(
            Put(
                File(
                    $$$"""{"t":{"dtype":"{{{type}}}","shape":[{{{count}}}],"data_offsets":[0,{{{data.Length}}}]}}""",
                    data
                )
            )
        );

    // Values from the formats' papers: 0, 1, -1, the largest, the smallest, those that are no numbers.
    [TestCase("I8", "00017F80FF", new[] { 0.0, 1, 127, -128, -1 })]
    [TestCase("U8", "0001FF", new[] { 0.0, 1, 255 })]
    [TestCase("I16", "FF7F0080FFFF", new[] { 32767.0, -32768, -1 })]
    [TestCase("U16", "FF7F0080FFFF", new[] { 32767.0, 32768, 65535 })]
    [TestCase("I32", "FFFFFFFF00000080", new[] { -1.0, -2147483648 })]
    [TestCase("U32", "FFFFFFFF01000000", new[] { 4294967295.0, 1 })]
    [TestCase(
        "U64",
        "0000000000000080FFFFFFFFFFFF1F00",
        new[] { 9223372036854775808.0, 9007199254740991 }
    )]
    [TestCase("F8_E4M3", "0038B87E010880", new[] { 0, 1, -1, 448, 1.0 / 512, 1.0 / 64, -0.0 })]
    [TestCase("F8_E4M3", "7FFF", new[] { double.NaN, double.NaN })]
    [TestCase("F8_E5M2", "003CBC7B0104", new[] { 0, 1, -1, 57344, 1.0 / 65536, 1.0 / 16384 })]
    [TestCase(
        "F8_E5M2",
        "7CFC7D",
        new[] { double.PositiveInfinity, double.NegativeInfinity, double.NaN }
    )]
    [TestCase(
        "F8_E8M0",
        "7F8000FEFF",
        new[] { 1, 2, 5.877471754111438e-39, 1.7014118346046923e38, double.NaN }
    )]
    [TestCase(
        "F8_E4M3FNUZ",
        "0040C07FFF0180",
        new[] { 0, 1, -1, 240, -240, 1.0 / 1024, double.NaN }
    )]
    [TestCase("F8_E5M2FNUZ", "0040C07F0180", new[] { 0, 1, -1, 57344, 1.0 / 131072, double.NaN })]
    public void Numbers_are_read_exactly(string type, string hex, double[] expected)
    {
        using SafetensorsFile file = Open(type, expected.Length, Convert.FromHexString(hex));
        Assert.Multiple(() =>
        {
            Assert.That(file.Find("t")!.TypeName, Is.EqualTo(type));
            Assert.That(file.Find("t")!.Count, Is.EqualTo(expected.Length));
            Assert.That(file.ReadDoubles("t").Select(Bits), Is.EqualTo(expected.Select(Bits)));
            // That which single precision holds, too.
            float[] floats = Array.ConvertAll(expected, value => (float)value);
            Assert.That(
                file.ReadFloats("t").Select(value => Bits(value)),
                Is.EqualTo(floats.Select(value => Bits(value)))
            );
        });

        // Zeros differ in their sign, and NaNs of any bits are one.
        static long Bits(double value) =>
            BitConverter.DoubleToInt64Bits(double.IsNaN(value) ? double.NaN : value);
    }

    // All 256 values, by the definition of the format and the neighbours of each.
    [TestCase("F8_E4M3", 0x7E)]
    [TestCase("F8_E5M2", 0x7B)]
    [TestCase("F8_E4M3FNUZ", 0x7F)]
    [TestCase("F8_E5M2FNUZ", 0x7F)]
    [TestCase("F8_E8M0", 0xFE)]
    public void Small_floats_rise_with_their_bits(string type, int largest)
    {
        byte[] all = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        using SafetensorsFile file = Open(type, 256, all);
        double[] values = file.ReadDoubles("t");
        for (int i = 1; i <= largest; i++)
            Assert.That(values[i], Is.GreaterThan(values[i - 1]), $"{i}");
        for (int i = 1; type != "F8_E8M0" && i <= largest; i++)
            Assert.That(values[128 + i], Is.EqualTo(-values[i]), $"{i}");
    }

    // Rounded to double precision first, the first would come down to 2^63.
    [Test]
    public void Large_whole_numbers_are_rounded_but_once()
    {
        ulong[] numbers =
        [
            (1UL << 63) + (1UL << 39) + 1,
            ulong.MaxValue,
            (1UL << 63) + (1UL << 39),
        ];
        byte[] data = [.. numbers.SelectMany(BitConverter.GetBytes)];
        using SafetensorsFile file = Open("U64", 3, data);
        float below = 9223372036854775808f;
        Assert.That(
            file.ReadFloats("t"),
            Is.EqualTo(new[] { MathF.BitIncrement(below), 18446744073709551616f, below })
        );
        Assert.That(
            () => file.ReadInt64s("t"),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains("'t'")
                .And.Message.Contains("9223372586610589697")
        );
    }

    [TestCase("I8", "80", -128)]
    [TestCase("I16", "0080", -32768)]
    [TestCase("U16", "0080", 32768)]
    [TestCase("U32", "00000080", 2147483648)]
    [TestCase("U64", "FFFFFFFFFFFFFF7F", long.MaxValue)]
    public void Whole_numbers_are_read_as_such(string type, string hex, long expected)
    {
        using SafetensorsFile file = Open(type, 1, Convert.FromHexString(hex));
        Assert.That(file.ReadInt64s("t"), Is.EqualTo(new[] { expected }));
    }

    [TestCase("F4", 16)]
    [TestCase("F6_E2M3", 8)]
    [TestCase("F6_E3M2", 12)]
    [TestCase("C64", 2)]
    [TestCase("F12_LATER", 1)]
    [TestCase("F12_LATER", 1000)]
    public void What_are_no_numbers_here_harms_only_who_asks_for_it(string type, int count)
    {
        byte[] data =
        [
            .. Enumerable
                .Range(
                    0,
                    type == "F6_E2M3" ? 6
                        : type == "F6_E3M2" ? 9
                        : type == "C64" ? 16
                        : 8
                )
                .Select(i => (byte)i),
        ];
        using SafetensorsFile file = Open(type, count, data);
        SafetensorsEntry entry = file.Find("t")!;
        Assert.Multiple(() =>
        {
            Assert.That(entry.ToString(), Is.EqualTo($"{type} [{count}]"));
            Assert.That(entry.Count, Is.EqualTo(count));
            Assert.That(file.ReadBytes("t"), Is.EqualTo(data));
            foreach (
                Action read in (Action[])
                    [
                        () => file.ReadFloats("t"),
                        () => file.ReadDoubles("t"),
                        () => file.ReadInt64s("t"),
                    ]
            )
                Assert.That(
                    () => read(),
                    Throws
                        .TypeOf<SafetensorsException>()
                        .With.Message.Contains(type)
                        .And.Message.Contains("'t'")
                );
        });
    }

    // Larger than what is read in one go.
    [Test]
    public void Many_small_numbers_are_read_in_pieces()
    {
        byte[] data = new byte[(1 << 20) + 100];
        for (int i = 0; i < data.Length; i += 2)
            BinaryPrimitives.WriteInt16LittleEndian(data.AsSpan(i), (short)(i / 2 % 1000 - 500));
        using SafetensorsFile file = Open("I16", data.Length / 2, data);
        float[] values = file.ReadFloats("t");
        for (int i = 0; i < values.Length; i++)
        {
            if (values[i] != i % 1000 - 500)
                Assert.Fail($"value {i} is {values[i]}");
        }
    }
}
