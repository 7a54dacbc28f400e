using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Layer.Save and Layer.Load.</summary>
[TestFixture]
public sealed class ModelFileTests : FolderTest
{
    private static Backend Backend => Backends.Get(Backends.Widths[0], 2);

    private string FilePath => PathOf("model.safetensors");

    private static float[][] Values(Layer model) =>
        [.. ModelTensor.All(model).Select(tensor => tensor.Values.ToArray())];

    [Test]
    public void A_model_comes_back(
        [ValueSource(typeof(Models), nameof(Models.Kinds))] string kind,
        [Values] bool begun
    )
    {
        using Layer saved = Models.Small(kind);
        saved.Initialize(Backend, 3);
        saved.Save(FilePath);
        using Layer loaded = Models.Small(kind);
        Backend other = Backends.Get(Backends.Widths[0], 1);
        if (begun)
            loaded.Initialize(other, 4);
        loaded.Load(FilePath, begun ? null : other);
        Assert.That(Values(loaded), Is.EqualTo(Values(saved)));
        Assert.That(loaded.Store!.Backend, Is.SameAs(other));
    }

    [Test]
    public void The_same_values_give_the_same_bytes_under_the_models_names()
    {
        using var model = new Sequential(new Tcn(2, [3, 3], 2), new Last(3), new Linear(3, 1));
        model.Initialize(Backend);
        model.Save(FilePath);
        byte[] bytes = File.ReadAllBytes(FilePath);
        model.Load(FilePath);
        model.Save(FilePath);
        Assert.That(File.ReadAllBytes(FilePath), Is.EqualTo(bytes));
        using SafetensorsFile file = Safetensors.Open(FilePath);
        Assert.That(
            file.Entries.Select(entry => entry.Name),
            Is.EqualTo(model.NamedParameters().Select(named => named.Name))
        );
        Assert.That(file.Find("0.0.conv1.weight_v")!.Shape, Is.EqualTo(new long[] { 3, 2, 2 }));
        Assert.That(file.Metadata["format"], Is.EqualTo("sequor.model/2"));
        Assert.That(
            file.Metadata["sequor.architecture"],
            Is.EqualTo(
                "Sequential(0: Tcn(0: TcnBlock 2 -> 3, 1: TcnBlock 3 -> 3), 1: Last 3 -> 3, 2: Linear 3 -> 1)"
            )
        );
    }

    [Test]
    public void A_layer_of_a_model_is_saved_and_loaded_alone()
    {
        using var first = new Sequential(new Lstm(2, 3), new Linear(3, 2));
        using var second = new Sequential(new Lstm(2, 3), new Linear(3, 2));
        first.Initialize(Backend, 1);
        second.Initialize(Backend, 2);
        float[][] before = Values(second);
        first.Children[0].Layer.Save(FilePath);
        second.Children[0].Layer.Load(FilePath);
        Assert.That(Values(second)[..4], Is.EqualTo(Values(first)[..4]));
        Assert.That(Values(second)[4..], Is.EqualTo(before[4..]));
    }

    [Test]
    public void Plans_use_what_was_loaded()
    {
        using var saved = new Sequential(new Gru(2, 3), new Linear(3, 2));
        using var loaded = new Sequential(new Gru(2, 3), new Linear(3, 2));
        saved.Initialize(Backend, 1);
        saved.Save(FilePath);
        using Plan expected = saved.Plan(Backend, 4, 2, Mode.Evaluation);
        using Plan actual = loaded.Plan(
            Backend,
            4,
            2,
            Mode.Evaluation,
            new PlanOptions { Seed = 2 }
        );
        float[] x = new Draw(1).Uniform(16);
        float[] before = actual.Forward(x, 4, 2).ToArray();
        loaded.Load(FilePath);
        float[] y = actual.Forward(x, 4, 2).ToArray();
        Assert.That(y, Is.Not.EqualTo(before));
        Assert.That(y, Is.EqualTo(expected.Forward(x, 4, 2).ToArray()));
    }

    [Test]
    public void All_that_does_not_fit_is_listed_and_nothing_changed()
    {
        using var saved = new Sequential(new Lstm(2, 3), new Linear(3, 2), new Linear(2, 1));
        using var other = new Sequential(new Gru(2, 3, 2), new Linear(3, 2));
        saved.Initialize(Backend, 1);
        other.Initialize(Backend, 2);
        saved.Save(FilePath);
        float[][] before = Values(other);
        SafetensorsException? e = Assert.Throws<SafetensorsException>(() => other.Load(FilePath));
        Assert.That(Values(other), Is.EqualTo(before));
        Assert.That(
            e!.Message.Split('\n').Select(line => line.Trim()),
            Is.EqualTo(
                new[]
                {
                    $"'{FilePath}' does not fit the model:",
                    "0.weight_ih_l0: F32 [12, 2] in the file, F32 [9, 2] here",
                    "0.weight_hh_l0: F32 [12, 3] in the file, F32 [9, 3] here",
                    "0.bias_ih_l0: F32 [12] in the file, F32 [9] here",
                    "0.bias_hh_l0: F32 [12] in the file, F32 [9] here",
                    "0.weight_ih_l1: none in the file, F32 [9, 3] here",
                    "0.weight_hh_l1: none in the file, F32 [9, 3] here",
                    "0.bias_ih_l1: none in the file, F32 [9] here",
                    "0.bias_hh_l1: none in the file, F32 [9] here",
                    "2.weight: F32 [1, 2] in the file, none here",
                    "2.bias: F32 [1] in the file, none here",
                    "The file is of Sequential(0: Lstm 2 -> 3, 1: Linear 3 -> 2, 2: Linear 2 -> 1); "
                        + "this is Sequential(0: Gru 2 -> 3, 1: Linear 3 -> 2).",
                }
            )
        );
    }

    [Test]
    public void A_file_of_another_kind_is_told()
    {
        using var model = new Linear(2, 3);
        model.Initialize(Backend);
        TorchWeights.Save(model, FilePath);
        Assert.That(
            () => model.Load(FilePath),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains("'pt'")
                .And.Message.Contains("TorchWeights")
        );
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Training);
        using var adam = new Adam(plan, 0.1f);
        Checkpoint.Save(FilePath, plan, adam, 0, new Dictionary<string, string>());
        Assert.That(
            () => model.Load(FilePath),
            Throws
                .TypeOf<SafetensorsException>()
                .With.Message.Contains("'sequor.checkpoint/")
                .And.Message.Contains("Checkpoint")
        );
        Safetensors.Write(FilePath, []);
        Assert.That(
            () => model.Load(FilePath),
            Throws.TypeOf<SafetensorsException>().With.Message.Contains("not named")
        );
    }

    [Test]
    public void A_file_cut_short_anywhere_is_told_and_nothing_changed()
    {
        using var model = new Linear(2, 3);
        model.Initialize(Backend, 1);
        model.Save(FilePath);
        byte[] bytes = File.ReadAllBytes(FilePath);
        model.Initialize(Backend, 2);
        float[][] before = Values(model);
        for (int length = 0; length < bytes.Length; length++)
        {
            File.WriteAllBytes(FilePath, bytes[..length]);
            Assert.That(() => model.Load(FilePath), Throws.TypeOf<SafetensorsException>());
        }
        Assert.That(Values(model), Is.EqualTo(before));
    }

    [Test]
    public void A_model_is_saved_from_and_loaded_to_a_backend()
    {
        using var model = new Linear(2, 3);
        Assert.That(
            () => model.Save(FilePath),
            Throws.InvalidOperationException.With.Message.Contains("no values")
        );
        Assert.That(Names(), Is.Empty);
        using var saved = new Linear(2, 3);
        saved.Initialize(Backend);
        saved.Save(FilePath);
        Assert.That(
            () => model.Load(FilePath),
            Throws.InvalidOperationException.With.Message.Contains("no backend")
        );
        Assert.That(
            () => saved.Load(FilePath, Backends.Get(Backends.Widths[0], 1)),
            Throws.InvalidOperationException.With.Message.Contains("another backend")
        );
        saved.Dispose();
        Refusal.Of<ObjectDisposedException>("", () => saved.Save(FilePath)).Check();
        Refusal.Of<ObjectDisposedException>("", () => saved.Load(FilePath, Backend)).Check();
        model.Load(FilePath, Backend);
    }

    // The layer belongs to a model already, so it cannot become part of another one on the way.
    [Test]
    public void A_model_with_a_layer_of_another_one_is_not_begun()
    {
        var shared = new Linear(2, 2);
        using var first = new Sequential(shared, new Linear(2, 3));
        using var second = new Sequential(shared, new Linear(2, 3));
        first.Initialize(Backend);
        first.Save(FilePath);
        float[][] before = Values(first);
        Assert.That(
            () => second.Load(FilePath, Backend),
            Throws.InvalidOperationException.With.Message.Contains("another model")
        );
        Assert.That(Values(first), Is.EqualTo(before));
    }

    [Test]
    public void What_cannot_be_written_leaves_the_old_file()
    {
        using var model = new Linear(2, 3);
        model.Initialize(Backend);
        model.Save(FilePath);
        byte[] old = File.ReadAllBytes(FilePath);
        Assert.That(
            () => model.Save(Path.Combine(FilePath, "new")),
            Throws.TypeOf<IOException>().With.Message.Contains("Cannot write")
        );
        Assert.That(
            () => model.Save(PathOf("missing/model.safetensors")),
            Throws.TypeOf<IOException>().With.Message.Contains("Cannot write")
        );
        Assert.That(File.ReadAllBytes(FilePath), Is.EqualTo(old));
        Assert.That(Names(), Is.EqualTo(new[] { "model.safetensors" }));
    }
}
