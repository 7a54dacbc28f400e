using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>What PyTorch has beside or without our tensors: counters of batch norm, linear modules without bias, other types.</summary>
[TestFixture]
public sealed class TorchOptionTests : FolderTest
{
    private static Backend Backend => Backends.Get(Backends.Widths[0], 1);

    private string FilePath => PathOf("torch.safetensors");

    private string Refused(Layer model, TensorFile file)
    {
        file.Write(FilePath);
        return Assert
            .Throws<SafetensorsException>(() => TorchWeights.Load(model, FilePath, Backend))!
            .Message;
    }

    private static TensorFile Linear(params float[] weight)
    {
        var file = new TensorFile();
        file.Tensors["weight"] = (
            "F32",
            [1, weight.Length],
            [.. weight.SelectMany(BitConverter.GetBytes)]
        );
        return file;
    }

    [Test]
    public void The_count_of_a_batch_norm_may_be_anything_or_missing(
        [Values(-1L, 0L, long.MaxValue, null)] long? count
    )
    {
        var file = TensorFile.Read(TorchModule.Find("norm").Extract(Folder));
        if (count is { } value)
            file.Tensors["1.num_batches_tracked"] = ("I64", [], BitConverter.GetBytes(value));
        else
            file.Tensors.Remove("1.num_batches_tracked");
        file.Write(FilePath);
        using Layer model = TorchModule.Find("norm").Make();
        TorchWeights.Load(model, FilePath, Backend);
        Assert.That(
            ModelTensor.All(model).Single(t => t.Name == "1.running_mean").Values.ToArray(),
            Is.EqualTo(
                System
                    .Runtime.InteropServices.MemoryMarshal.Cast<byte, float>(
                        file.Tensors["1.running_mean"].Bytes
                    )
                    .ToArray()
            )
        );
    }

    [Test]
    public void The_count_of_a_batch_norm_that_is_not_here_is_told()
    {
        TensorFile file = Linear(1, 2);
        file.Tensors["0.num_batches_tracked"] = ("I64", [], new byte[8]);
        using var model = new Linear(2, 1, bias: false);
        Assert.That(
            Refused(model, file),
            Does.Contain("0.num_batches_tracked: I64 [] in the file, none here")
        );
    }

    [Test]
    public void A_batch_norm_in_named_modules_is_saved_with_its_count()
    {
        using var model = new Sequential(new BatchNorm(2), new Sequential(new BatchNorm(2)));
        model.Initialize(Backend);
        TorchWeights.Save(
            model,
            FilePath,
            new Dictionary<string, string> { ["0"] = "first", ["1"] = "rest" }
        );
        using SafetensorsFile file = Safetensors.Open(FilePath);
        Assert.That(file.Find("first.num_batches_tracked")!.ToString(), Is.EqualTo("I64 []"));
        Assert.That(file.ReadInt64s("rest.0.num_batches_tracked"), Is.EqualTo(new[] { 0L }));
        Assert.That(file.Entries, Has.Count.EqualTo(10));
        // Sequor's own files have no use for it.
        model.Save(PathOf("own"));
        using SafetensorsFile own = Safetensors.Open(PathOf("own"));
        Assert.That(own.Entries, Has.Count.EqualTo(8));
    }

    [Test]
    public void A_linear_module_without_bias_is_one_here()
    {
        using var model = new Linear(3, 1, bias: false);
        TensorFile file = Linear(1, 2, -3);
        file.Write(FilePath);
        TorchWeights.Load(model, FilePath, Backend);
        using Plan plan = model.Plan(Backend, 2, 1, Mode.Evaluation);
        Assert.That(
            plan.Forward([1, 1, 1, 0, 10, 100], 2, 1).ToArray(),
            Is.EqualTo(new[] { 0f, -280f })
        );
        TorchWeights.Save(model, FilePath);
        Assert.That(TensorFile.Read(FilePath).Tensors.Keys, Is.EqualTo(new[] { "weight" }));
        model.Save(PathOf("own"));
        using var loaded = new Linear(3, 1, bias: false);
        loaded.Load(PathOf("own"), Backend);
        Assert.That(
            ModelTensor.All(loaded).Single().Values.ToArray(),
            Is.EqualTo(new[] { 1f, 2, -3 })
        );
    }

    [Test]
    public void A_bias_on_one_side_only_is_told_with_what_to_do()
    {
        TensorFile file = Linear(1, 2, -3);
        using var with = new Sequential(new Linear(3, 1));
        file.Rename(name => $"0.{name}");
        Assert.That(
            Refused(with, file).Split('\n').Skip(1),
            Is.EqualTo(
                new[]
                {
                    "  0.bias: none in the file, F32 [1] here",
                    "  0.bias: the file's module has no bias; new Linear(..., bias: false) has none either",
                }
            )
        );
        using var without = new Sequential(new Linear(3, 1, bias: false));
        file.Tensors["0.bias"] = ("F32", [1], new byte[4]);
        Assert.That(
            Refused(without, file).Split('\n').Skip(1),
            Is.EqualTo(new[] { "  0.bias: F32 [1] in the file, none here" })
        );
    }

    [TestCase("F8_E4M3", "38C0", new[] { 1f, -2 })]
    [TestCase("F8_E5M2", "3CC0", new[] { 1f, -2 })]
    [TestCase("F8_E4M3FNUZ", "40C8", new[] { 1f, -2 })]
    [TestCase("F8_E5M2FNUZ", "40C4", new[] { 1f, -2 })]
    public void Weights_in_small_floats_are_read(string type, string hex, float[] expected)
    {
        using var model = new Linear(2, 1, bias: false);
        var file = new TensorFile();
        file.Tensors["weight"] = (type, [1, 2], Convert.FromHexString(hex));
        file.Write(FilePath);
        TorchWeights.Load(model, FilePath, Backend);
        Assert.That(ModelTensor.All(model).Single().Values.ToArray(), Is.EqualTo(expected));
    }

    [TestCase("I8", 2)]
    [TestCase("U64", 16)]
    [TestCase("BOOL", 2)]
    [TestCase("F4", 1)]
    [TestCase("C64", 16)]
    [TestCase("F8_E8M0", 2)]
    [TestCase("F12_LATER", 3)]
    public void Other_types_are_refused_as_weights_and_let_lie_elsewhere(string type, int bytes)
    {
        using var model = new Linear(2, 1, bias: false);
        var file = new TensorFile();
        file.Tensors["weight"] = (type, [1, 2], new byte[bytes]);
        Assert.That(
            Refused(model, file),
            Does.Contain($"weight: {type} [1, 2] in the file, F32 [1, 2] here")
        );
        TensorFile other = Linear(1, 2);
        other.Tensors["quantized.weight"] = (type, [1, 2], new byte[bytes]);
        other.Write(FilePath);
        TorchWeights.Load(model, FilePath, Backend, ignore: ["quantized"]);
        Assert.That(ModelTensor.All(model).Single().Values.ToArray(), Is.EqualTo(new[] { 1f, 2 }));
    }

    [Test]
    public void A_number_beyond_single_precision_is_told()
    {
        using var model = new Linear(2, 1, bias: false);
        var file = new TensorFile();
        file.Tensors["weight"] = (
            "F64",
            [1, 2],
            [.. BitConverter.GetBytes(double.PositiveInfinity), .. BitConverter.GetBytes(-1e300)]
        );
        Assert.That(
            Refused(model, file),
            Does.Contain("weight: value 1 is -1E+300, beyond the range of F32")
        );
    }
}
