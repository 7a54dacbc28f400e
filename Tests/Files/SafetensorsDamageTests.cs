using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>Files that are not as the format wants them.</summary>
[TestFixture]
public sealed class SafetensorsDamageTests : SafetensorsTest
{
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
        yield return Entry("no type", "F 8", "[2]", "[0,8]", "'F 8'", "F8_E4M3");
        yield return Entry("endless type", new string('F', 33), "[2]", "[0,8]", "BF16");
        yield return Entry("size of eight bits", "F8_E4M3", "[2]", "[0,8]", "takes 2 bytes");
        yield return Entry("size of four bits", "F4", "[2,2]", "[0,8]", "takes 2 bytes");
        yield return Entry("half a byte", "F4", "[3,5]", "[0,8]", "takes 60 bits");
        yield return Entry("three quarters", "F6_E2M3", "[1,11]", "[0,8]", "takes 66 bits");
        yield return Entry("unknown overflow", "F12", "[9223372036854775807,2]", "[0,8]", "2^63");
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
}
