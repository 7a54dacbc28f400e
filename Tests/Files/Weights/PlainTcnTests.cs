using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>A TCN whose weight norm was removed computes what it did with it.</summary>
[TestFixture]
public sealed class PlainTcnTests : FolderTest
{
    private const string Conv1 = "tcn.network.0.conv1";

    private readonly TorchModule _module = TorchModule.Find("tcn");
    private string _path = null!;

    private static Backend Backend => Backends.Get(Backends.Widths[0], 2);

    [SetUp]
    public void PutFile() => _path = TorchModule.Extract(Folder, "torch_tcn_removed.safetensors");

    private Layer Load()
    {
        Layer model = _module.Make();
        TorchWeights.Load(model, _path, Backend, _module.Modules);
        return model;
    }

    private float[] Outputs(Layer model, Mode mode = Mode.Evaluation)
    {
        (long[] shape, double[] x) = _module.Run(Folder)["x"];
        using Plan plan = model.Plan(Backend, (int)shape[0], (int)shape[1], mode);
        float[] floats = Array.ConvertAll(x, value => (float)value);
        return plan.Forward(floats, (int)shape[0], (int)shape[1]).ToArray();
    }

    private TensorFile Change(Action<TensorFile> change)
    {
        var file = TensorFile.Read(_path);
        change(file);
        file.Write(_path);
        return file;
    }

    [Test]
    public void It_gives_what_torch_gives()
    {
        using Layer model = Load();
        Close.Check(Outputs(model), _module.Run(Folder)["y"].Values, 1e-5, "y");
    }

    // safetensors.torch.save_model leaves one name of each tensor.
    [Test]
    public void Each_of_its_two_names_is_enough()
    {
        using Layer expected = Load();
        Change(file =>
        {
            foreach (
                string name in file.Tensors.Keys.Where(name => name.Contains(".conv")).ToArray()
            )
                file.Tensors.Remove(name);
        });
        using Layer model = Load();
        Assert.That(Outputs(model), Is.EqualTo(Outputs(expected)));
    }

    [Test]
    public void Two_names_with_different_values_are_told()
    {
        Change(file => file.Tensors["tcn.network.0.net.0.weight"].Bytes[0] ^= 1);
        Assert.That(
            () => Load(),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains(
                    $"tcn.network.0.net.0.weight: other values than {Conv1}.weight"
                )
        );
    }

    // It cannot be known which of them counts.
    [TestCase("weight_g", 1)]
    [TestCase("weight_v", 3)]
    [TestCase("parametrizations.weight.original0", 1)]
    public void A_weight_beside_one_with_weight_norm_is_refused(string name, int last)
    {
        Change(file =>
            file.Tensors[$"{Conv1}.{name}"] = (
                "F32",
                last == 1 ? [5, 1, 1] : [5, 2, 3],
                new byte[last == 1 ? 20 : 120]
            )
        );
        Assert.That(
            () => Load(),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains($"{Conv1}.weight: F32 [5, 2, 3] in the file, none here")
        );
    }

    [Test]
    public void A_wrong_shape_is_told()
    {
        Change(file =>
            file.Tensors[$"{Conv1}.weight"] = (
                "F32",
                [3, 2, 5],
                file.Tensors[$"{Conv1}.weight"].Bytes
            )
        );
        Assert.That(
            () => Load(),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains(
                    $"{Conv1}.weight: F32 [3, 2, 5] in the file, F32 [5, 2, 3] here"
                )
        );
    }

    // Pruned filters are zero; they must neither give NaN nor stay so for ever.
    [Test]
    public void A_row_of_zeros_is_one_of_zeros_and_learns()
    {
        Change(file =>
        {
            file.Tensors[$"{Conv1}.weight"].Bytes.AsSpan(0, 24).Clear();
            file.Tensors["tcn.network.0.net.0.weight"].Bytes.AsSpan(0, 24).Clear();
            file.Tensors[$"{Conv1}.bias"].Bytes.AsSpan(0, 4).Clear();
            file.Tensors["tcn.network.0.net.0.bias"].Bytes.AsSpan(0, 4).Clear();
        });
        using Layer model = Load();
        Assert.That(Outputs(model), Has.All.Matches<float>(float.IsFinite));
        using Plan plan = model.Plan(Backend, 11, 2, Mode.Training);
        using var loss = new MeanSquaredError(plan);
        plan.Forward(new Draw(3).Uniform(44), 11, 2);
        plan.Backward(loss.Compute([100f, -100f]));
        float[] gain = plan.Gradient("0.0.conv1.weight_g").ToArray();
        float[] direction = plan.Gradient("0.0.conv1.weight_v").ToArray();
        Assert.That(gain.Concat(direction), Has.All.Matches<float>(float.IsFinite));
        Assert.That(gain.Skip(1), Has.Some.Not.EqualTo(0f));
        Assert.That(direction.Take(6), Is.All.EqualTo(0f));
    }

    // Their squares leave the range of single precision, they do not.
    [TestCase(1e-30f)]
    [TestCase(1e-43f)]
    [TestCase(1e25f)]
    public void Rows_far_from_1_keep_their_digits(float scale)
    {
        float[] weight = [3 * scale, -4 * scale, 0, 1, 2, 2];
        float[] direction = RemovedWeightNorm.Direction(weight, 2);
        float[] gain = RemovedWeightNorm.Gain(weight, 2);
        Assert.That(direction[3..], Is.EqualTo(weight[3..]));
        Assert.That(gain[1], Is.EqualTo(3f));
        double norm = Math.Sqrt(direction.Take(3).Sum(v => (double)v * v));
        Assert.That(norm, Is.InRange(0.5, 2));
        for (int i = 0; i < 3; i++)
            Assert.That(
                gain[0] * direction[i] / norm,
                Is.EqualTo((double)weight[i]).Within(1e-6 * gain[0] + 1e-45)
            );
    }

    [Test]
    public void What_is_saved_has_weight_norm_and_computes_the_same()
    {
        using Layer model = Load();
        TorchWeights.Save(model, _path, _module.Modules);
        Assert.That(TensorFile.Read(_path).Tensors, Does.ContainKey($"{Conv1}.weight_v"));
        using Layer again = Load();
        Assert.That(Outputs(again), Is.EqualTo(Outputs(model)));
    }
}
