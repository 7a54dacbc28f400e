using System.Text;
using NUnit.Framework;
using Sequor.C;
using Sequor.Layers;

namespace Sequor.Tests.C;

/// <summary>What models in JSON become, and how each thing that is not allowed is told: its path, what was given, what is allowed.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
internal sealed unsafe class DescriptionTests
{
    private static readonly LruOptions Ringed = new()
    {
        Norm = NormKind.Batch,
        Prenorm = false,
        Momentum = 0.1f,
        Bidirectional = true,
        Dropout = 0.1f,
        SharedDropout = true,
        Ring = new LruRing(0.5, 0.9, 3),
    };

    private static readonly S5Options Sampled = new()
    {
        Discretization = Discretization.Bilinear,
        Blocks = 3,
        MinStep = 0.01f,
        MaxStep = 0.2f,
        Norm = NormKind.Layer,
        Prenorm = false,
        Momentum = 0.1f,
        Bidirectional = true,
        Dropout = 0.1f,
        SharedDropout = false,
        Mixing = BlockMixing.Glu,
    };

    // Each kind with all its keys.
    private static readonly (string Description, Func<Layer> Expected)[] Kinds =
    [
        (
            """{"type":"rnn","input":3,"hidden":4,"layers":2,"bidirectional":true,"bias":"none","dropout":0.5,"activation":"relu"}""",
            () =>
                new Rnn(
                    3,
                    4,
                    new RecurrentOptions
                    {
                        Layers = 2,
                        Bidirectional = true,
                        Bias = RecurrentBias.NoBias,
                        Dropout = 0.5f,
                    },
                    relu: true
                )
        ),
        (
            """{"type":"rnn","input":3,"hidden":4,"activation":"linear"}""",
            () => new Rnn(3, 4, RnnActivation.Linear)
        ),
        (
            """{"type":"lstm","input":3,"hidden":4,"bias":"input","projection":2,"cell_clip":[-1,2.5]}""",
            () =>
                new Lstm(
                    3,
                    4,
                    new RecurrentOptions
                    {
                        Bias = RecurrentBias.SingleInputBias,
                        ProjectionSize = 2,
                        CellClip = new CellClip(-1, 2.5f),
                    }
                )
        ),
        (
            """{"type":"gru","input":3,"hidden":4,"bias":"recurrent","initialization":"normal"}""",
            () =>
                new Gru(
                    3,
                    4,
                    new RecurrentOptions
                    {
                        Bias = RecurrentBias.SingleRecurrentBias,
                        Initialization = RecurrentInitialization.Normal,
                    }
                )
        ),
        (
            """{"type":"rnn","input":3,"hidden":4,"initialization":"normal_within_circle"}""",
            () =>
                new Rnn(
                    3,
                    4,
                    new RecurrentOptions
                    {
                        Initialization = RecurrentInitialization.NormalWithinCircle,
                    }
                )
        ),
        (
            """{"type":"tcn","input":3,"widths":[4,5],"kernel":2,"dropout":0.25,"activation":"gated"}""",
            () => new Tcn(3, [4, 5], 2, 0.25f, TcnActivation.Gated)
        ),
        (
            """{"type":"tcn_block","input":3,"output":5,"kernel":2,"dilation":4,"dropout":0.25,"activation":"relu"}""",
            () => new TcnBlock(3, 5, 2, 4, 0.25f)
        ),
        (
            """{"type":"lru","input":3,"model":4,"state":5,"blocks":2,"norm":"batch","prenorm":false,"momentum":0.1,"bidirectional":true,"dropout":0.1,"shared_dropout":true,"ring":{"min_radius":0.5,"max_radius":0.9,"max_phase":3}}""",
            () => new Lru(3, 4, 5, 2, Ringed)
        ),
        (
            """{"type":"lru_block","model":4,"state":5,"norm":"batch","prenorm":false,"momentum":0.1,"bidirectional":true,"dropout":0.1,"shared_dropout":true,"ring":{"min_radius":0.5,"max_radius":0.9,"max_phase":3}}""",
            () => new LruBlock(4, 5, Ringed)
        ),
        (
            """{"type":"sequence_block","core":{"type":"linear","inputs":3,"outputs":3},"norm":"batch","prenorm":false,"momentum":0.1,"dropout":0.1,"shared_dropout":true,"mixing":"half_glu"}""",
            () =>
                new SequenceBlock(
                    new Linear(3, 3),
                    new SequenceBlockOptions
                    {
                        Norm = NormKind.Batch,
                        Prenorm = false,
                        Momentum = 0.1f,
                        Dropout = 0.1f,
                        SharedDropout = true,
                        Mixing = BlockMixing.HalfGlu,
                    }
                )
        ),
        (
            """{"type":"lru_block","model":4,"state":5,"rung":"polar"}""",
            () => new LruBlock(4, 5, new LruOptions { Rung = LruRung.Polar })
        ),
        (
            """{"type":"s5","input":3,"model":4,"state":6,"blocks":2,"discretization":"bilinear","hippo_blocks":3,"min_step":0.01,"max_step":0.2,"norm":"layer","prenorm":false,"momentum":0.1,"bidirectional":true,"dropout":0.1,"shared_dropout":false,"mixing":"glu"}""",
            () => new S5(3, 4, 6, 2, Sampled)
        ),
        (
            """{"type":"s5_block","model":4,"state":6,"discretization":"bilinear","hippo_blocks":3,"min_step":0.01,"max_step":0.2,"norm":"layer","prenorm":false,"momentum":0.1,"bidirectional":true,"dropout":0.1,"shared_dropout":false,"mixing":"glu"}""",
            () => new S5Block(4, 6, Sampled)
        ),
        ("""{"type":"s5_block","model":4,"state":6}""", () => new S5Block(4, 6)),
        (
            """{"type":"s4d","model":3,"state":4,"initialization":"lin","discretization":"bilinear","bidirectional":true,"min_step":0.01,"max_step":0.02}""",
            () =>
                new S4D(
                    3,
                    4,
                    new S4DOptions
                    {
                        Initialization = S4DInitialization.Lin,
                        Discretization = Discretization.Bilinear,
                        Bidirectional = true,
                        MinStep = 0.01f,
                        MaxStep = 0.02f,
                    }
                )
        ),
        (
            """{"type":"dss","model":3,"state":4,"kernel":"exp","bidirectional":true,"min_step":0.01,"max_step":0.02,"length":9}""",
            () =>
                new Dss(
                    3,
                    4,
                    new DssOptions
                    {
                        Kernel = DssKernel.Exp,
                        Bidirectional = true,
                        MinStep = 0.01f,
                        MaxStep = 0.02f,
                        Length = 9,
                    }
                )
        ),
        (
            """{"type":"embedding","count":7,"size":3,"padding_index":2,"scale":0.1,"uniform":true}""",
            () => new Embedding(7, 3, 2, 0.1f, true)
        ),
        (
            """{"type":"linear","inputs":3,"outputs":4,"bias":false}""",
            () => new Linear(3, 4, bias: false)
        ),
        (
            """{"layers":[{"type":"embedding","count":7,"size":3},{"type":"residual","body":{"type":"linear","outputs":3}},{"type":"tied_linear","bias":false}]}""",
            () =>
            {
                var embedding = new Embedding(7, 3);
                return new Sequential(
                    embedding,
                    new Residual(new Linear(3, 3)),
                    new TiedLinear(embedding, bias: false)
                );
            }
        ),
        ("""{"type":"layer_norm","size":3,"epsilon":0.001}""", () => new LayerNorm(3, 0.001f)),
        (
            """{"type":"batch_norm","size":3,"momentum":0.5,"epsilon":0.001}""",
            () => new BatchNorm(3, 0.5f, 0.001f)
        ),
        ("""{"type":"dropout","size":3,"probability":0.5}""", () => new Dropout(3, 0.5f)),
        (
            """{"type":"feed_through","body":{"type":"linear","inputs":3,"outputs":3}}""",
            () => new FeedThrough(new Linear(3, 3))
        ),
        ("""{"type":"both_ends","size":4}""", () => new BothEnds(4)),
        ("""{"type":"last","size":3}""", () => new Last(3)),
        ("""{"type":"mean","size":3}""", () => new Mean(3)),
        (
            """{"type":"sequential","layers":[{"type":"linear","inputs":3,"outputs":4},{"type":"mean"}]}""",
            () => new Sequential(new Linear(3, 4), new Mean(4))
        ),
        (
            """{"type":"residual","body":{"type":"layer_norm","size":3}}""",
            () => new Residual(new LayerNorm(3))
        ),
        (
            """{"type":"branches","join":"concatenate","layers":[{"type":"linear","inputs":3,"outputs":4},{"type":"lstm","input":3,"hidden":2}]}""",
            () => new Branches(BranchJoin.Concatenate, new Linear(3, 4), new Lstm(3, 2))
        ),
    ];

    private static IEnumerable<string> Descriptions => Kinds.Select(k => k.Description);

    [TestCaseSource(nameof(Descriptions))]
    public void A_layer_is_what_its_keys_say(string description)
    {
        using Layer given = Read(description);
        using Layer expected = Kinds.Single(k => k.Description == description).Expected();

        Assert.That(Told(given), Is.EqualTo(Told(expected)));
    }

    [Test]
    public void Every_kind_and_every_key_is_tried_here_and_stands_in_the_document()
    {
        string document = Document();
        foreach (LayerKind kind in LayerKinds.All)
        {
            string description = Descriptions.First(d =>
                d.Contains($"{{\"type\":\"{kind.Name}\"", StringComparison.Ordinal)
            );
            string row = document
                .Split('\n')
                .First(line => line.StartsWith($"| `{kind.Name}`", StringComparison.Ordinal));
            string all = string.Concat(Descriptions);
            foreach (string key in kind.Names)
            {
                Assert.That(
                    description.Contains($"\"{key}\"", StringComparison.Ordinal)
                        || all.Contains($"\"{key}\"", StringComparison.Ordinal),
                    $"{kind.Name}: {key}"
                );
                if (key != "type")
                    Assert.That(row, Does.Contain($"`{key}`"));
            }
        }
        foreach ((string name, string[] keys) in OptimizerDescription.All)
        {
            string row = document
                .Split('\n')
                .First(line => line.StartsWith($"| `{name}`", StringComparison.Ordinal));
            foreach (string key in keys)
                Assert.That(row, Does.Contain($"`{key}`"));
        }
    }

    [Test]
    public void What_a_layer_does_not_say_of_its_input_is_what_the_one_before_gives()
    {
        using Layer model = Read(
            """
            {"layers": [
                {"type": "embedding", "count": 9, "size": 5},
                {"type": "branches", "layers": [{"type": "linear", "outputs": 6}, {"type": "gru", "hidden": 6}]},
                {"type": "residual", "body": {"type": "sequential", "layers": [{"type": "layer_norm"}, {"type": "rnn", "hidden": 6}]}},
                {"type": "batch_norm"}, {"type": "tcn", "widths": [7], "kernel": 2}, {"type": "tcn_block", "output": 8, "kernel": 3},
                {"type": "lru", "model": 4, "state": 3}, {"type": "lru_block", "state": 3},
                {"type": "sequence_block", "core": {"type": "gru", "hidden": 4}}, {"type": "dropout", "probability": 0},
                {"type": "s4d"}, {"type": "dss"},
                {"type": "mean"}, {"type": "linear", "outputs": 2}
            ]}
            """
        );
        Assert.That((model.InputSize, model.OutputSize), Is.EqualTo((1, 2)));
    }

    [TestCase("", "'description' is no JSON")]
    [TestCase("{", "'description' is no JSON")]
    [TestCase("{\"layers\":[],}", "'description' is no JSON")]
    [TestCase("null", "$: null was given; allowed: a layer", "\"lstm\"")]
    [TestCase("[]", "$: an array was given")]
    [TestCase("{}", "$: the key \"layers\" of a model is missing")]
    [TestCase("{\"layers\":{}}", "$.layers: an object was given; allowed: an array of layers")]
    [TestCase("{\"layers\":[]}", "$.layers: A sequence needs at least one layer")]
    [TestCase(
        "{\"layers\":[],\"name\":1}",
        "$: there is no key \"name\" in a model; there are layers"
    )]
    [TestCase("{\"layers\":[],\"layers\":[]}", "$: the key \"layers\" stands there twice")]
    [TestCase("{\"layers\":[7]}", "$.layers[0]: 7 was given; allowed: a layer")]
    [TestCase(
        "{\"layers\":[{}]}",
        "$.layers[0]: an object was given; allowed: a layer: an object with the key \"type\""
    )]
    [TestCase("{\"type\":\"lsmt\"}", "$.type: \"lsmt\" was given; allowed: \"rnn\", \"lstm\"")]
    [TestCase("{\"type\":5}", "$.type: 5 was given; allowed: a text")]
    [TestCase("{\"type\":\"\\ud800\"}", "$.type: ", "valid Unicode")]
    [TestCase(
        "{\"type\":\"lstm\",\"hidden\":4}",
        "$: the key \"input\" of a layer of type \"lstm\" is missing; there are type, input, hidden"
    )]
    [TestCase("{\"type\":\"lstm\",\"input\":4}", "$: the key \"hidden\"")]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4,\"hidden\":4,\"hiden\":4}",
        "$: there is no key \"hiden\" in a layer of type \"lstm\""
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":\"x\",\"hidden\":4}",
        "$.input: \"x\" was given; allowed: a whole number"
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4.5,\"hidden\":4}",
        "$.input: 4.5 was given; allowed: a whole number"
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":99999999999,\"hidden\":4}",
        "$.input: 99999999999 was given"
    )]
    [TestCase("{\"type\":\"lstm\",\"input\":0,\"hidden\":4}", "$: ", "inputSize")]
    [TestCase("{\"type\":\"lstm\",\"input\":4,\"hidden\":2000000000}", "$: ", "values")]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4,\"hidden\":4,\"bidirectional\":1}",
        "$.bidirectional: 1 was given; allowed: true or false"
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4,\"hidden\":4,\"bias\":true}",
        "$.bias: true was given; allowed: \"none\", \"input\", \"both\", \"recurrent\""
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4,\"hidden\":4,\"dropout\":1}",
        "$: A dropout probability must be at least 0 and below 1."
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4,\"hidden\":4,\"dropout\":1e999}",
        "$.dropout: 1e999 was given"
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4,\"hidden\":4,\"projection\":4}",
        "$: The projection size must be 1 to 3"
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4,\"hidden\":4,\"cell_clip\":[1]}",
        "$.cell_clip: 1 numbers were given"
    )]
    [TestCase(
        "{\"type\":\"lstm\",\"input\":4,\"hidden\":4,\"cell_clip\":[2,1]}",
        "$: The bounds of a cell state"
    )]
    [TestCase(
        "{\"type\":\"gru\",\"input\":4,\"hidden\":4,\"projection\":2}",
        "$: there is no key \"projection\" in a layer of type \"gru\""
    )]
    [TestCase(
        "{\"type\":\"tcn\",\"input\":4,\"widths\":[2,\"3\"],\"kernel\":2}",
        "$.widths[1]: \"3\" was given"
    )]
    [TestCase(
        "{\"type\":\"tcn\",\"input\":4,\"widths\":[],\"kernel\":2}",
        "$: A TCN has 1 to 30 levels"
    )]
    [TestCase(
        "{\"type\":\"lru\",\"input\":4,\"model\":4,\"state\":4,\"ring\":{\"radius\":1}}",
        "$.ring: there is no key \"radius\" in a ring"
    )]
    [TestCase(
        "{\"type\":\"lru\",\"input\":4,\"model\":4,\"state\":4,\"ring\":{\"min_radius\":2}}",
        "$: The ring's radii"
    )]
    [TestCase(
        "{\"layers\":[{\"type\":\"lstm\",\"input\":2,\"hidden\":3},{\"type\":\"linear\",\"inputs\":4,\"outputs\":1}]}",
        "$.layers: Layer 1 takes 4 channels, but layer 0 gives 3."
    )]
    [TestCase(
        "{\"layers\":[{\"type\":\"residual\",\"body\":{\"type\":\"linear\",\"inputs\":2,\"outputs\":3}}]}",
        "$.layers[0]: The layer takes 2 channels and gives 3"
    )]
    [TestCase(
        "{\"layers\":[{\"type\":\"residual\",\"body\":{\"type\":\"linear\",\"inputs\":2,\"outputs\":-3}}]}",
        "$.layers[0].body: ",
        "outputSize"
    )]
    [TestCase(
        "{\"type\":\"tied_linear\"}",
        "$: 0 embeddings stand before the tied layer; there must be one"
    )]
    [TestCase(
        "{\"layers\":[{\"type\":\"branches\",\"layers\":[{\"type\":\"embedding\",\"count\":7,\"size\":3},{\"type\":\"embedding\",\"count\":7,\"size\":3}]},{\"type\":\"tied_linear\"}]}",
        "$.layers[1]: 2 embeddings stand before the tied layer"
    )]
    [TestCase(
        "{\"layers\":[{\"type\":\"embedding\",\"count\":7,\"size\":3,\"padding_index\":1},{\"type\":\"tied_linear\"}]}",
        "$.layers[1]: The embedding has the padding index 1"
    )]
    [TestCase(
        "{\"type\":\"s4d\",\"model\":2,\"max_step\":1e39}",
        "$.max_step: 1e39 was given; allowed: a number of single precision"
    )]
    [TestCase(
        "{\"type\":\"branches\",\"join\":\"mul\",\"layers\":[]}",
        "$.join: \"mul\" was given; allowed: \"add\", \"concatenate\""
    )]
    public void What_is_not_allowed_is_told_with_its_place(string description, params string[] says)
    {
        RefusedException refused = Assert.Throws<RefusedException>(() => Read(description))!;

        Assert.That(refused.Status, Is.EqualTo(Status.Description));
        Assert.That(refused.Message, Does.StartWith(says[0]));
        foreach (string part in says)
            Assert.That(refused.Message, Does.Contain(part));
    }

    [Test]
    public void What_is_nested_too_deep_is_refused_before_it_is_followed()
    {
        string deep = string.Concat(Enumerable.Repeat("""{"type":"residual","body":""", 100_000));
        RefusedException refused = Assert.Throws<RefusedException>(() => Read(deep))!;
        Assert.That(refused.Message, Does.Contain("64"));
    }

    private static Layer Read(string description)
    {
        fixed (byte* text = (byte[])[.. Encoding.UTF8.GetBytes(description), 0])
            return Json.Read(text, LayerDescription.Model);
    }

    // All that a layer says of itself, and its values as a seed draws them.
    private static string Told(Layer layer)
    {
        var text = new StringBuilder();
        text.Append(layer.GetType().Name).Append(' ');
        foreach (System.Reflection.PropertyInfo property in layer.GetType().GetProperties())
        {
            if (property.Name is not ("Parameters" or "Buffers" or "Children" or "Body"))
                text.Append(property.Name).Append('=').Append(property.GetValue(layer)).Append(' ');
        }
        foreach (NamedParameter named in layer.NamedParameters().Concat(layer.NamedBuffers()))
            text.Append(named.Name).Append(named.Parameter.Shape);
        if (layer.Children.Count == 0 && layer.NamedParameters().Any())
        {
            using Backend backend = Backend.Create(
                Device.Cpu,
                new CpuOptions { Threads = 1, VectorBits = 128 }
            );
            layer.Initialize(backend, 3);
            foreach (NamedParameter named in layer.NamedParameters())
                text.AppendJoin(',', named.Parameter.Owner!.View(named.Parameter).ToArray());
        }
        foreach ((string name, Layer child) in layer.Children)
            text.Append('(').Append(name).Append(": ").Append(Told(child)).Append(')');
        return text.ToString();
    }

    private static string Document()
    {
        using Stream stream = typeof(DescriptionTests).Assembly.GetManifestResourceStream(
            "documents/c.md"
        )!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd().ReplaceLineEndings("\n");
    }
}
