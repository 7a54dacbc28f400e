using System.Text.Json;
using System.Text.Json.Serialization;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>
/// Presets as shipped and as users write them: their sizes, what is read, what is refused and with which words.
/// </summary>
[TestFixture]
public sealed class PresetTests
{
    // Its generated serializer against the one that looks at the types while it runs, which wrote the checkpoints that there are.
    [Test]
    public void Settings_in_checkpoints_are_what_they_were()
    {
        foreach (Preset preset in Presets.All)
            Assert.That(
                preset.Settings(),
                Does.Contain($", model {JsonSerializer.Serialize(preset.Model)}, optimizer ")
            );
    }

    [Test]
    public void Files_are_read_as_by_reflection()
    {
        var options = new JsonSerializerOptions
        {
            PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
            UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
            ReadCommentHandling = JsonCommentHandling.Skip,
            RespectNullableAnnotations = true,
            AllowDuplicateProperties = false,
        };
        var read = new List<PresetEntry>();
        foreach (
            string name in typeof(Presets)
                .Assembly.GetManifestResourceNames()
                .Where(name => name.StartsWith("Presets/", StringComparison.Ordinal))
        )
        {
            using var reader = new StreamReader(
                typeof(Presets).Assembly.GetManifestResourceStream(name)!
            );
            string json = reader.ReadToEnd();
            PresetFile expected = JsonSerializer.Deserialize<PresetFile>(json, options)!;
            PresetFile actual = JsonSerializer.Deserialize(json, PresetJson.Default.PresetFile)!;
            Assert.That(actual.Presets, Is.EqualTo(expected.Presets).And.Not.Empty);
            Assert.That(actual.Training, Is.EqualTo(expected.Training).And.Not.Empty);
            read.AddRange(actual.Presets!);
        }
        Assert.That(
            Presets.All.Select(p => (p.Task, p.Arch, p.Name, p.Model)),
            Is.EquivalentTo(read.Select(e => (e.Task, e.Arch, e.Preset, e.Model)))
        );
    }

    [Test]
    public void Every_model_is_within_5_percent_of_its_budget()
    {
        foreach (Preset preset in Presets.All)
        {
            using Sequential model = preset.CreateModel();
            Assert.That(
                model.ParameterCount,
                Is.EqualTo(preset.Budget).Within(5).Percent,
                preset.ToString()
            );
        }
    }

    [Test]
    public void All_tasks_have_the_compared_architectures_and_music_has_them_in_two_sizes()
    {
        string[] compared = [.. Architecture.Compared.Select(a => a.Name)];
        foreach (string task in Presets.TaskNames)
        {
            foreach (string arch in compared)
                Assert.That(Presets.Get(task, arch).ToString(), Does.StartWith($"{task} {arch} "));
        }
        foreach (string task in Tasks.All.OfType<MusicEntry>().Select(task => task.Name))
        {
            foreach (string arch in compared)
            {
                Assert.That(Presets.Get(task, arch).Budget, Is.GreaterThan(250_000));
                Assert.That(Presets.Get(task, arch, "20k").Budget, Is.EqualTo(20_000));
            }
        }
        Assert.That(Presets.All.Select(p => p.ToString()), Is.Unique);
    }

    [Test]
    public void The_ladder_is_whole_in_both_of_its_sizes()
    {
        Architecture[] rungs = [.. Architecture.All.Where(a => a.OnLadder is not null)];
        Assert.That(
            rungs.Select(a => a.OnLadder!.Number).Order(),
            Is.EqualTo(Enumerable.Range(1, rungs.Length))
        );
        foreach (string size in (string[])["70k", "1m"])
        {
            Preset[] ladder = [.. rungs.Select(a => Presets.Get("listops", a.Name, size))];
            Assert.That(ladder.Select(p => p.Budget).Distinct().ToArray(), Has.Length.EqualTo(1));
            // Of the linear rung, whose states nothing bounds, gradients may be clipped and the matrix move slower.
            PresetTraining usual = ladder[0].Training;
            Assert.That(
                ladder.Select(p =>
                    p.Arch == "linear"
                        ? p.Training with
                        {
                            Clip = usual.Clip,
                            RecurrenceRate = usual.RecurrenceRate,
                        }
                        : p.Training
                ),
                Has.All.EqualTo(usual)
            );
            Assert.That(ladder.Select(p => p.Length).Distinct().ToArray(), Has.Length.EqualTo(1));
        }
    }

    // What stands in one chart is of one size, and a model that looks ahead has no place where the next step is asked for.
    [Test]
    public void Models_of_a_series_of_lengths_are_of_one_size()
    {
        foreach (
            var series in Presets
                .All.Where(p => p.TaskEntry.CreateRecall(p.Length > 0 ? p.Length : 1) is not null)
                .Where(p => p.Name.StartsWith('t'))
                .GroupBy(p => p.Arch)
        )
        {
            Assert.That(series.Select(p => p.Length), Is.EqualTo(new[] { 50, 100, 150, 200, 250 }));
            Assert.That(series.Select(p => p.Model).Distinct().ToArray(), Has.Length.EqualTo(1));
            Assert.That(series.Select(p => p.Budget), Is.All.EqualTo(10_000));
        }
    }

    // Bai et al., tables 1 and 2; Chung et al., table 2.
    [TestCase("jsb", "tcn", null, 279838, 8.10)]
    [TestCase("jsb", "gru", null, 295968, 8.43)]
    [TestCase("jsb", "lstm", null, 292248, 8.45)]
    [TestCase("jsb", "rnn", null, 300192, 8.91)]
    [TestCase("nottingham", "tcn", null, 1053238, 3.07)]
    [TestCase("nottingham", "gru", null, 1001748, 3.46)]
    [TestCase("adding", "tcn", null, 70369, 5.8e-5)]
    [TestCase("adding", "gru", null, 70367, 5.3e-5)]
    [TestCase("adding", "lstm", null, 69811, 0.164)]
    [TestCase("adding", "rnn", null, 69955, 0.177)]
    [TestCase("copy", "tcn", null, 12530, 3.5e-5)]
    [TestCase("copy", "gru", null, 16040, 0.0197)]
    [TestCase("copy", "lstm", null, 16236, 0.0204)]
    [TestCase("copy", "rnn", null, 15970, 0.0202)]
    [TestCase("smnist", "tcn", null, 66910, 99.0)]
    [TestCase("smnist", "lstm", null, 70470, 87.2)]
    [TestCase("smnist", "gru", null, 70360, 96.2)]
    [TestCase("smnist", "rnn", null, 70990, 21.5)]
    [TestCase("pmnist", "tcn", null, 66910, 97.2)]
    [TestCase("pmnist", "lstm", null, 70470, 85.7)]
    [TestCase("pmnist", "gru", null, 70360, 87.3)]
    [TestCase("pmnist", "rnn", null, 70990, 25.3)]
    [TestCase("listops", "lru", "1m", 1011338, 60.2)]
    [TestCase("listops", "ring", "1m", 1009802, 59.4)]
    [TestCase("listops", "tanh", "1m", 1006730, 43.9)]
    [TestCase("listops", "s5", "paper", 204362, 62.15)]
    [TestCase("listops", "s4d", "paper", 886538, 60.18)]
    [TestCase("pmnist", "gtcn", null, 69670, 96.9)]
    [TestCase("copy", "gtcn", "16k", 16106, 0.0051)]
    [TestCase("piano", "gru", "20k", 19809, 8.82)]
    [TestCase("musedata", "lstm", "20k", 19944, 6.23)]
    [TestCase("charlm", "tcn", "ptb-3m", 3250900, 1.31)]
    [TestCase("charlm", "gru", "ptb-3m", 2978185, 1.37)]
    [TestCase("charlm", "lstm", "text8-5m", 4972311, 1.50)]
    [TestCase("wordlm", "tcn", "ptb-13m", 14659600, 88.68)]
    [TestCase("wordlm", "lstm", "ptb-13m", 12932030, 78.93)]
    public void Sizes_and_figures_are_the_papers(
        string task,
        string arch,
        string? name,
        long parameters,
        double paper
    )
    {
        Preset preset = Presets.Get(task, arch, name);
        using Sequential model = preset.CreateModel();
        Assert.That(model.ParameterCount, Is.EqualTo(parameters));
        Assert.That(preset.Paper, Is.EqualTo(paper));
    }

    [Test]
    public void Dropout_of_recurrent_networks_stands_before_the_head()
    {
        using Sequential model = Presets.Get("jsb", "gru").CreateModel();

        Assert.That(
            model.Children.Select(child => child.Layer.GetType()),
            Is.EqualTo(new[] { typeof(Gru), typeof(Dropout), typeof(Linear) })
        );
    }

    [Test]
    public void A_preset_that_is_not_there_is_told_from_those_that_are()
    {
        Assert.Multiple(() =>
        {
            Assert.That(Refused("chess", "tcn"), Does.Contain("task 'chess'").And.Contain("jsb,"));
            Assert.That(Refused("jsb", "cnn"), Does.Contain("architecture 'cnn'"));
            Assert.That(
                Refused("adding", "gru", "20k"),
                Does.Contain("'20k' of gru for adding").And.Contain("70k")
            );
            Assert.That(Refused("jsb", "gru", "1m"), Does.Contain("'1m'").And.Contain("300k, 20k"));
        });

        static string Refused(string task, string arch, string? name = null) =>
            Assert.Throws<PresetException>(() => Presets.Get(task, arch, name))!.Message;
    }

    private const string Good = """
        {
          "schema": "sequor.presets/1",
          "training": {
            "t": { "optimizer": "adam", "rate": 0.001, "batch": 1, "epochs": 2, "plateau": { "window": 2 } }
          },
          "presets": [
            {
              "task": "jsb", "arch": "tcn", "preset": "p", "training": "t", "budget": 19083,
              "model": { "hidden": 29, "depth": 3, "kernel": 2, "dropout": 0.5 }
            }
          ]
        }
        """;

    [Test]
    public void A_text_of_ones_own_is_read()
    {
        Preset preset = Presets.Read(Good, "mine").Single();

        Assert.Multiple(() =>
        {
            Assert.That(preset.Training.Plateau, Is.EqualTo(new Plateau(Window: 2)));
            Assert.That(preset.Training.Clip, Is.Null);
            Assert.That(preset.OptionsFor(7, 100).Clip, Is.EqualTo(float.PositiveInfinity));
            Assert.That(preset.OptionsFor(7, 100).Seed, Is.EqualTo(7));
            Assert.That(preset.Paper, Is.Null);
            Assert.That(preset.Model.Dropout, Is.EqualTo(0.5f));
        });
    }

    [Test]
    public void A_rate_can_fall_by_steps()
    {
        Preset preset = Presets
            .Read(
                Good.Replace(
                    "\"epochs\": 2",
                    "\"epochs\": 20, \"drop\": { \"every\": 10 }",
                    StringComparison.Ordinal
                ),
                "mine"
            )
            .Single();
        // 7 pieces, one a step.
        IRateSchedule schedule = preset.OptionsFor(1, 7).Schedule!;
        Assert.That(schedule, Is.EqualTo(new StepDecay(70, 0.1f)));
        Assert.That(
            ((long[])[0, 69, 70, 139, 140]).Select(step => schedule.RateAt(step, 0.5f)),
            Is.EqualTo(new[] { 0.5f, 0.5f, 0.05f, 0.05f, 0.005f }).Within(1e-6f)
        );
    }

    [Test]
    public void An_lru_can_be_trained_as_its_paper_does()
    {
        Preset preset = Presets
            .Read(
                """
                {
                  "schema": "sequor.presets/1",
                  "training": {
                    "t": {
                      "optimizer": "adamw", "rate": 0.01, "decay": 0.05, "recurrence_rate": 0.25, "warmup": 0.1,
                      "batch": 8, "epochs": 5
                    }
                  },
                  "presets": [
                    {
                      "task": "jsb", "arch": "lru", "preset": "p", "training": "t", "budget": 19525,
                      "model": {
                        "hidden": 33, "depth": 2, "states": 33, "dropout": 0.1, "shared_dropout": true
                      }
                    }
                  ]
                }
                """,
                "mine"
            )
            .Single();
        using var backend = Backend.Create(Device.Cpu);
        using Sequential model = preset.CreateModel();
        using Plan plan = model.Plan(backend, 2, 1, Mode.Training);
        using Optimizer optimizer = preset.CreateOptimizer(plan);

        var schedule = (WarmupCosine)preset.OptionsFor(1, 100).Schedule!;
        Assert.Multiple(() =>
        {
            Assert.That((schedule.Steps, schedule.Warmup), Is.EqualTo((65L, 6L)));
            Assert.That(optimizer.Name, Is.EqualTo("adamw"));
            Assert.That(
                ((FusedOptimizer)optimizer).Groups.Text,
                Does.Contain("rate x 0.25 without decay: 0.1.nu_log")
            );
            Assert.That(((FusedOptimizer)optimizer).Rule.Decay, Is.EqualTo(0.05f));
            Assert.That(
                preset.Settings(),
                Does.Contain("decay 0.05").And.Contain("\"SharedDropout\":true")
            );
            var body = (Lru)model.Children[0].Layer;
            Assert.That(((LruBlock)body.Children[1].Layer).Options.SharedDropout);
            // What was written before there was a choice is still the same text.
            Assert.That(Presets.Get("jsb", "lru").Settings(), Does.Not.Contain("Shared"));
        });
    }

    [TestCase("\"task\": \"jsb\"", "\"task\": \"chess\"", "task is chess; allowed: jsb")]
    [TestCase("\"task\": \"jsb\",", "", "task")]
    [TestCase("\"task\": \"jsb\"", "\"task\": null", "null")]
    [TestCase("\"arch\": \"tcn\"", "\"arch\": \"cnn\"", "arch is cnn; allowed: rnn, lstm")]
    [TestCase("\"training\": \"t\"", "\"training\": \"u\"", "unknown training 'u'")]
    [TestCase("\"budget\": 19083", "\"budget\": 21000", "19083 parameters")]
    [TestCase("\"budget\": 19083", "\"budget\": 0", "budget is 0")]
    [TestCase("\"budget\": 19083", "\"budget\": 19083, \"paper\": -1", "paper is -1")]
    [TestCase("\"budget\": 19083", "\"budget\": 19083, \"length\": 5", "length is 5")]
    [TestCase("\"hidden\": 29", "\"hidden\": 0", "hidden is 0; allowed: at least 1")]
    [TestCase("\"hidden\": 29", "\"hidden\": 29, \"width\": 3", "width")]
    [TestCase("\"hidden\": 29", "\"hidden\": 29, \"hidden\": 30", "hidden")]
    [TestCase("\"hidden\": 29", "\"hidden\": 2000000000", "preset 1 (jsb tcn p)")]
    [TestCase("\"depth\": 3", "\"depth\": 31", "depth is 31; allowed: 1 to 24")]
    [TestCase("\"kernel\": 2, ", "", "kernel is 0")]
    [TestCase("\"kernel\": 2", "\"kernel\": 2, \"states\": 3", "states is 3")]
    [TestCase("\"dropout\": 0.5", "\"dropout\": 1", "probability")]
    [TestCase("\"dropout\": 0.5", "\"dropout\": 0.5, \"blocks\": 2", "blocks is 2; allowed: ")]
    [TestCase("\"dropout\": 0.5", "\"dropout\": 0.5, \"form\": \"x\"", "form is x; allowed: ")]
    [TestCase(
        "\"dropout\": 0.5",
        "\"dropout\": 0.5, \"bidirectional\": true",
        "bidirectional is True; allowed: left out but for lru"
    )]
    [TestCase("\"dropout\": 0.5", "\"dropout\": 0.5, \"min_radius\": 0", "min_radius")]
    [TestCase(
        "\"dropout\": 0.5",
        "\"dropout\": 0.5, \"shared_dropout\": true",
        "shared_dropout is True; allowed: left out but for lru"
    )]
    [TestCase("\"adam\"", "\"adan\"", "training 't': optimizer is adan; allowed: adam, adamw")]
    [TestCase("\"rate\": 0.001", "\"rate\": 0", "rate is 0")]
    [TestCase("\"batch\": 1", "\"batch\": 0", "batch is 0")]
    [TestCase("\"epochs\": 2", "\"epochs\": 2, \"clip\": 0", "clip is 0")]
    [TestCase("\"epochs\": 2", "\"epochs\": 2, \"sequences\": 9", "sequences is 9")]
    [TestCase("\"epochs\": 2", "\"epochs\": 2, \"decay\": 0.1", "decay is 0.1; allowed: left out")]
    [TestCase("\"adam\"", "\"adamw\", \"decay\": -1", "decay is -1; allowed: at least 0")]
    [TestCase("\"epochs\": 2", "\"epochs\": 2, \"recurrence_rate\": -1", "recurrence_rate is -1")]
    [TestCase("\"epochs\": 2", "\"epochs\": 2, \"recurrence_rate\": 1", "left out but for lru")]
    [TestCase("\"epochs\": 2", "\"epochs\": 2, \"warmup\": 1.1", "warmup is 1.1; allowed: 0 to 1")]
    [TestCase(
        "\"epochs\": 2",
        "\"epochs\": 2, \"drop\": { \"every\": 0 }",
        "drop.every is 0; allowed: at least 1"
    )]
    [TestCase(
        "\"epochs\": 2",
        "\"epochs\": 2, \"drop\": { \"every\": 1, \"factor\": 1 }",
        "drop.factor is 1; allowed: above 0 and below 1"
    )]
    [TestCase(
        "\"epochs\": 2",
        "\"epochs\": 2, \"warmup\": 0.1, \"drop\": { \"every\": 1 }",
        "warmup is 0.1; allowed: left out with drop"
    )]
    [TestCase("\"window\": 2", "\"window\": 0", "plateau.window is 0")]
    [TestCase("\"window\": 2", "\"factor\": 1", "plateau.factor is 1")]
    [TestCase("presets/1", "presets/2", "'sequor.presets/1', not 'sequor.presets/2'")]
    [TestCase("\"schema\": \"sequor.presets/1\",", "", "schema")]
    [TestCase("\"presets\": [", "\"presets\": [ null,", "preset 1 is null")]
    [TestCase("{ \"optimizer\": \"adam\", \"rate\"", "null, \"u\": { \"rate\"", "mine")]
    [TestCase("}\n  ]", "},\n  ]", "mine")]
    public void A_text_that_makes_no_sense_is_refused_with_the_place(
        string what,
        string instead,
        string message
    )
    {
        string good = Good.ReplaceLineEndings("\n");
        Assert.That(good, Does.Contain(what));

        Assert.That(
            () => Presets.Read(good.Replace(what, instead, StringComparison.Ordinal), "mine"),
            Throws
                .TypeOf<PresetException>()
                .With.Message.StartsWith("mine")
                .And.Message.Contains(message)
        );
    }

    [Test]
    public void A_preset_that_is_there_twice_is_refused()
    {
        int from = Good.IndexOf("{\n      \"task\"", StringComparison.Ordinal);
        string entry = Good[from..Good.LastIndexOf(']')].TrimEnd();

        Assert.That(
            () =>
                Presets.Read(
                    Good.Replace(entry, $"{entry}, {entry}", StringComparison.Ordinal),
                    "mine"
                ),
            Throws
                .TypeOf<PresetException>()
                .With.Message.Contains("preset 2 (jsb tcn p): is there twice")
        );
    }

    [Test]
    public void Which_preset_is_the_usual_one_does_not_go_by_names_of_files()
    {
        string more = Good.Replace("\"p\"", "\"q\"", StringComparison.Ordinal);
        string other = Good.Replace("jsb", "piano", StringComparison.Ordinal);
        Assert.That(
            Presets.ReadAll([("a", other), ("b", Good)]).Select(p => p.Task),
            Is.EqualTo(new[] { "jsb", "piano" })
        );
        Assert.That(
            () => Presets.ReadAll([("a", Good), ("b", more)]),
            Throws
                .TypeOf<PresetException>()
                .With.Message.EqualTo("b: presets of tcn for jsb stand in a already; add to those")
        );
    }
}
