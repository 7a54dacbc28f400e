using NUnit.Framework;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>
/// MATLAB files: every class and type of value that is read, and that damaged, lying or foreign files are refused at little cost.
/// </summary>
[TestFixture]
public sealed class MatFileTests
{
    private const string Path = "some folder/file.mat";

    [Test]
    public void Cells_of_rolls_are_read_in_either_byte_order_compressed_or_not(
        [Values] bool bigEndian,
        [Values] bool compressed
    )
    {
        MatFile file = MatFile.Parse(Songs.File(bigEndian, compressed), Path);

        Assert.That(
            file.Variables.Keys,
            Is.EquivalentTo(new[] { "traindata", "validdata", "testdata" })
        );
        var cells = (MatCells)file.Get("validdata");
        Assert.That(cells.Dimensions, Is.EqualTo(new[] { 1, 2 }));
        var roll = (MatNumbers)cells.Cells[1];
        Assert.That(roll.Dimensions, Is.EqualTo(new[] { 6, 88 }));
        Assert.That(roll.Class, Is.EqualTo(MatClass.UInt8));
        byte[,] expected = Songs.Piece(1, 1);
        for (int t = 0; t < 6; t++)
        {
            for (int key = 0; key < 88; key++)
                Assert.That(roll[(key * 6) + t], Is.EqualTo(expected[t, key]));
        }
    }

    // Class, type of the data, the data's bytes (in little-endian order) and the value.
    private static readonly object[] Kinds =
    [
        new object[] { MatClass.Int8, 1, new byte[] { 0xFE }, -2.0 },
        new object[] { MatClass.UInt8, 2, new byte[] { 0xFE }, 254.0 },
        new object[] { MatClass.Int16, 3, new byte[] { 0xFE, 0xFF }, -2.0 },
        new object[] { MatClass.UInt16, 4, new byte[] { 0x01, 0x02 }, 513.0 },
        new object[] { MatClass.Int32, 5, new byte[] { 0xFE, 0xFF, 0xFF, 0xFF }, -2.0 },
        new object[] { MatClass.UInt32, 6, new byte[] { 1, 2, 0, 0x80 }, 2147484161.0 },
        new object[] { MatClass.Single, 7, BitConverter.GetBytes(1.5f), 1.5 },
        new object[] { MatClass.Double, 9, BitConverter.GetBytes(-0.1), -0.1 },
        new object[] { MatClass.Int64, 12, BitConverter.GetBytes(-3L), -3.0 },
        new object[] { MatClass.UInt64, 13, BitConverter.GetBytes(3UL << 40), 3.0 * (1L << 40) },
        // Stored in a narrower type than its class.
        new object[] { MatClass.Double, 2, new byte[] { 200 }, 200.0 },
        new object[] { MatClass.Double, 3, new byte[] { 0xFE, 0xFF }, -2.0 },
        new object[] { MatClass.Int32, 2, new byte[] { 7 }, 7.0 },
    ];

    [TestCaseSource(nameof(Kinds))]
    public void Numbers_of_every_class_and_type_are_read(
        MatClass @class,
        int type,
        byte[] little,
        double expected
    )
    {
        foreach (bool bigEndian in new[] { false, true })
        {
            var mat = new MatWriter(bigEndian);
            byte[] value = bigEndian ? [.. little.Reverse()] : little;
            foreach (bool small in new[] { true, false })
            {
                byte[] file = mat.File(
                    mat.Array(
                        "x",
                        (int)@class,
                        [1, 2],
                        mat.Element(type, [.. value, .. value], small)
                    )
                );
                var numbers = (MatNumbers)MatFile.Parse(file, Path).Get("x");
                Assert.That(numbers.Class, Is.EqualTo(@class));
                Assert.That(numbers.Count, Is.EqualTo(2));
                Assert.That(numbers[0], Is.EqualTo(expected));
                Assert.That(numbers[1], Is.EqualTo(expected));
            }
        }
    }

    [Test]
    public void Cells_in_cells_empty_cells_and_foreign_classes_are_read()
    {
        var mat = new MatWriter();
        byte[] file = mat.File(
            mat.Cells(
                "c",
                mat.Element(MatWriter.Matrix, []),
                mat.Cells(
                    "",
                    mat.Roll(
                        new byte[,]
                        {
                            { 1, 0 },
                        }
                    )
                ),
                mat.Array("", MatWriter.CharClass, [1, 2], mat.Element(4, [65, 0, 66, 0]))
            ),
            mat.Array("s", 2, [1, 1], [1, 2, 3, 4, 5, 6, 7, 8])
        );

        MatFile read = MatFile.Parse(file, Path);

        IReadOnlyList<MatArray> cells = ((MatCells)read.Get("c")).Cells;
        Assert.That(cells[0].ToString(), Is.EqualTo("double [0, 0]"));
        Assert.That(((MatCells)cells[1]).Cells[0].ToString(), Is.EqualTo("uint8 [1, 2]"));
        Assert.That(cells[2].Class, Is.EqualTo(MatClass.Char));
        Assert.That(read.Get("s").Class, Is.EqualTo(MatClass.Struct));
    }

    [Test]
    public void A_complex_array_is_told_from_a_real_one()
    {
        var mat = new MatWriter();
        byte[] array = mat.Array(
            "z",
            MatWriter.DoubleClass,
            [1, 1],
            mat.Element(MatWriter.Double, mat.Doubles(3)),
            mat.Element(MatWriter.Double, mat.Doubles(4))
        );
        // Bit 11 of the flags, which follow two tags.
        mat.UInt32At(array, 16, MatWriter.DoubleClass | 0x0800);

        var numbers = (MatNumbers)MatFile.Parse(mat.File(array), Path).Get("z");

        Assert.That(numbers.IsComplex, Is.True);
        Assert.That(numbers[0], Is.EqualTo(3));
    }

    [Test]
    public void A_variable_that_is_not_there_is_named_with_those_that_are() =>
        Assert.That(
            () => MatFile.Parse(Songs.File(), Path).Get("data"),
            Throws
                .TypeOf<MatFileException>()
                .With.Message.Contains($"'{Path}' has no variable 'data'")
                .And.Message.Contains("traindata, validdata, testdata")
        );

    [Test]
    public void A_file_that_is_not_there_is_an_IOException()
    {
        Assert.That(
            () => MatFile.Read(System.IO.Path.Combine(System.IO.Path.GetTempPath(), "no such.mat")),
            Throws.InstanceOf<IOException>()
        );
        Assert.That(
            () => MatFile.Read(System.IO.Path.GetTempPath()),
            Throws.InstanceOf<IOException>()
        );
    }

    [Test]
    public void What_is_no_such_file_is_told_what_it_should_be()
    {
        byte[] file = Songs.File();
        Assert.Multiple(() =>
        {
            Assert.That(Refused([]), Does.Contain("is empty"));
            Assert.That(Refused(new byte[100]), Does.Contain("100 bytes").And.Contain("128"));
            Assert.That(Refused(file[..128]), Does.Contain("no variables"));
            Assert.That(Refused(new byte[500]), Does.Contain("byte 126").And.Contain("'IM'"));
            byte[] hdf = [.. file];
            hdf[125] = 2;
            Assert.That(Refused(hdf), Does.Contain("7.3").And.Contain("-v7"));
            hdf[125] = 3;
            Assert.That(Refused(hdf), Does.Contain("byte 124").And.Contain("0300"));
        });
    }

    [Test]
    public void Lengths_that_lie_are_found_before_memory_is_taken_for_them()
    {
        var mat = new MatWriter();
        byte[] roll = mat.Roll(
            new byte[,]
            {
                { 1, 0, 1, 1, 1 },
                { 0, 0, 1, 1, 1 },
            }
        );
        byte[] array = mat.Array("x", MatWriter.UInt8Class, [2, 5], roll[48..]);
        const int dimension = 8 + 16 + 8;
        Assert.Multiple(() =>
        {
            Assert.That(
                Cheap(mat.File(Changed(array, 4, 0xFFFFFFF0))),
                Does.Contain("byte 128").And.Contain("4294967280")
            );
            Assert.That(
                Cheap(mat.File(Changed(array, dimension, 0x7FFFFFFF))),
                Does.Contain("more values")
            );
            Assert.That(
                Cheap(mat.File(Changed(array, dimension, 0x0FFFFFFF))),
                Does.Contain("take 1342177275 bytes, not 10").And.Contain("'x'")
            );
            Assert.That(
                Cheap(mat.File(Changed(array, dimension, 0xFFFFFFFF))),
                Does.Contain("a dimension of -1")
            );
            byte[] cells = mat.Cells("c", roll);
            Assert.That(
                Cheap(mat.File(Changed(cells, dimension, 0x7FFFFFFF))),
                Does.Contain("2147483647 cells in 'c'")
            );
        });

        byte[] Changed(byte[] bytes, int at, uint value)
        {
            byte[] changed = [.. bytes];
            mat.UInt32At(changed, at, value);
            return changed;
        }
    }

    [Test]
    public void Compressed_data_that_lie_are_found_before_memory_is_taken_for_them()
    {
        var mat = new MatWriter();
        byte[] honest = mat.Cells("c", mat.Roll(new byte[2, 88]));
        byte[] bomb = new byte[50_000_000];
        honest.AsSpan(0, 8).CopyTo(bomb);
        byte[] tooLarge = [.. honest];
        mat.UInt32At(tooLarge, 4, MatFile.LargestBytes);
        byte[] longer = [.. honest];
        mat.UInt32At(longer, 4, MatFile.LargestBytes / 2);
        byte[] zip = MatWriter.Zip(honest);
        byte[] packedBomb = mat.File(mat.Compress(bomb));
        Assert.Multiple(() =>
        {
            Assert.That(Cheap(packedBomb), Does.Contain("more than the 280 bytes that it says"));
            Assert.That(
                Cheap(mat.File(mat.Compress(tooLarge))),
                Does.Contain("more than 268435456 bytes")
            );
            Assert.That(
                Cheap(mat.File(mat.Compress(longer))),
                Does.Contain("unpacks to 134217736 bytes, but there are 280")
            );
            Assert.That(
                Refused(mat.File(mat.Compress([1, 2]))),
                Does.Contain("unpacks to 2 bytes")
            );
            Assert.That(
                Refused(mat.File(mat.Element(MatWriter.Compressed, [.. zip, 1, 2, 3]))),
                Does.Contain("end before their element does")
            );
            zip[^1] ^= 1;
            Assert.That(
                Refused(mat.File(mat.Element(MatWriter.Compressed, zip))),
                Does.Contain("damaged")
                    .And.Contain("byte 128")
                    .And.Contain("check sum")
                    .And.Not.Contain("method")
            );
            Assert.That(
                Refused(mat.File(mat.Compress(mat.Element(MatWriter.Double, mat.Doubles(1))))),
                Does.Contain("byte 0 of what the compressed variable at byte 128 unpacks to")
                    .And.Contain("expected an array (type 14), not type 9")
            );
        });
    }

    [Test]
    public void Arrays_that_make_no_sense_are_refused_with_their_place()
    {
        var mat = new MatWriter();
        byte[] values = mat.Element(MatWriter.UInt8, [1, 2]);
        Assert.Multiple(() =>
        {
            Assert.That(
                Refused(mat.File(mat.Element(MatWriter.Double, mat.Doubles(1)))),
                Does.Contain("byte 128: expected an array (type 14)")
            );
            Assert.That(
                Refused(mat.File(mat.Element(99, mat.Doubles(1)))),
                Does.Contain("no type of data has the number 99")
            );
            Assert.That(
                Refused(mat.File(mat.Array("x", 99, [1, 2], values))),
                Does.Contain("no class of arrays has the number 99")
            );
            Assert.That(
                Refused(mat.File(mat.Array("x", 9, [1, 3], values))),
                Does.Contain("3 values of 1 byte in 'x' take 3 bytes, not 2")
            );
            Assert.That(
                Refused(mat.File(mat.Array("x", 9, [2], values))),
                Does.Contain("2 to 32 dimensions")
            );
            Assert.That(
                Refused(mat.File(mat.Array("x", 9, [1, 1], mat.Element(9, mat.Doubles(1))))),
                Does.Contain("numbers that fit the class uint8 in 'x', not type 9")
            );
            Assert.That(
                Refused(mat.File(mat.Array("x", 9, [1, 2], values, values))),
                Does.Contain("expected the end of the array in 'x'; 8 bytes are left")
            );
            Assert.That(
                Refused(mat.File(mat.Array("x", 9, [1, 2]))),
                Does.Contain("tag of 8 bytes, but 0 are left")
            );
            Assert.That(
                Refused(mat.File(mat.Cells("c", mat.Array("", 9, [1, 3], values)))),
                Does.Contain("in 'c{1}'")
            );
            byte[] array = mat.Array("x", 9, [1, 2], values);
            Assert.That(Refused(mat.File(array, array)), Does.Contain("a second variable 'x'"));
            byte[] deep = mat.Roll(new byte[1, 1]);
            for (int i = 0; i < 40; i++)
                deep = mat.Cells("c", deep);
            Assert.That(Refused(mat.File(deep)), Does.Contain("32 deep"));
        });
    }

    [Test]
    public void Cut_off_anywhere_a_data_set_is_refused(
        [Values] bool bigEndian,
        [Values] bool compressed
    )
    {
        byte[] file = Songs.File(bigEndian, compressed);
        for (int length = 0; length < file.Length; length++)
        {
            byte[] part = file[..length];
            var e = Assert.Throws<MatFileException>(
                () => MusicDataset.From(MatFile.Parse(part, Path)),
                $"{length} of {file.Length} bytes"
            );
            Assert.That(e!.Message, Does.Contain(Path));
        }
    }

    [Test]
    public void Bytes_flipped_anywhere_give_the_typed_exception_or_none(
        [Values] bool bigEndian,
        [Values] bool compressed
    )
    {
        byte[] file = Songs.File(bigEndian, compressed);
        var draw = new Draw(17);
        int refused = 0;
        for (int i = 0; i < 3000; i++)
        {
            byte[] broken = [.. file];
            for (int flips = 1 + draw.Next(3); flips > 0; flips--)
                broken[draw.Next(file.Length)] ^= (byte)(1 << draw.Next(8));
            long before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                MusicDataset.From(MatFile.Parse(broken, Path));
            }
            catch (MatFileException e)
            {
                refused++;
                Assert.That(e.Message, Does.Contain(Path));
            }
            Assert.That(
                GC.GetAllocatedBytesForCurrentThread() - before,
                Is.LessThan(4_000_000),
                $"bytes allocated by try {i}"
            );
        }
        Assert.That(refused, Is.GreaterThan(compressed ? 2000 : 1000));
    }

    private static string Refused(byte[] bytes)
    {
        var e = Assert.Throws<MatFileException>(() => MatFile.Parse(bytes, Path));
        Assert.That(e!.Message, Does.Contain($"'{Path}'"));
        return e.Message;
    }

    private static string Cheap(byte[] bytes)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        string message = Refused(bytes);
        Assert.That(
            GC.GetAllocatedBytesForCurrentThread() - before,
            Is.LessThan(1_000_000),
            "bytes allocated"
        );
        return message;
    }
}
