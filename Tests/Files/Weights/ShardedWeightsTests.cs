using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Models in several files, by their index.</summary>
[TestFixture]
public sealed class ShardedWeightsTests : FolderTest
{
    private const string First = "model-00001-of-00002.safetensors";
    private const string Second = "model-00002-of-00002.safetensors";

    private readonly TorchModule _module = TorchModule.Find("gru");
    private readonly Dictionary<string, string> _map = [];
    private Layer _model = null!;

    private static Backend Backend => Backends.Get(Backends.Widths[0], 1);

    private string Index => PathOf("model.safetensors.index.json");

    // Every second tensor goes to the second shard.
    [SetUp]
    public void MakeShards()
    {
        var whole = TensorFile.Read(_module.Extract(Folder));
        _map.Clear();
        foreach (string name in whole.Tensors.Keys)
            _map[name] = _map.Count % 2 == 0 ? First : Second;
        foreach (string shard in (string[])[First, Second])
        {
            var part = new TensorFile();
            foreach ((string name, _) in _map.Where(entry => entry.Value == shard))
                part.Tensors.Add(name, whole.Tensors[name]);
            part.Write(PathOf(shard));
        }
        WriteIndex();
        _model = _module.Make();
        _model.Initialize(Backend, 5);
    }

    [TearDown]
    public void FreeModel() => _model.Dispose();

    private void WriteIndex(string before = "\"metadata\":{\"total_size\":1},") =>
        File.WriteAllText(Index, $"{{{before}\"weight_map\":{Json(_map)}}}");

    private static string Json(Dictionary<string, string> map) =>
        System.Text.Json.JsonSerializer.Serialize(map);

    private float[][] Values() =>
        [.. ModelTensor.All(_model).Select(tensor => tensor.Values.ToArray())];

    private void Refused(params string[] parts)
    {
        float[][] before = Values();
        SafetensorsException? e = Assert.Throws<SafetensorsException>(() =>
            TorchWeights.Load(_model, Index)
        );
        Assert.That(Values(), Is.EqualTo(before), "nothing is changed");
        Assert.That(e!.Message, Has.Length.LessThan(2000));
        foreach (string part in parts)
            Assert.That(e!.Message, Does.Contain(part));
        // No shard is held open.
        foreach (
            string shard in Names()
                .Where(name => name.EndsWith("safetensors", StringComparison.Ordinal))
        )
            File.Delete(PathOf(shard));
    }

    [Test]
    public void Shards_are_one_model(
        [Values("", "\"metadata\":{\"total_size\":1.5e3,\"x\":[{}]},\"more\":null,")] string before,
        [Values("", "  \r\n\t")] string blank
    )
    {
        using Layer expected = _module.Make();
        TorchWeights.Load(expected, _module.Extract(Folder), Backend);
        WriteIndex(before);
        File.WriteAllText(Index, blank + File.ReadAllText(Index) + blank);
        TorchWeights.Load(_model, Index);
        Assert.That(
            Values(),
            Is.EqualTo(ModelTensor.All(expected).Select(tensor => tensor.Values.ToArray()))
        );
    }

    [Test]
    public void An_index_under_any_name_and_without_a_folder_is_read()
    {
        string there = Directory.GetCurrentDirectory();
        string index = PathOf("index");
        File.Move(Index, index);
        TorchWeights.Load(_model, Path.GetRelativePath(there, index));
    }

    [Test]
    public void Shards_in_a_folder_below_are_read()
    {
        Directory.CreateDirectory(PathOf("parts"));
        foreach ((string name, string shard) in _map.ToArray())
        {
            _map[name] = $"parts/{shard}";
            File.Copy(PathOf(shard), PathOf($"parts/{shard}"), overwrite: true);
        }
        File.Delete(PathOf(First));
        WriteIndex();
        TorchWeights.Load(_model, Index);
    }

    [Test]
    public void A_shard_that_is_not_there_is_named()
    {
        File.Delete(PathOf(Second));
        Refused(Index, $"'{Second}'", _map.First(entry => entry.Value == Second).Key, "not there");
    }

    [Test]
    public void A_tensor_that_its_shard_lacks_is_named()
    {
        _map["1.weight"] = _map["1.weight"] == First ? Second : First;
        WriteIndex();
        Refused("'1.weight'", $"'{_map["1.weight"]}'", "does not hold it");
    }

    [Test]
    public void A_tensor_that_the_index_does_not_know_is_named()
    {
        _map.Remove("1.weight", out string? shard);
        WriteIndex();
        Refused("'1.weight'", $"'{shard}'", "does not say");
    }

    [Test]
    public void A_damaged_shard_is_named()
    {
        using (FileStream stream = File.OpenWrite(PathOf(Second)))
            stream.SetLength(stream.Length - 1);
        Refused(Second);
    }

    [Test]
    public void What_does_not_fit_is_listed()
    {
        _model.Dispose();
        _model = new Sequential(new Gru(4, 6), new LayerNorm(6), new Linear(6, 2));
        _model.Initialize(Backend);
        Refused("2.weight: F32 [3, 6] in the file, F32 [2, 6] here", Index);
    }

    [TestCase("../model-00001-of-00002.safetensors")]
    [TestCase("a/../../model-00001-of-00002.safetensors")]
    [TestCase("/etc/hostname")]
    [TestCase("C:\\model.safetensors")]
    [TestCase("..\\model.safetensors")]
    [TestCase("./model-00001-of-00002.safetensors")]
    [TestCase("a//b")]
    [TestCase("")]
    [TestCase("a\0b")]
    public void A_shard_outside_the_folder_is_refused(string shard)
    {
        _map["1.weight"] = shard;
        WriteIndex();
        Refused("within the index's own folder");
    }

    [Test]
    public void Too_many_shards_are_refused_before_any_is_opened()
    {
        _map.Clear();
        for (int i = 0; i < 2001; i++)
            _map[$"{i}"] = $"{i}.safetensors";
        WriteIndex();
        Refused("2000 shards");
    }

    [TestCase("{", "JSON")]
    [TestCase("{}", "weight_map")]
    [TestCase("""{"weight_map":{}}""", "0.weight_ih_l0: none in the file")]
    [TestCase("""{"weight_map":[]}""", "weight_map")]
    [TestCase("""{"weight_map":{"a":1}}""", "shard's name", "byte 19")]
    [TestCase("""{"weight_map":{"a":"x","\u0061":"y"}}""", "'a'", "twice")]
    [TestCase("""{"weight_map":{},"weight_map":{}}""", "two")]
    [TestCase("""{"weight_map":{}}}""", "JSON")]
    [TestCase("""{"weight_map":{"\ud800":"x"}}""", "JSON")]
    [TestCase("""{"weight_map":{"a":"x"}""", "JSON")]
    public void A_damaged_index_is_told(string json, params string[] parts)
    {
        File.WriteAllText(Index, json);
        Refused([Index, .. parts]);
    }

    [Test]
    public void Deep_nesting_is_refused()
    {
        File.WriteAllText(Index, "{\"a\":" + new string('[', 100_000));
        Refused("JSON");
    }

    [Test]
    public void An_index_that_is_not_there_is_an_error_of_input()
    {
        Assert.That(
            () => TorchWeights.Load(_model, PathOf("none.index.json")),
            Throws.InstanceOf<IOException>().With.Message.Contains("none.index.json")
        );
        Assert.That(
            () => TorchWeights.Load(_model, Folder),
            Throws.InstanceOf<IOException>().With.Message.Contains("folder")
        );
    }
}
