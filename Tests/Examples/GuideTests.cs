using System.Runtime.CompilerServices;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Examples;

/// <summary>What the guides promise: the first program learns, and the table for PyTorch's users names what there is.</summary>
[TestFixture]
public sealed partial class GuideTests
{
    private static Backend Cpu => Backends.Get(256, 2);

    [Test]
    public void The_first_program_runs() =>
        Assert.That(First(64, 32, 1).Losses, Has.Length.EqualTo(1));

    [Test]
    [Category("Long")]
    public void The_first_program_learns()
    {
        (double?[] losses, float answer, string printed) = First(5000, 500, 4);
        Assert.That(losses[^1], Is.LessThan(0.01));
        Assert.That(answer, Is.EqualTo(0.75f).Within(0.1));
        TestContext.Out.WriteLine(printed);
        // The guide shows a run of another machine: the same lines with other figures.
        string guide = File.ReadAllText(
            Path.Combine(Repository.Root(), "docs", "getting-started.md")
        );
        string shown = guide[guide.IndexOf("CPU, ", StringComparison.Ordinal)..];
        shown = shown[..shown.IndexOf("\n```", StringComparison.Ordinal)];
        Assert.That(Lines(printed), Is.EqualTo(Lines(shown)));

        static string[] Lines(string text) =>
            [
                .. text.Trim()
                    .Split('\n')
                    .Skip(1)
                    .Select(line => Figures().Replace(line.Trim(), "0")),
            ];
    }

    [Test]
    public void The_loop_learns()
    {
        var draw = new Draw(3);
        float[] x = draw.Uniform(28 * 64 * 4);
        float[] targets = [.. Enumerable.Range(0, 64).Select(b => (float)(x[b * 4] > 0 ? 1 : 0))];
        using var model = new Sequential(new Gru(4, 8), new Mean(8), new Linear(8, 2));
        float first = PyTorchLoop.Run(Cpu, model, [(x, targets)]);
        float last = PyTorchLoop.Run(Cpu, model, Enumerable.Repeat((x, targets), 30));
        Assert.That(last, Is.LessThan(first));
    }

    [Test]
    public void The_table_for_users_of_PyTorch_names_what_there_is()
    {
        using Sequential model = new(new Linear(1, 2));
        using Plan plan = model.Plan(Cpu, 1, 1, Mode.Training);
        string[] expected =
        [
            .. Layers()
                .Select(layer =>
                {
                    using Layer made = layer.Make();
                    made.Initialize(Cpu);
                    Prediction y = made.Predict(new float[3 * 2 * made.InputSize], 3, 2);
                    Assert.That(y.Shape.Columns, Is.EqualTo(made.OutputSize), layer.Code);
                    return layer.Code;
                }),
            .. Parts(plan)
                .Select(part =>
                {
                    using IDisposable made = part.Make();
                    return part.Code;
                }),
        ];
        string text = File.ReadAllText(
            Path.Combine(Repository.Root(), "docs", "how-to", "from-pytorch.md")
        );
        Assert.That(
            Constructed().Matches(text).Select(match => match.Groups[1].Value),
            Is.EquivalentTo(expected)
        );
    }

    [Test]
    public void Weights_of_the_table_s_layers_go_to_PyTorch_and_back()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}.safetensors");
        try
        {
            var rows = Layers().Where(row => !row.Code.Contains("Lru", StringComparison.Ordinal));
            foreach ((string code, Func<Layer> make) in rows)
            {
                using Layer made = make();
                made.Initialize(Cpu);
                TorchWeights.Save(made, path);
                Assert.That(() => TorchWeights.Load(made, path), Throws.Nothing, code);
            }
        }
        finally
        {
            File.Delete(path);
        }
    }

    [Test]
    public void The_landing_page_has_the_readme_s_figures()
    {
        string root = Repository.Root();
        string readme = File.ReadAllText(Path.Combine(root, "README.md"));
        string[] rows =
        [
            .. File.ReadLines(Path.Combine(root, "docs", "site", "index.md"))
                .Where(line => line.StartsWith('|'))
                .Skip(2),
        ];
        Assert.That(rows, Has.Length.EqualTo(5));
        foreach (string row in rows)
        {
            string[] cells = Cells(row);
            string name = cells[0].Split(' ')[^1].ToLowerInvariant();
            string[] step = Line(readme, $"{name} +{cells[1]} ")
                .Split(' ', StringSplitOptions.RemoveEmptyEntries);
            Assert.That(step[5], Is.EqualTo(cells[2]), row); // behind the parameters
            Assert.That(step, Does.Contain(cells[3]).And.Contain(cells[4]), row);
            Assert.That(Cells(Line(readme, $"\\| {name} \\|"))[1], Is.EqualTo(cells[5]), row);
        }
    }

    private static string[] Cells(string row) =>
        [.. row.Trim('|').Split('|').Select(cell => cell.Trim())];

    private static string Line(string text, string beginning)
    {
        Match line = Regex.Match(text, $"(?m)^{beginning}.*$");
        Assert.That(line.Success, $"README has no line '{beginning}'");
        return line.Value;
    }

    private static (double?[] Losses, float Answer, string Printed) First(
        int sequences,
        int held,
        int epochs
    )
    {
        string path = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}.safetensors");
        TextWriter output = Console.Out;
        using var printed = new StringWriter();
        Console.SetOut(printed);
        try
        {
            (double?[] losses, float answer) = GettingStarted.Run(
                Device.Cpu,
                sequences,
                held,
                epochs,
                path
            );
            Assert.That(printed.ToString(), Does.Match(@"epoch 1: held out \d\.\d{4}\s"));
            Assert.That(File.Exists(path));
            return (losses, answer, printed.ToString());
        }
        finally
        {
            Console.SetOut(output);
            File.Delete(path);
        }
    }

    private static (string Code, Func<Layer> Make)[] Layers() =>
        [
            Row(() => new Rnn(16, 32)),
            Row(() => new Rnn(16, 32, relu: true)),
            Row(() => new Rnn(16, 32, RnnActivation.Linear)),
            Row(() => new Lstm(16, 32, layers: 2)),
            Row(() =>
                new Lstm(16, 32, new RecurrentOptions { Bidirectional = true, ProjectionSize = 8 })
            ),
            Row(() => new Gru(16, 32, new RecurrentOptions { Layers = 2, Dropout = 0.1f })),
            Row(() => new Linear(32, 10)),
            Row(() => new Linear(32, 10, bias: false)),
            Row(() => new Embedding(65, 24, paddingIndex: 0)),
            Row(() => new LayerNorm(32)),
            Row(() => new BatchNorm(32)),
            Row(() => new Dropout(32, 0.1f)),
            Row(() => new Sequential(new Linear(16, 32), new Linear(32, 10))),
            Row(() => new Last(32)),
            Row(() => new BothEnds(64)),
            Row(() => new Mean(32)),
            Row(() => new Residual(new Lstm(32, 32))),
            Row(() => new FeedThrough(new Linear(32, 32))),
            Row(() => new Branches(BranchJoin.Concatenate, new Gru(16, 32), new Linear(16, 8))),
            Row(() => new Tcn(2, [24, 24, 24], kernel: 8, dropout: 0.1f)),
            Row(() => new Tcn(2, [24, 24, 24], 8, 0.1f, TcnActivation.Gated)),
            Row(() => new Lru(2, 32, 32, blocks: 2)),
            Row(() =>
                new SequenceBlock(new Gru(32, 32), new SequenceBlockOptions { Dropout = 0.1f })
            ),
        ];

    private static (string Code, Func<IDisposable> Make)[] Parts(Plan plan) =>
        [
            Part(() => new MeanSquaredError(plan)),
            Part(() => new SoftmaxCrossEntropy(plan, ignoreIndex: 0)),
            Part(() => new BinaryCrossEntropy(plan)),
            Part(() => new Sgd(plan, 0.1f, momentum: 0.9f)),
            Part(() => new Nesterov(plan, 0.1f, 0.9f)),
            Part(() => new RmsProp(plan, 1e-3f)),
            Part(() => new Adam(plan, 1e-3f)),
            Part(() => new AdamW(plan, 1e-3f, weightDecay: 0.01f)),
        ];

    private static (string Code, Func<Layer> Make) Row(
        Func<Layer> make,
        [CallerArgumentExpression(nameof(make))] string code = ""
    ) => (OneLine(code), make);

    private static (string Code, Func<IDisposable> Make) Part(
        Func<IDisposable> make,
        [CallerArgumentExpression(nameof(make))] string code = ""
    ) => (OneLine(code), make);

    // As documents have it, however the formatter breaks it here.
    private static string OneLine(string code)
    {
        string line = Blanks().Replace(code["() => ".Length..].Trim(), " ");
        return line.Replace("( ", "(", StringComparison.Ordinal)
            .Replace(" )", ")", StringComparison.Ordinal);
    }

    [GeneratedRegex(@"\d+(\.\d+)?")]
    private static partial Regex Figures();

    [GeneratedRegex(@"\s+")]
    private static partial Regex Blanks();

    [GeneratedRegex("(?m)^\\|.*\\| `(new [^`]+)`")]
    private static partial Regex Constructed();
}
