using NUnit.Framework;
using Sequor.C;
using Sequor.Layers;
using Sequor.Tests.Files;

namespace Sequor.Tests.C;

/// <summary>Weights from and to files of PyTorch's by the C ABI: of what PyTorch itself saved, with its outputs.</summary>
[TestFixture]
internal sealed unsafe class TorchFileTests : AbiFixture
{
    private const string Tcn =
        """{"layers":[{"type":"tcn","input":2,"widths":[5,5,4],"kernel":3},{"type":"last"},{"type":"linear","outputs":1}]}""";

    private const string Names = """{"modules":{"0":"tcn","2":"linear"}}""";

    private string _folder = "";

    [SetUp]
    public void MakeFolder() => _folder = Directory.CreateTempSubdirectory("sequor-abi-").FullName;

    [TearDown]
    public void RemoveFolder() => Directory.Delete(_folder, recursive: true);

    [Test]
    public void Weights_of_PyTorch_give_what_PyTorch_computed()
    {
        TorchModule module = TorchModule.Find("tcn");
        string file = module.Extract(_folder);
        Dictionary<string, (long[] Shape, double[] Values)> run = module.Run(_folder);
        ulong backend = Cpu();
        ulong model = Model(Tcn);
        fixed (byte* path = Text(file))
        fixed (byte* names = Text(Names))
            Right(Abi.sequor_model_load_torch(model, path, backend, names));
        (int length, int batch) = ((int)run["x"].Shape[0], (int)run["x"].Shape[1]);
        ulong plan = Plan(model, backend, length, batch);
        Forward(plan, [.. run["x"].Values.Select(v => (float)v)], length, batch);
        float[] y = Output(plan);
        Assert.That(y, Has.Length.EqualTo(run["y"].Values.Length));
        for (int i = 0; i < y.Length; i++)
            Assert.That(Math.Abs(y[i] - run["y"].Values[i]) <= 1e-5, $"value {i}");

        // And back: a second model gets the same bits.
        string written = Path.Join(_folder, "written.safetensors");
        ulong again = Model(Tcn);
        fixed (byte* path = Text(written))
        fixed (byte* names = Text(Names))
        {
            Right(Abi.sequor_model_save_torch(model, path, names));
            Right(Abi.sequor_model_load_torch(again, path, backend, names));
        }
        using (SafetensorsFile saved = Safetensors.Open(written))
        using (SafetensorsFile theirs = Safetensors.Open(file))
            Assert.That(
                saved.Entries.Select(e => e.Name),
                Is.EquivalentTo(theirs.Entries.Select(e => e.Name))
            );
        Assert.That(
            Values(again).Values.SelectMany(v => v),
            Is.EqualTo(Values(model).Values.SelectMany(v => v))
        );
        Free(plan: plan, model: again);
        Free(model: model, backend: backend);
    }

    [Test]
    public void What_is_ignored_is_not_loaded()
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        ulong layers = Model("""{"layers":[{"type":"lstm","input":2,"hidden":4}]}""");
        Right(Abi.sequor_model_initialize(model, backend, 3));
        fixed (byte* path = Text(Path.Join(_folder, "small.safetensors")))
        fixed (byte* head = Text("""{"ignore":["2"]}"""))
        {
            Right(Abi.sequor_model_save_torch(model, path, null));
            Refused(
                Abi.sequor_model_load_torch(layers, path, backend, null),
                Status.File,
                "2.weight"
            );
            Right(Abi.sequor_model_load_torch(layers, path, backend, head));
        }
        Dictionary<string, float[]> from = Values(model);
        foreach ((string name, float[] values) in Values(layers))
            Assert.That(values, Is.EqualTo(from[name]), name);
        Free(model: layers);
        Free(model: model, backend: backend);
    }

    [TestCase("""["0"]""", "$: an array was given; allowed: an object")]
    [TestCase("""{"module":{}}""", "$: there is no key \"module\" in the names of a file")]
    [TestCase("""{"modules":["0"]}""", "$.modules: an array was given; allowed: an object")]
    [TestCase("""{"modules":{"0":1}}""", "$.modules.0: 1 was given; allowed: a text")]
    [TestCase("""{"modules":{"0":"a","0":"b"}}""", "$.modules: the layer \"0\" stands there twice")]
    [TestCase("""{"ignore":"head"}""", "$.ignore: \"head\" was given; allowed: an array")]
    [TestCase("{", "'names' is no JSON")]
    public void Names_that_are_none_are_refused(string description, string says)
    {
        ulong backend = Cpu();
        ulong model = Model(Small);
        Right(Abi.sequor_model_initialize(model, backend, 1));
        fixed (byte* path = Text(Path.Join(_folder, "none.safetensors")))
        fixed (byte* names = Text(description))
        {
            Refused(
                Abi.sequor_model_load_torch(model, path, backend, names),
                Status.Description,
                says
            );
            Assert.That(
                (Status)Abi.sequor_model_save_torch(model, path, names),
                Is.EqualTo(Status.Description)
            );
        }
        Assert.That(Directory.GetFiles(_folder), Is.Empty);
        Free(model: model, backend: backend);
    }

    [Test]
    public void Files_and_models_that_do_not_fit_are_refused_and_nothing_changes()
    {
        ulong backend = Cpu();
        ulong other = Cpu();
        ulong model = Model(Small);
        ulong wider = Model(
            """{"layers":[{"type":"lstm","input":2,"hidden":5},{"type":"last"},{"type":"linear","outputs":1}]}"""
        );
        ulong single = Model("""{"type":"rnn","input":2,"hidden":3,"bias":"input"}""");
        string file = Path.Join(_folder, "small.safetensors");
        fixed (byte* path = Text(file))
        fixed (byte* none = Text(Path.Join(_folder, "none.safetensors")))
        fixed (byte* far = Text("""{"modules":{"7":"rnn"}}"""))
        fixed (byte* ignore = Text("""{"ignore":["2"]}"""))
        {
            Refused(Abi.sequor_model_save_torch(model, path, null), Status.State);
            Right(Abi.sequor_model_initialize(model, backend, 1));
            Right(Abi.sequor_model_initialize(wider, backend, 1));
            Right(Abi.sequor_model_initialize(single, backend, 1));
            Refused(Abi.sequor_model_save_torch(model, path, far), Status.Argument);
            Refused(
                Abi.sequor_model_save_torch(model, path, ignore),
                Status.Description,
                "there is no key \"ignore\""
            );
            Refused(Abi.sequor_model_save_torch(single, path, null), Status.Unsupported);
            Assert.That(Directory.GetFiles(_folder), Is.Empty);
            Right(Abi.sequor_model_save_torch(model, path, null));

            float[] before = [.. Values(wider).Values.SelectMany(v => v)];
            Refused(
                Abi.sequor_model_load_torch(wider, path, 0, null),
                Status.File,
                "0.weight_ih_l0"
            );
            Refused(Abi.sequor_model_load_torch(wider, none, 0, null), Status.File);
            Refused(Abi.sequor_model_load_torch(wider, path, other, null), Status.State);
            Refused(Abi.sequor_model_load_torch(wider, path, wider, null), Status.Handle);
            Refused(Abi.sequor_model_load_torch(wider, null, 0, null), Status.Argument, "'path'");
            File.WriteAllBytes(file, File.ReadAllBytes(file)[..^9]);
            Refused(Abi.sequor_model_load_torch(wider, path, 0, null), Status.File);
            Assert.That(Values(wider).Values.SelectMany(v => v), Is.EqualTo(before));
        }
        Free(model: single);
        Free(model: wider);
        Free(model: model, backend: backend);
        Right(Abi.sequor_backend_free(other));
    }
}
