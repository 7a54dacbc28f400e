using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Files of other formats are told by what is in them, with what makes them readable.</summary>
[TestFixture]
public sealed class ForeignFormatTests : FolderTest
{
    private static Backend Backend => Backends.Get(Backends.Widths[0], 1);

    private static byte[] Zip(string entry)
    {
        using var stream = new MemoryStream();
        using (
            var zip = new System.IO.Compression.ZipArchive(
                stream,
                System.IO.Compression.ZipArchiveMode.Create,
                leaveOpen: true
            )
        )
        {
            using Stream content = zip.CreateEntry(entry).Open();
            content.Write(new byte[100]);
        }
        return stream.ToArray();
    }

    private static IEnumerable<TestCaseData> Formats()
    {
        byte[] rest = new byte[600];
        byte[] hdf5 = [0x89, .. "HDF\r\n"u8, 0x1A, 10];
        yield return Case("pt", Zip("model/data.pkl"), "PyTorch", "safetensors.torch", "save_file");
        yield return Case(
            "old pt",
            [
                0x80,
                2,
                0x8A,
                10,
                0x6C,
                0xFC,
                0x9C,
                0x46,
                0xF9,
                0x20,
                0x6A,
                0xA8,
                0x50,
                0x19,
                .. rest,
            ],
            "before 1.6",
            "torch.load"
        );
        yield return Case("pickle", [0x80, 4, 0x95, .. rest], "pickle", "torch.load");
        yield return Case("h5", [.. hdf5, .. rest], "HDF5", "Keras", "h5py");
        yield return Case("h5 with a block", [.. new byte[512], .. hdf5, .. rest], "HDF5", "h5py");
        yield return Case("h5 with more", [.. new byte[2048], .. hdf5, .. rest], "HDF5", "h5py");
        yield return Case("keras", Zip("metadata.json"), "Keras 3", "unzip");
        yield return Case("npz", Zip("weight.npy"), "NumPy", "numpy.load");
        yield return Case("npy", [0x93, .. "NUMPY"u8, 1, 0, .. rest], "NumPy", "numpy.load");
        yield return Case("onnx", [8, 7, 0x12, 7, .. "pytorch"u8, .. rest], "ONNX", "onnx.load");
        yield return Case("zip", Zip("readme.txt"), "zip");
        yield return Case("gz", [0x1F, 0x8B, 8, .. rest], "gzip");
        yield return Case("bz2", [.. "BZh91AY"u8, .. rest], "bzip2");
        yield return Case("xz", [0xFD, .. "7zXZ"u8, .. rest], "xz");
        yield return Case("zst", [0x28, 0xB5, 0x2F, 0xFD, .. rest], "zstd");
        yield return Case("tar", [.. "weights"u8, .. new byte[250], .. "ustar"u8, .. rest], "tar");
        yield return Case("gguf", [.. "GGUF"u8, 3, .. rest], "GGUF");
        yield return Case(
            "lfs",
            [.. "version https://git-lfs.github.com/spec/v1\noid"u8],
            "git lfs pull"
        );
        yield return Case("page", [.. "<!DOCTYPE html><html><head>"u8], "web page");

        static TestCaseData Case(string name, byte[] bytes, params string[] parts) =>
            new TestCaseData(bytes, parts).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Formats))]
    public void A_file_of_another_format_is_told_in_one_line(byte[] bytes, string[] parts)
    {
        // Whatever it is called.
        string path = PathOf("weights.safetensors");
        File.WriteAllBytes(path, bytes);
        using var model = new Linear(2, 1);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        var told = new List<string>
        {
            Assert.Throws<SafetensorsException>(() => Safetensors.Open(path))!.Message,
            Assert.Throws<SafetensorsException>(() => TorchWeights.Load(model, path))!.Message,
            Assert.Throws<SafetensorsException>(() => model.Load(path))!.Message,
            Assert.Throws<CheckpointException>(() => Checkpoint.Load(path, plan, null))!.Message,
        };
        Assert.Multiple(() =>
        {
            Assert.That(told.Distinct().Count(), Is.EqualTo(1));
            Assert.That(told[0], Does.StartWith($"'{path}' is no safetensors file but "));
            Assert.That(told[0], Does.Not.Contain("\n"));
            foreach (string part in parts)
                Assert.That(told[0], Does.Contain(part));
        });
    }

    [Test]
    public void The_command_names_the_file_where_a_shell_can_bear_it()
    {
        byte[] bytes = Zip("model/data.pkl");
        string plain = PathOf("my model.pt");
        string quoted = PathOf("it's $HOME.pt");
        File.WriteAllBytes(plain, bytes);
        File.WriteAllBytes(quoted, bytes);
        Assert.That(
            () => Safetensors.Open(plain),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains($"torch.load('{plain}',")
                .And.Message.Contains("my model.safetensors'")
        );
        Assert.That(
            () => Safetensors.Open(quoted),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("torch.load('the-file',")
        );
    }

    // A header of 640 bytes makes a file begin as a pickle does, one of 264 as ONNX, and one of 17,736 as GGUF may.
    [TestCase(640)]
    [TestCase(0x0480)]
    [TestCase(0x8B1F)]
    [TestCase(0x4B50)]
    public void A_sound_file_is_read_whatever_its_first_bytes_are_like(int header)
    {
        string path = PathOf("sound.safetensors");
        const string Tensor = """{"weight":{"dtype":"F32","shape":[1,1],"data_offsets":[0,4]}""";
        byte[] bytes =
        [
            .. BitConverter.GetBytes((long)header),
            .. System.Text.Encoding.ASCII.GetBytes(Tensor.PadRight(header - 1) + "}"),
            0,
            0,
            0x80,
            0x3F,
        ];
        File.WriteAllBytes(path, bytes);
        using var model = new Linear(1, 1, bias: false);
        TorchWeights.Load(model, path, Backend);
        Assert.That(ModelTensor.All(model).Single().Values.ToArray(), Is.EqualTo(new[] { 1f }));
    }

    // Damage stays damage: what only looks like another format at its first bytes has no header to be one.
    [Test]
    public void An_index_is_told_where_only_single_files_are_read()
    {
        string path = PathOf("model.safetensors.index.json");
        File.WriteAllText(path, """{"metadata":{},"weight_map":{"weight":"a.safetensors"}}""");
        using var model = new Linear(1, 1, bias: false);
        model.Initialize(Backend);
        Assert.That(
            () => model.Load(path),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("TorchWeights.Load")
        );
        Assert.That(
            () => Safetensors.Open(path),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("index of shards")
        );
    }
}
