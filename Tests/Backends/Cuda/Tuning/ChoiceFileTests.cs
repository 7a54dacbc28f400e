using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Files;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda.Tuning;

/// <summary>Choices are kept in a file: read by the next process, merged, and none of its damages stops a run.</summary>
[TestFixture]
public sealed class ChoiceFileTests : TuningFixture
{
    private const string Header = /*lang=json,strict*/
        "{\"schema\":\"sequor.choices/1\"}";

    [SetUp]
    public void Declare() => Takes(algorithm => algorithm == "persist" ? 100 : 1000);

    [Test]
    public void The_same_shape_is_measured_once()
    {
        CudaChoice first = Plan();
        long time = Device.Work.Time;
        Device.Counts.Reset();
        CudaChoice second = Plan();
        Assert.Multiple(() =>
        {
            Assert.That((first.Taken, first.How), Is.EqualTo(("persist", "measured")));
            Assert.That((second.Taken, second.How), Is.EqualTo(("persist", "file")));
            Assert.That(second.Microseconds.Keys, Is.EqualTo(first.Microseconds.Keys));
            Assert.That(Device.Counts.Of("cudnnRNNForward"), Is.Zero);
            Assert.That(Told, Is.Empty);
        });
        Assert.That(Device.Work.Time - time, Is.LessThan(100_000), "what making a backend takes");
        string[] lines = File.ReadAllLines(Choices);
        Assert.That(lines, Has.Length.EqualTo(2));
        Assert.That(lines[0], Is.EqualTo(Header));
        Assert.That(
            lines[1],
            Does.StartWith(
                    "{\"kind\":\"recurrent\",\"shape\":\"lstm input 2, hidden 32, layers 1, length 3, batch 2, training\",\"math\":\"fp32\",\"choice\":\"persist\",\"us\":{\"small-h\":"
                )
                .And.Contain("\"device\":\"Sequor virtual GPU\"")
        );
    }

    [Test]
    public void Two_backends_of_a_process_measure_once_where_no_file_can_be_written()
    {
        CudaOptions options = Options with
        {
            Autotune = Autotune.InFile(Path.Join(Folder, "none", "choices.jsonl")),
        };
        Assert.That(Plan(options: options).How, Is.EqualTo("measured"));
        Device.Counts.Reset();
        CudaChoice second = Plan(options: options);
        Assert.That((second.Taken, second.How), Is.EqualTo(("persist", "measured")));
        Assert.That(Device.Counts.Of("cudnnRNNForward"), Is.Zero);
        Assert.That(
            Told.Single(),
            Does.Contain("choices are not kept").And.Contain("there is no folder")
        );
    }

    [Test]
    public void Another_arithmetic_shape_or_mode_is_another_question()
    {
        Plan();
        Assert.That(
            Plan(options: Options with { Math = FloatMath.Tf32 }).How,
            Is.EqualTo("measured")
        );
        Assert.That(Plan(Net() with { MaxBatch = 3 }).How, Is.EqualTo("measured"));
        Assert.That(Plan(Net() with { Training = false }).How, Is.EqualTo("measured"));
        Assert.That(new ChoiceFile(Choices).Read().Entries, Has.Count.EqualTo(4));
    }

    private static IEnumerable<TestCaseData> Damages()
    {
        yield return Case("no JSON", line => line[..^5]);
        yield return Case("an empty object", _ => "{}");
        yield return Case("a list", _ => "[1]");
        yield return Case("a key missing", line => line.Replace("\"choice\"", "\"chosen\""));
        yield return Case("a number for a text", line => line.Replace("\"fp32\"", "32"));
        yield return Case(
            "a time below zero",
            line => line.Replace("\"us\":{", "\"us\":{\"x\":-1,")
        );
        yield return Case(
            "a text for a time",
            line => line.Replace("\"us\":{", "\"us\":{\"x\":\"1\",")
        );
        yield return Case(
            "a time without end",
            line => line.Replace("\"us\":{", "\"us\":{\"x\":1e999,")
        );
        yield return Case("half a character", line => line.Replace("persist", "\\ud800"));
        yield return Case(
            "a name twice",
            line => line.Replace("\"us\":{", "\"us\":{\"persist\":1,")
        );

        static TestCaseData Case(string name, Func<string, string> damage) =>
            new TestCaseData(damage).SetArgDisplayNames(name);
    }

    [TestCaseSource(nameof(Damages))]
    public void A_damaged_line_is_ignored_and_told(Func<string, string> damage)
    {
        Plan(Net() with { MaxBatch = 3 });
        Plan();
        string[] lines = File.ReadAllLines(Choices);
        string damaged = damage(lines[2]);
        Assert.That(damaged, Is.Not.EqualTo(lines[2]));
        // In a file of another name: what this process knows by the name would answer.
        string other = PathOf("damaged.jsonl");
        File.WriteAllLines(other, [lines[0], lines[1], damaged]);
        CudaOptions options = Options with { Autotune = Autotune.InFile(other) };
        Assert.That(Plan(Net() with { MaxBatch = 3 }, options).How, Is.EqualTo("file"));
        Assert.That(Plan(options: options).How, Is.EqualTo("measured"));
        Assert.That(Told, Has.Count.EqualTo(1));
        Assert.That(Told[0], Does.Contain("1 line").And.Contain("ignored").And.Contain(other));
        Assert.That(new ChoiceFile(other).Read(), Has.Property("Damaged").Zero);
    }

    [TestCase("")]
    [TestCase("\n")]
    [TestCase("notes of mine\n")]
    [TestCase("{\"schema\":\"sequor.choices/2\"}\n{}\n")]
    [TestCase("{\"schema\":\"sequor.train/1\"}\n")]
    [TestCase("[]\n")]
    public void A_file_that_is_none_of_this_version_is_told_and_left_alone(string content)
    {
        File.WriteAllText(Choices, content);
        Assert.That(Plan().How, Is.EqualTo("measured"));
        if (content.Length == 0)
        {
            Assert.That(Told, Is.Empty);
            Assert.That(new ChoiceFile(Choices).Read().Entries, Has.Count.EqualTo(1));
            return;
        }
        Assert.That(File.ReadAllText(Choices), Is.EqualTo(content));
        Assert.That(Told[0], Does.Contain("is not read").And.Contain("sequor.choices/1"));
        Assert.That(Told, Has.Count.EqualTo(2), "and that nothing is kept");
    }

    [Test]
    public void An_older_format_is_told_and_replaced()
    {
        File.WriteAllText(Choices, "{\"schema\":\"sequor.choices/0\"}\nold\n");
        Plan();
        Assert.That(Told.Single(), Does.Contain("sequor.choices/0"));
        Assert.That(new ChoiceFile(Choices).Read().Entries, Has.Count.EqualTo(1));
    }

    [Test]
    public void Choices_of_other_devices_are_ignored_told_and_kept()
    {
        Plan();
        string[] lines = File.ReadAllLines(Choices);
        string other = PathOf("shipped.jsonl");
        File.WriteAllLines(other, [lines[0], lines[1].Replace("virtual GPU", "other GPU")]);
        CudaOptions options = Options with { Autotune = Autotune.InFile(other) };
        Assert.That(Plan(options: options).How, Is.EqualTo("measured"));
        Assert.That(
            Told.Single(),
            Does.Contain("1 choice")
                .And.Contain("of other devices")
                .And.Contain("Sequor virtual GPU")
        );
        Assert.That(
            new ChoiceFile(other).Read().Entries.Select(e => e.Identity.Device),
            Is.EquivalentTo(new[] { "Sequor virtual GPU", "Sequor other GPU" })
        );
    }

    [Test]
    public void A_choice_that_is_no_candidate_is_told_and_measured_anew()
    {
        Plan();
        string other = PathOf("odd.jsonl");
        File.WriteAllText(
            other,
            File.ReadAllText(Choices).Replace("\"choice\":\"persist\"", "\"choice\":\"magic\"")
        );
        CudaOptions options = Options with { Autotune = Autotune.InFile(other) };
        CudaChoice choice = Plan(options: options);
        Assert.That((choice.Taken, choice.How), Is.EqualTo(("persist", "measured")));
        Assert.That(Told.Single(), Does.Contain("'magic'").And.Contain("small-h"));
        Assert.That(Plan(options: options).How, Is.EqualTo("file"));
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "calls of Unix")]
    [System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
    public void A_full_or_a_read_only_disk_is_an_answer_and_leaves_the_old_file(
        [Values(FailingFileCalls.NoSpace, FailingFileCalls.ReadOnly)] int error,
        [Values("Create", "Write", "Rename")] string call
    )
    {
        Plan();
        ChoiceEntry entry = new ChoiceFile(Choices).Read().Entries.Single();
        string before = File.ReadAllText(Choices);
        string? why = new ChoiceFile(Choices, calls: new FailingFileCalls(call, error)).Add([
            entry with
            {
                Shape = "another",
            },
        ]);
        Assert.That(why, Does.Contain(FileCalls.Text(error)));
        Assert.That(File.ReadAllText(Choices), Is.EqualTo(before));
        Assert.That(Names(), Is.EqualTo(new[] { "choices.jsonl" }));
    }

    [Test]
    public void What_two_processes_write_at_once_is_all_kept()
    {
        Plan();
        ChoiceEntry entry = new ChoiceFile(Choices).Read().Entries.Single();
        Parallel.For(
            0,
            4,
            writer =>
            {
                for (int i = 0; i < 10; i++)
                    Assert.That(
                        new ChoiceFile(Choices).Add([entry with { Shape = $"{writer} {i}" }]),
                        Is.Null
                    );
            }
        );
        Assert.That(new ChoiceFile(Choices).Read().Entries, Has.Count.EqualTo(41));
        Assert.That(Names(), Is.EqualTo(new[] { "choices.jsonl" }));
    }

    [Test]
    public void A_folder_in_the_place_of_the_file_is_told()
    {
        Directory.CreateDirectory(Choices);
        Assert.That(Plan().How, Is.EqualTo("measured"));
        Assert.That(Told[0], Does.Contain("it is a folder"));
    }

    [Test]
    public void The_users_own_file_lies_in_the_folder_that_is_named()
    {
        // The folder is the one that all tests of this program have.
        string folder = Environment.GetEnvironmentVariable(CacheFolder.Variable)!;
        string file = Path.Join(folder, "choices.jsonl");
        try
        {
            CudaOptions options = Options with { Autotune = Autotune.On };
            Assert.That(Plan(options: options).How, Is.EqualTo("measured"));
            Assert.That(File.ReadAllLines(file), Has.Length.EqualTo(2));
            Assert.That(Plan(options: options).How, Is.EqualTo("file"));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [TestCase("off", false, null)]
    [TestCase("on", true, null)]
    [TestCase("some file", true, "some file")]
    public void A_word_or_a_file_says_how(string text, bool isOn, string? path)
    {
        var read = Autotune.Of(text);
        Assert.That((read.IsOn, read.Path), Is.EqualTo((isOn, path)));
        Assert.That(read.ToString(), Is.EqualTo(text));
        Assert.That(Autotune.Default, Is.EqualTo(Autotune.Off), "tests measure nothing");
    }
}
