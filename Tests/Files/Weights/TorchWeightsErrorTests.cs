using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Files that do not fit are told whole, and change nothing.</summary>
[TestFixture]
public sealed class TorchWeightsErrorTests : FolderTest
{
    private const string Tcn = "tcn.network.";

    private static Backend Backend => Backends.Get(Backends.Widths[0], 1);

    private readonly TorchModule _module = TorchModule.Find("tcn");
    private Layer _model = null!;
    private string _path = null!;

    [SetUp]
    public void MakeModel()
    {
        _path = _module.Extract(Folder);
        _model = _module.Make();
        _model.Initialize(Backend, 7);
    }

    [TearDown]
    public void FreeModel() => _model.Dispose();

    private float[][] Values() =>
        [.. ModelTensor.All(_model).Select(tensor => tensor.Values.ToArray())];

    // The lines of the message after the first.
    private string[] Refused()
    {
        float[][] before = Values();
        SafetensorsException? e = Assert.Throws<SafetensorsException>(() =>
            TorchWeights.Load(_model, _path, modules: _module.Modules)
        );
        Assert.That(Values(), Is.EqualTo(before), "nothing is changed");
        Assert.That(e!.Message, Does.Contain(_path));
        return [.. e.Message.Split('\n').Skip(1).Select(line => line.Trim())];
    }

    private string[] RefusedWith(Action<TensorFile> change)
    {
        var file = TensorFile.Read(_path);
        change(file);
        file.Write(_path);
        return Refused();
    }

    [Test]
    public void All_that_differs_is_listed_at_once()
    {
        string[] lines = RefusedWith(file =>
        {
            file.Tensors.Remove("linear.weight");
            file.Tensors.Remove($"{Tcn}0.conv1.weight_g");
            file.Tensors.Remove($"{Tcn}0.net.0.weight_g");
            file.Tensors.Add("embedding.weight", ("F32", [2, 3], new byte[24]));
            file.Tensors.Add($"{Tcn}1.bn.num_batches_tracked", ("I64", [], new byte[8]));
            file.Tensors[$"{Tcn}0.downsample.weight"] = ("F32", [5, 2], new byte[40]);
            file.Tensors[$"{Tcn}2.net.4.bias"] = ("F32", [5], new byte[20]);
            file.Tensors["linear.bias"] = ("I32", [1], new byte[4]);
            file.Tensors[$"{Tcn}1.net.0.bias"].Bytes[3] ^= 1;
        });
        Assert.That(
            lines,
            Is.EquivalentTo(
                new[]
                {
                    "linear.weight: none in the file, F32 [1, 4] here",
                    "tcn.network.0.conv1.weight_g: none in the file, F32 [5, 1, 1] here",
                    "embedding.weight: F32 [2, 3] in the file, none here",
                    "tcn.network.1.bn.num_batches_tracked: I64 [] in the file, none here",
                    "tcn.network.0.downsample.weight: F32 [5, 2] in the file, F32 [5, 2, 1] here",
                    "tcn.network.2.net.4.bias: F32 [5] in the file, F32 [4] here",
                    "linear.bias: I32 [1] in the file, F32 [1] here",
                    "tcn.network.1.net.0.bias: other values than tcn.network.1.conv1.bias, though both are one tensor here",
                }
            )
        );
    }

    // As many as there may be: a wrong prefix alone makes two lines a tensor.
    [Test]
    public void A_long_list_is_not_cut()
    {
        string[] lines = RefusedWith(file => file.Rename(name => $"module.{name}"));
        int here = TorchNames.Of(_model, _module.Modules).Tensors.Count;
        int there = TensorFile.Read(_path).Tensors.Count;
        Assert.That(lines, Has.Length.EqualTo(here + there).And.Length.GreaterThan(50));
    }

    [Test]
    public void A_taps_first_or_turned_weight_is_another_shape()
    {
        string[] lines = RefusedWith(file =>
        {
            (string type, _, byte[] bytes) = file.Tensors[$"{Tcn}0.conv1.weight_v"];
            file.Tensors[$"{Tcn}0.conv1.weight_v"] = (type, [3, 2, 5], bytes);
        });
        Assert.That(
            lines,
            Is.EqualTo(
                new[]
                {
                    "tcn.network.0.conv1.weight_v: F32 [3, 2, 5] in the file, F32 [5, 2, 3] here",
                }
            )
        );
    }

    // Old and new names of weight norm in one file are copies, too.
    [Test]
    public void A_new_name_that_disagrees_with_the_old_one_is_told()
    {
        string name = $"{Tcn}0.conv2.parametrizations.weight.original1";
        string[] lines = RefusedWith(file =>
        {
            (string type, long[] shape, byte[] bytes) = file.Tensors[$"{Tcn}0.conv2.weight_v"];
            bytes = [.. bytes];
            bytes[^1] ^= 128;
            file.Tensors.Add(name, (type, shape, bytes));
        });
        Assert.That(lines.Single(), Does.StartWith($"{name}: other values than"));
    }

    [Test]
    public void Weights_of_another_module_are_told()
    {
        _path = TorchModule.Find("lstm").Extract(Folder);
        string[] lines = Refused();
        Assert.That(lines, Does.Contain("weight_ih_l0: F32 [20, 3] in the file, none here"));
        Assert.That(lines, Does.Contain("linear.bias: none in the file, F32 [1] here"));
    }

    [Test]
    public void Gates_or_directions_or_layers_that_differ_are_told()
    {
        _model.Dispose();
        _model = new Gru(3, 5);
        _model.Initialize(Backend);
        string path = TorchModule.Find("lstm").Extract(Folder);
        SafetensorsException? e = Assert.Throws<SafetensorsException>(() =>
            TorchWeights.Load(_model, path)
        );
        Assert.That(
            e!.Message,
            Does.Contain("weight_hh_l0: F32 [20, 5] in the file, F32 [15, 5] here")
                .And.Contain("weight_ih_l0_reverse: F32 [20, 3] in the file, none here")
                .And.Contain("bias_hh_l1: F32 [20] in the file, none here")
        );
    }

    [Test]
    public void An_endless_name_is_shortened()
    {
        string[] lines = RefusedWith(file =>
            file.Tensors.Add(new string('x', 100_000), ("U8", [1], new byte[1]))
        );
        Assert.That(lines.Single(), Has.Length.LessThan(200).And.Contains("U8 [1] in the file"));
    }

    [Test]
    public void A_damaged_file_is_told([Values("empty", "cut", "header", "type")] string damage)
    {
        byte[] bytes = File.ReadAllBytes(_path);
        switch (damage)
        {
            case "empty":
                bytes = [];
                break;
            case "cut":
                bytes = bytes[..^1];
                break;
            case "header":
                bytes[20] = (byte)'}';
                break;
            default:
                int at = bytes.AsSpan().IndexOf("F32"u8);
                bytes[at + 1] = (byte)'8';
                break;
        }
        File.WriteAllBytes(_path, bytes);
        Refused();
    }

    [Test]
    public void A_model_is_not_begun_by_a_file_that_does_not_fit()
    {
        using Layer model = TorchModule.Find("gru").Make();
        Assert.That(
            () => TorchWeights.Load(model, _path, Backend),
            Throws.TypeOf<SafetensorsException>()
        );
        Assert.That(model.Store, Is.Null);
    }

    [Test]
    public void A_file_that_is_not_there_is_told()
    {
        Assert.That(
            () => TorchWeights.Load(_model, PathOf("none")),
            Throws.InstanceOf<IOException>().With.Message.Contains("none")
        );
    }

    [Test]
    public void What_cannot_be_written_leaves_the_old_file()
    {
        string path = PathOf("old.safetensors");
        TorchWeights.Save(_model, path, _module.Modules);
        byte[] old = File.ReadAllBytes(path);
        string[] names = Names();
        _model.Initialize(Backend, 8);
        // A file in a folder's place.
        Assert.That(
            () => TorchWeights.Save(_model, Path.Combine(path, "new"), _module.Modules),
            Throws.TypeOf<IOException>().With.Message.Contains("Cannot write")
        );
        Assert.That(
            () => TorchWeights.Save(_model, Folder, _module.Modules),
            Throws.TypeOf<IOException>().With.Message.Contains("Cannot write")
        );
        Assert.That(File.ReadAllBytes(path), Is.EqualTo(old));
        Assert.That(Names(), Is.EqualTo(names));
        TorchWeights.Save(_model, path, _module.Modules);
        Assert.That(File.ReadAllBytes(path), Has.Length.EqualTo(old.Length).And.Not.EqualTo(old));
    }
}
