using NUnit.Framework;
using Sequor.Tests.Charts;
using Sequor.Tool;
using Sequor.Workloads;
using Sequor.Workloads.Charts;

namespace Sequor.Tests.Tool;

/// <summary>Intervals of the differences between models that answered the same questions: numbers, coverage, and how they are told.</summary>
[TestFixture]
public sealed class AnswerIntervalTests
{
    private static ReproductionResult Answered(string arch, string data, params bool[][] seeds)
    {
        ReproductionResult made = Made.Reproduced(
            arch,
            null,
            50,
            [.. seeds.Select(_ => Array.Empty<Sequor.Layers.EpochRecord>())]
        );
        return made with
        {
            Task = "listops",
            Preset = "70k",
            Metric = "accuracy",
            HigherIsBetter = true,
            Data = data,
            Runs =
            [
                .. made.Runs.Select(
                    (run, i) => run with { Answers = RightAnswers.Of(Of(seeds[i])) }
                ),
            ],
        };
    }

    private static Sequor.Layers.Evaluation Of(bool[] right) => new(1, 0.5) { Right = right };

    private static ReproductionBook Book(params ReproductionResult[] results) =>
        new() { Results = results, Sources = [] };

    private static IReadOnlyList<AnswerDifferences> Between(params ReproductionResult[] results) =>
        AnswerIntervals.Of(Book(results));

    // Agresti, An Introduction to Categorical Data Analysis, table 8.1: of 1,600 people 150 and 86 changed their minds, 794 and 570 did
    // not. The difference is 0.04, and half an observation more in each cell gives 0.0212 to 0.0587.
    [Test]
    public void The_interval_of_one_pair_is_that_of_the_textbook()
    {
        bool[] first = [.. Repeat(true, 794 + 150), .. Repeat(false, 86 + 570)];
        bool[] second =
        [
            .. Repeat(true, 794),
            .. Repeat(false, 150),
            .. Repeat(true, 86),
            .. Repeat(false, 570),
        ];
        AnswerDifferences found = Between(Answered("lru", "x", second), Answered("s5", "x", first))
            .Single();
        Assert.That((found.Answers, found.Seeds), Is.EqualTo((1600, 1)));
        AnswerDifference pair = found.Pairs.Single();
        Assert.That((pair.First, pair.Second), Is.EqualTo(("s5", "lru")));
        Assert.That(pair.Points, Is.EqualTo(4).Within(1e-9));
        Assert.That(pair.Low, Is.EqualTo(2.12).Within(0.005));
        Assert.That(pair.High, Is.EqualTo(5.87).Within(0.005));
        Assert.That(pair.IsResolved);

        static IEnumerable<bool> Repeat(bool value, int times) => Enumerable.Repeat(value, times);
    }

    // Four models that know as much as each other: in about one of twenty sets of questions some pair's interval must miss the truth, and in
    // not many more. 2,000 sets have 5% with a standard deviation of 0.5%.
    [Test]
    public void Intervals_of_a_table_hold_together_with_95_percent()
    {
        var random = new Random(7);
        int missed = 0;
        for (int set = 0; set < 2000; set++)
        {
            int[] hardness = [.. Enumerable.Range(0, 200).Select(_ => random.Next(100))];
            ReproductionResult[] results =
            [
                .. new[] { "rnn", "gru", "lstm", "tcn" }.Select(arch =>
                    Answered(arch, "x", [.. hardness.Select(h => random.Next(100) > h)])
                ),
            ];
            if (Between(results).Single().Pairs.Any(p => p.IsResolved))
                missed++;
        }
        Assert.That(missed / 2000.0, Is.InRange(0.01, 0.065));
    }

    [Test]
    public void Models_that_answer_alike_are_not_resolved_and_their_interval_has_a_width()
    {
        bool[] answers = [.. Enumerable.Range(0, 100).Select(i => i % 3 == 0)];
        AnswerDifference pair = Between(
                Answered("gru", "x", answers),
                Answered("tcn", "x", answers)
            )
            .Single()
            .Pairs.Single();
        Assert.That(pair.Points, Is.Zero);
        Assert.That(pair.Low, Is.Negative.And.EqualTo(-pair.High).Within(1e-9));
        Assert.That(pair.IsResolved, Is.False);
    }

    // The same test set for all seeds is one set of questions; sets that are drawn are one more with each seed.
    [Test]
    public void Seeds_are_more_questions_only_where_the_data_are_drawn()
    {
        bool[] right = [true, true, false];
        Assert.That(
            Between(Answered("gru", "x", right, right), Answered("tcn", "x", right, right))
                .Single()
                .Answers,
            Is.EqualTo(3)
        );
        AnswerDifferences drawn = Between(
                Answered("gru", ReproductionResult.Drawn, right, [true]),
                Answered("tcn", ReproductionResult.Drawn, right, [false])
            )
            .Single();
        Assert.That((drawn.Answers, drawn.Seeds), Is.EqualTo((4, 2)));
        Assert.That(drawn.Pairs.Single().Points, Is.EqualTo(-25).Within(1e-9));
    }

    [Test]
    public void What_was_not_asked_the_same_is_not_compared()
    {
        bool[] right = [true, false];
        Assert.That(Between(Answered("gru", "x", right), Answered("tcn", "y", right)), Is.Empty);
        Assert.That(
            Between(Answered("gru", "x", right), Answered("tcn", "x", [true])),
            Is.Empty,
            "another number"
        );
        Assert.That(Between(Answered("gru", "x", right)), Is.Empty, "one alone");
        Assert.That(
            Between(Answered("gru", "x", right), Made.Reproduced("tcn", null, 50, [])),
            Is.Empty,
            "no answers"
        );
    }

    [Test]
    public void Tables_tell_what_is_settled_and_what_is_open()
    {
        bool[] half = [.. Enumerable.Range(0, 400).Select(i => i % 2 == 0)];
        bool[] most = [.. Enumerable.Range(0, 400).Select(i => i % 10 != 1)];
        ReproductionBook book = Book(
            Answered("gru", "x", half),
            Answered("tcn", "x", [.. half.Reverse()]),
            Answered("lru", "x", most)
        );
        book = book with { Differences = AnswerIntervals.Of(book) };
        string text = ResultsDocument.Render(book);
        Assert.That(text, Does.Contain("| model | gru | tcn |\n"));
        Assert.That(text, Does.Contain("| tcn | open (−11.9 to +11.9) |  |\n"));
        Assert.That(text, Does.Contain("| lru | +40.0 (+33.9 to +45.7) | +40.0 (+31.9 to +47.7)"));
        Assert.That(text, Does.Contain("to the same 400 questions"));
        string page = ReproductionPage.Render(book);
        Made.RequireWhole(page);
        Assert.That(Made.Cells(page), Does.Contain("open (−11.9 to +11.9)"));
    }

    [Test]
    public void Answers_go_through_json_bit_by_bit()
    {
        bool[] right = [.. Enumerable.Range(0, 19).Select(i => i % 3 == 0 || i == 7)];
        RightAnswers answers = RightAnswers.Of(Of(right))!;
        Assert.That(Enumerable.Range(0, 19).Select(i => answers[i]), Is.EqualTo(right));
        Assert.That(answers.Bits.Length, Is.EqualTo(3));
        string json = System.Text.Json.JsonSerializer.Serialize(answers);
        Assert.That(json, Is.EqualTo("{\"count\":19,\"bits\":\"yZIE\"}"));
        Assert.That(
            System.Text.Json.JsonSerializer.Deserialize<RightAnswers>(json),
            Is.EqualTo(answers)
        );
    }
}
