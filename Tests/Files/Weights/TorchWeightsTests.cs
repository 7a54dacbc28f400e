using System.Buffers.Binary;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Weights go from PyTorch to here, compute the same, and go back as they were.</summary>
[TestFixture]
public sealed class TorchWeightsTests : FolderTest
{
    // Relative to the largest value of an array.
    private const double Tolerance = 1e-5;

    private static readonly TorchModule[] Modules = TorchModule.All;

    private static Backend Backend => Backends.Get(Backends.Widths[0], 2);

    [TestCaseSource(nameof(Modules))]
    public void A_loaded_model_gives_what_torch_gives(TorchModule module)
    {
        using Layer model = module.Make();
        TorchWeights.Load(model, module.Extract(Folder), Backend, module.Modules);
        Dictionary<string, (long[] Shape, double[] Values)> run = module.Run(Folder);
        (long[] shape, double[] x) = run["x"];
        (int time, int batch) = ((int)shape[0], (int)shape[1]);
        // Classes have no gradient.
        bool slopes = run.ContainsKey("grad.x");
        using Plan plan = model.Plan(
            Backend,
            time,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = slopes }
        );

        Tensor y = plan.Forward(Floats(x), time, batch);
        using Storage storage = Backend.Allocate(y.Count, MemoryCategory.InputOutput);
        var dy = new Tensor(storage, 0, y.Shape);
        dy.Write(Floats(run["dy"].Values));
        plan.Backward(dy);

        Assert.That(FileTensor.Sizes(y.Shape), Is.EqualTo(run["y"].Shape));
        Close.Check(y.ToArray(), run["y"].Values, Tolerance, "y");
        Assert.That(slopes, Is.EqualTo(model.InputClasses is null));
        if (slopes)
            Close.Check(plan.InputGradient.ToArray(), run["grad.x"].Values, Tolerance, "grad.x");
        NamedParameter[] parameters = [.. model.NamedParameters()];
        // x, y, dy and the gradient of x stand beside the gradients of the parameters.
        Assert.That(run, Has.Count.EqualTo(parameters.Length + (slopes ? 4 : 3)));
        foreach (NamedParameter named in parameters)
        {
            string gradient = $"grad.{module.TorchName(named.Name)}";
            Close.Check(
                plan.Gradient(named.Name).ToArray(),
                run[gradient].Values,
                Tolerance,
                gradient
            );
        }
    }

    [TestCaseSource(nameof(Modules))]
    public void A_saved_file_has_the_names_shapes_and_bytes_that_torch_wrote(TorchModule module)
    {
        string from = module.Extract(Folder);
        string to = PathOf("saved.safetensors");
        using Layer model = module.Make();
        TorchWeights.Load(model, from, Backend, module.Modules);
        TorchWeights.Save(model, to, module.Modules);

        var expected = TensorFile.Read(from);
        var actual = TensorFile.Read(to);
        Assert.That(actual.Tensors.Keys, Is.EquivalentTo(expected.Tensors.Keys));
        foreach ((string name, var tensor) in expected.Tensors)
        {
            Assert.That(actual.Tensors[name].Type, Is.EqualTo(tensor.Type), name);
            Assert.That(actual.Tensors[name].Shape, Is.EqualTo(tensor.Shape), name);
            // Counted nowhere here.
            if (name.EndsWith(".num_batches_tracked", StringComparison.Ordinal))
                Assert.That(actual.Tensors[name].Bytes, Is.EqualTo(new byte[8]), name);
            else
                Assert.That(actual.Tensors[name].Bytes, Is.EqualTo(tensor.Bytes), name);
        }
        using SafetensorsFile file = Safetensors.Open(to);
        Assert.That(
            file.Metadata,
            Is.EqualTo(new Dictionary<string, string> { ["format"] = "pt" })
        );
    }

    [Test]
    public void Without_modules_the_names_are_those_of_torch_nn_Sequential()
    {
        using var model = new Sequential(
            new Tcn(2, [3], 2),
            new Sequential(new Dropout(3, 0.1f), new Linear(3, 4)),
            new Lstm(4, 2, new RecurrentOptions { Bias = RecurrentBias.NoBias })
        );
        model.Initialize(Backend);
        Assert.That(
            SavedNames(model, null),
            Is.EqualTo(
                new[]
                {
                    "0.network.0.conv1.bias",
                    "0.network.0.conv1.weight_g",
                    "0.network.0.conv1.weight_v",
                    "0.network.0.conv2.bias",
                    "0.network.0.conv2.weight_g",
                    "0.network.0.conv2.weight_v",
                    "0.network.0.downsample.bias",
                    "0.network.0.downsample.weight",
                    "0.network.0.net.0.bias",
                    "0.network.0.net.0.weight_g",
                    "0.network.0.net.0.weight_v",
                    "0.network.0.net.4.bias",
                    "0.network.0.net.4.weight_g",
                    "0.network.0.net.4.weight_v",
                    "1.1.bias",
                    "1.1.weight",
                    "2.weight_hh_l0",
                    "2.weight_ih_l0",
                }
            )
        );
    }

    [Test]
    public void Modules_are_called_as_said_and_those_in_them_follow()
    {
        using var model = new Sequential(
            new Linear(2, 3),
            new Sequential(new Linear(3, 4), new LayerNorm(4)),
            new Linear(4, 1)
        );
        model.Initialize(Backend);
        var modules = new Dictionary<string, string>
        {
            [""] = "model",
            ["0"] = "encoder.first",
            ["1.1"] = "norm",
            ["2"] = "",
        };
        Assert.That(
            SavedNames(model, modules),
            Is.EqualTo(
                new[]
                {
                    "bias",
                    "encoder.first.bias",
                    "encoder.first.weight",
                    "model.1.0.bias",
                    "model.1.0.weight",
                    "norm.bias",
                    "norm.weight",
                    "weight",
                }
            )
        );
        modules["0"] = "";
        Assert.That(
            () => TorchWeights.Save(model, PathOf("twice.safetensors"), modules),
            Throws.ArgumentException.With.Message.Contains("'weight'")
        );
        modules["3"] = "head";
        Assert.That(
            () => TorchWeights.Load(model, PathOf("saved.safetensors"), modules: modules),
            Throws
                .ArgumentException.With.Message.Contains("no layer '3'")
                .And.Message.Contains("'1.0'")
        );
    }

    private string[] SavedNames(Layer model, Dictionary<string, string>? modules)
    {
        string path = PathOf("saved.safetensors");
        TorchWeights.Save(model, path, modules);
        using SafetensorsFile file = Safetensors.Open(path);
        return [.. file.Entries.Select(entry => entry.Name).Order(StringComparer.Ordinal)];
    }

    [Test]
    public void A_layer_of_a_model_is_loaded_from_a_larger_file()
    {
        var module = TorchModule.Find("tcn");
        string path = module.Extract(Folder);
        using var model = new Sequential(new Tcn(2, [5, 5, 4], 3), new Linear(4, 2));
        model.Initialize(Backend);
        float[] linear = Values(model, "1.weight");
        Layer tcn = model.Children[0].Layer;
        var modules = new Dictionary<string, string> { [""] = "tcn" };

        Assert.That(
            () => TorchWeights.Load(tcn, path, modules: modules, ignore: ["lin", "linear.weight"]),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains("linear.bias: F32 [1] in the file, none here")
                .And.Message.Not.Contains("linear.weight")
        );
        TorchWeights.Load(tcn, path, modules: modules, ignore: ["linear"]);

        var file = TensorFile.Read(path);
        Assert.That(
            Bytes(Values(model, "0.1.conv2.weight_v")),
            Is.EqualTo(file.Tensors["tcn.network.1.conv2.weight_v"].Bytes)
        );
        Assert.That(Values(model, "1.weight"), Is.EqualTo(linear));
    }

    // safetensors.torch.save_model leaves one name of each tensor, and not always the same one.
    [TestCase("conv")]
    [TestCase("net")]
    public void One_of_two_names_is_enough(string left)
    {
        var module = TorchModule.Find("tcn");
        string path = module.Extract(Folder);
        var file = TensorFile.Read(path);
        byte[] v = file.Tensors["tcn.network.2.net.4.weight_v"].Bytes;
        string gone = left == "conv" ? ".net." : ".conv";
        foreach (string name in file.Tensors.Keys.Where(name => name.Contains(gone)).ToArray())
            file.Tensors.Remove(name);
        file.Write(path);
        using Layer model = module.Make();
        TorchWeights.Load(model, path, Backend, module.Modules);
        Assert.That(Bytes(Values(model, "0.2.conv2.weight_v")), Is.EqualTo(v));
    }

    // What torch.nn.utils.parametrizations.weight_norm makes of the names.
    [Test]
    public void Weight_norm_as_newer_versions_of_torch_name_it_is_read()
    {
        var module = TorchModule.Find("tcn");
        string path = module.Extract(Folder);
        using Layer expected = module.Make();
        TorchWeights.Load(expected, path, Backend, module.Modules);
        var file = TensorFile.Read(path);
        file.Rename(name =>
            name.Replace("weight_g", "parametrizations.weight.original0")
                .Replace("weight_v", "parametrizations.weight.original1")
        );
        file.Write(path);
        using Layer model = module.Make();
        TorchWeights.Load(model, path, Backend, module.Modules);
        foreach (NamedParameter named in model.NamedParameters())
            Assert.That(Values(model, named.Name), Is.EqualTo(Values(expected, named.Name)));
    }

    [TestCase("F64")]
    [TestCase("F16")]
    [TestCase("BF16")]
    public void Other_floats_are_rounded(string type)
    {
        var module = TorchModule.Find("gru");
        string path = module.Extract(Folder);
        using Layer exact = module.Make();
        TorchWeights.Load(exact, path, Backend);
        var file = TensorFile.Read(path);
        file.Convert(
            type,
            value =>
            {
                byte[] bytes = new byte[8];
                if (type == "F64")
                {
                    // Too little more to matter.
                    BinaryPrimitives.WriteDoubleLittleEndian(bytes, value * (1 + 1e-12));
                    return bytes;
                }
                if (type == "F16")
                    BinaryPrimitives.WriteHalfLittleEndian(bytes, (Half)value);
                else
                    BitConverter.GetBytes(value).AsSpan(2, 2).CopyTo(bytes);
                return bytes[..2];
            }
        );
        file.Write(path);
        using Layer model = module.Make();
        TorchWeights.Load(model, path, Backend);
        double tolerance = type switch
        {
            "F64" => 0,
            "F16" => 1.0 / 2048,
            _ => 1.0 / 128,
        };
        foreach (NamedParameter named in model.NamedParameters())
        {
            double[] values = Array.ConvertAll(Values(exact, named.Name), value => (double)value);
            Close.Check(Values(model, named.Name), values, tolerance, named.Name);
        }
    }

    [Test]
    public void A_model_without_values_is_put_on_the_backend_given()
    {
        var module = TorchModule.Find("rnn");
        string path = module.Extract(Folder);
        using Layer model = module.Make();
        Assert.That(
            () => TorchWeights.Load(model, path),
            Throws.InvalidOperationException.With.Message.Contains("backend")
        );
        Assert.That(
            () => TorchWeights.Save(model, PathOf("saved.safetensors")),
            Throws.InvalidOperationException.With.Message.Contains("no values")
        );
        TorchWeights.Load(model, path, Backend);
        TorchWeights.Load(model, path);
        Assert.That(
            () => TorchWeights.Load(model, path, Backends.Get(Backends.Widths[0], 1)),
            Throws.InvalidOperationException.With.Message.Contains("another backend")
        );
    }

    [TestCase(RecurrentBias.SingleInputBias)]
    [TestCase(RecurrentBias.SingleRecurrentBias)]
    public void What_torch_does_not_have_is_refused(RecurrentBias bias)
    {
        using var model = new Sequential(new Gru(2, 3, new RecurrentOptions { Bias = bias }));
        model.Initialize(Backend);
        Assert.That(
            () => TorchWeights.Save(model, PathOf("saved.safetensors")),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("'0'")
        );
        Assert.That(Names(), Is.Empty);
    }

    private static float[] Floats(double[] values) => Array.ConvertAll(values, v => (float)v);

    private static float[] Values(Layer model, string name) =>
        ModelTensor.All(model).Single(tensor => tensor.Name == name).Values.ToArray();

    private static byte[] Bytes(float[] values) =>
        [.. values.SelectMany(value => BitConverter.GetBytes(value))];
}
