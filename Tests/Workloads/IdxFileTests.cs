using System.Buffers.Binary;
using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>IDX files: every type of value, compressed or not, and that truncated, lying, foreign or empty ones are refused.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
[FixtureLifeCycle(LifeCycle.InstancePerTestCase)]
public sealed class IdxFileTests : FolderTest
{
    private const string Name = "some folder/images";

    private static readonly byte[] Small = MnistFiles.Idx(8, [2, 3], [1, 2, 3, 4, 5, 255]);

    private static readonly object[] Kinds =
    [
        new object[] { 0x08, new byte[] { 254 }, 254.0 },
        new object[] { 0x09, new byte[] { 254 }, -2.0 },
        new object[] { 0x0B, new byte[] { 0xFF, 0xFE }, -2.0 },
        new object[] { 0x0C, new byte[] { 0x80, 0, 2, 1 }, -2147483135.0 },
        new object[] { 0x0D, new byte[] { 0x3F, 0xC0, 0, 0 }, 1.5 },
        new object[] { 0x0E, new byte[] { 0xBF, 0xF8, 0, 0, 0, 0, 0, 0 }, -1.5 },
    ];

    [TestCaseSource(nameof(Kinds))]
    public void Values_of_every_type_are_read(int type, byte[] value, double expected)
    {
        byte[] file = MnistFiles.Idx((byte)type, [2, 1], [.. new byte[value.Length], .. value]);
        foreach (byte[] bytes in (byte[][])[file, MnistFiles.Gzip(file)])
        {
            IdxFile idx = IdxFile.Parse(bytes, Name);
            Assert.That((int)idx.Type, Is.EqualTo(type));
            Assert.That(idx.Dimensions, Is.EqualTo(new[] { 2, 1 }));
            Assert.That((idx.Count, idx[0], idx[1]), Is.EqualTo((2, 0.0, expected)));
            Assert.That(idx.ToString(), Is.EqualTo($"{idx.Type} [2, 1]"));
            if (type == 8)
                Assert.That(idx.Bytes.ToArray(), Is.EqualTo(new byte[] { 0, 254 }));
            else
                Assert.That(() => idx.Bytes, Throws.InvalidOperationException);
        }
    }

    [Test]
    public void A_file_is_read_from_its_path()
    {
        File.WriteAllBytes(PathOf("a.gz"), MnistFiles.Gzip(Small));
        Assert.That(IdxFile.Read(PathOf("a.gz"))[5], Is.EqualTo(255));
        Assert.That(() => IdxFile.Read(PathOf("none")), Throws.InstanceOf<IOException>());
        Assert.That(() => IdxFile.Read(Folder), Throws.InstanceOf<IOException>());
    }

    private static IEnumerable<TestCaseData> Wrong()
    {
        yield return Case("empty", [], "is empty");
        yield return Case("short", [0, 0, 8], "ends before its first 4 bytes");
        yield return Case(
            "text",
            "<html>no such page</html>"u8.ToArray(),
            "first two bytes must be 00 00, not 3C 68"
        );
        yield return Case(
            "type",
            [0, 0, 0x0A, 1, 0, 0, 0, 1, 0],
            "byte 2: the type of the values must be one of 08 (UInt8)"
        );
        yield return Case(
            "rank 0",
            [0, 0, 8, 0],
            "byte 3: the number of dimensions must be 1 to 32, not 0"
        );
        yield return Case("rank 33", [0, 0, 8, 33, 0, 0, 0, 1], "not 33");
        yield return Case("sizes missing", [0, 0, 8, 2, 0, 0, 0, 1], "ends before the sizes");
        yield return Case(
            "size 0",
            MnistFiles.Idx(8, [0], []),
            "byte 4: a size must be at least 1, not 0"
        );
        yield return Case(
            "size below 0",
            MnistFiles.Idx(8, [1, -1], [0]),
            "byte 8: a size must be at least 1, not -1"
        );
        yield return Case(
            "too large",
            MnistFiles.Idx(8, [1 << 30, 1 << 30], [0]),
            "are more than the 1073741824 bytes"
        );
        yield return Case(
            "lying",
            MnistFiles.Idx(8, [1 << 30], [0]),
            "must have 1073741824 bytes of values after its header, for UInt8 [1073741824]; it has 1"
        );
        yield return Case(
            "a byte less",
            Small[..^1],
            "must have 6 bytes of values after its header, for UInt8 [2, 3]; it has 5"
        );
        yield return Case("a byte more", [.. Small, 0], "it has 7");
        yield return Case(
            "lying, compressed",
            MnistFiles.Gzip(MnistFiles.Idx(8, [1 << 30], [0])),
            "it has 1"
        );
        yield return Case(
            "a byte more, compressed",
            MnistFiles.Gzip([.. Small, 0]),
            "more than the 6 bytes of values that its header says"
        );
        yield return Case(
            "compressed text",
            MnistFiles.Gzip("no images"u8.ToArray()),
            "first two bytes"
        );
        yield return Case(
            "compressed twice",
            MnistFiles.Gzip(MnistFiles.Gzip(Small)),
            "first two bytes must be 00 00, not 1F 8B"
        );
        yield return Case("only gzip's mark", [0x1F, 0x8B], "");
    }

    private static TestCaseData Case(string name, byte[] bytes, string message) =>
        new TestCaseData(bytes, message).SetArgDisplayNames(name);

    [TestCaseSource(nameof(Wrong))]
    public void What_is_wrong_is_told_with_the_file(byte[] bytes, string message) =>
        Assert.That(
            () => IdxFile.Parse(bytes, Name),
            Throws
                .TypeOf<TaskDataException>()
                .With.Message.Contain(message)
                .And.Message.Contain($"'{Name}'")
        );

    [Test]
    public void A_compressed_file_is_refused_wherever_it_is_cut_and_where_its_values_changed()
    {
        byte[] values = new byte[5000];
        new Random(1).NextBytes(values);
        byte[] file = MnistFiles.Gzip(MnistFiles.Idx(8, [values.Length], values));
        for (int length = 0; length < file.Length; length += length < file.Length - 20 ? 13 : 1)
        {
            byte[] cut = file[..length];
            Assert.That(
                () => IdxFile.Parse(cut, Name),
                Throws.TypeOf<TaskDataException>(),
                $"{length}"
            );
        }
        byte[] unlike = [.. file];
        unlike[^6] ^= 1;
        Assert.That(
            () => IdxFile.Parse(unlike, Name),
            Throws
                .TypeOf<TaskDataException>()
                .With.Message.Contain("check sum")
                .And.Message.Not.Contain("method")
        );
        // Beyond the header of gzip and its flags a changed bit is found by the check sum at the latest.
        for (int at = 10; at < file.Length; at += 97)
        {
            byte[] changed = [.. file];
            changed[at] ^= 4;
            Assert.That(
                () => IdxFile.Parse(changed, Name),
                Throws.TypeOf<TaskDataException>(),
                $"{at}"
            );
        }
    }

    [Test]
    public void A_lying_header_is_found_before_its_memory_is_taken()
    {
        byte[] file = MnistFiles.Gzip(MnistFiles.Idx(8, [1 << 30], [0]));
        long before = GC.GetAllocatedBytesForCurrentThread();
        Assert.That(() => IdxFile.Parse(file, Name), Throws.TypeOf<TaskDataException>());
        Assert.That(GC.GetAllocatedBytesForCurrentThread() - before, Is.LessThan(1 << 20));
    }

    [Test]
    public void Big_endian_floats_keep_their_bits()
    {
        byte[] value = new byte[4];
        BinaryPrimitives.WriteSingleBigEndian(value, float.Epsilon);
        Assert.That(
            IdxFile.Parse(MnistFiles.Idx(0x0D, [1], value), Name)[0],
            Is.EqualTo(float.Epsilon)
        );
    }
}
