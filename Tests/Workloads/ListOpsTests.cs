using NUnit.Framework;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Expressions of ListOps: their values by an evaluator of the tests, and what the grammar draws.</summary>
[TestFixture]
public sealed class ListOpsTests
{
    private static readonly TaskEntry Entry = Sequor.Workloads.Tasks.Get("listops");

    /// <summary>The value of a text, by words and lists, which shares nothing with the tokens.</summary>
    internal static int Value(string text)
    {
        var stack = new Stack<(string Name, List<int> Arguments)>();
        stack.Push(("", []));
        foreach (string word in text.Split(' '))
        {
            if (word.StartsWith('['))
            {
                stack.Push((word[1..], []));
                continue;
            }
            int value;
            if (word == "]")
            {
                (string name, List<int> arguments) = stack.Pop();
                arguments.Sort();
                int n = arguments.Count;
                value = name switch
                {
                    "MIN" => arguments[0],
                    "MAX" => arguments[^1],
                    "MED" => n % 2 == 1
                        ? arguments[n / 2]
                        : (int)((arguments[(n / 2) - 1] + arguments[n / 2]) / 2.0),
                    "SM" => arguments.Sum() % 10,
                    _ => throw new InvalidOperationException(name),
                };
            }
            else
            {
                value = int.Parse(word, System.Globalization.CultureInfo.InvariantCulture);
            }
            stack.Peek().Arguments.Add(value);
        }
        return stack.Pop().Arguments.Single();
    }

    private static byte[] Tokens(string text) =>
        [.. text.Split(' ').Select(word => (byte)ListOps.Words.ToList().IndexOf(word))];

    [TestCase("7", 7)]
    [TestCase("[MAX 4 3 [MIN 2 3 ] 1 0 [MED 1 5 8 9 2 ] ]", 5)]
    [TestCase("[MED 1 4 ]", 2)]
    [TestCase("[MED 9 1 4 8 ]", 6)]
    [TestCase("[SM 9 9 9 ]", 7)]
    [TestCase("[MIN [SM 5 5 ] 1 ]", 0)]
    public void Known_expressions_have_their_values(string text, int value)
    {
        Assert.That(ListOps.Evaluate(Tokens(text)), Is.EqualTo(value));
        Assert.That(Value(text), Is.EqualTo(value));
        Assert.That(ListOps.Text(Tokens(text)), Is.EqualTo(text));
    }

    [TestCase("[MAX 1 2")]
    [TestCase("[MAX 1 ]")]
    [TestCase("[MAX ]")]
    [TestCase("1 2")]
    [TestCase("]")]
    [TestCase("[SM 1 2 3 4 5 6 7 8 9 0 1 ]")]
    [TestCase("[SM 1 2 ] ]")]
    public void What_is_no_expression_has_no_value(string text) =>
        Assert.That(ListOps.Evaluate(Tokens(text)), Is.Null);

    [Test]
    public void Padding_and_deep_nesting_are_no_expressions()
    {
        Assert.That(ListOps.Evaluate([ListOps.Padding]), Is.Null);
        Assert.That(ListOps.Evaluate([]), Is.Null);
        string text = "1";
        for (int depth = 1; depth < 10; depth++)
        {
            text = $"[MIN {text} 2 ]";
            Assert.That(ListOps.Evaluate(Tokens(text)), Is.EqualTo(1));
        }
        Assert.That(ListOps.Evaluate(Tokens($"[MIN {text} 2 ]")), Is.Null, "an 11th level");
        byte[] open = new byte[1 << 20];
        Array.Fill(open, Tokens("[MIN")[0]);
        Assert.That(ListOps.Evaluate(open), Is.Null);
    }

    [TestCase(7)]
    [TestCase(10_001)]
    public void Lengths_that_drawing_would_hardly_ever_give_are_refused(int length)
    {
        foreach (
            Func<object> create in (Func<object>[])
                [
                    () => Entry.CreateStream(length),
                    () => Entry.CreateTraining(length, 1),
                    () => Entry.CreateSets(length, 10, 1, null),
                ]
        )
            Assert.That(
                () => create(),
                Throws.TypeOf<ArgumentOutOfRangeException>().With.Message.Contains("8 to 10000")
            );
    }

    [Test]
    public void The_longest_that_are_drawn_come_in_time()
    {
        SequenceTask task = Entry.CreateStream(Entry.MostDrawnLength);
        var batch = new SequenceBatch(task, 4);
        batch.Load(task, 0, 4);
        for (int b = 0; b < 4; b++)
        {
            int padding = 0;
            while (batch.Input(padding, b)[0] == ListOps.Padding)
                padding++;
            Assert.That(task.Length - padding, Is.GreaterThan(2500));
        }
    }

    // Of the published generator, 8.5% of the draws are kept, and what is kept has 1045 tokens on average.
    [Test]
    public void The_grammar_draws_what_the_published_one_does()
    {
        var random = new Philox(5, 0);
        byte[] tokens = new byte[1999];
        int above = ListOps.Above(tokens.Length);
        Assert.That(above, Is.EqualTo(500));
        Assert.That(ListOps.Above(512), Is.EqualTo(128));
        const int Draws = 60_000;
        var kept = new List<int>();
        int digits = 0;
        var operators = new int[4];
        var counts = new int[11];
        for (int i = 0; i < Draws; i++)
        {
            int length = ListOps.Draw(ref random, tokens, out int value);
            if (length == 1)
                digits++;
            if (length <= above)
                continue;
            kept.Add(length);
            if (kept.Count % 50 == 0)
                Assert.That(Value(ListOps.Text(tokens.AsSpan(0, length))), Is.EqualTo(value));
            // The root's own arguments.
            int depth = 0;
            int arguments = 0;
            foreach (byte token in tokens.AsSpan(1, length - 2))
            {
                bool opens = token is >= 11 and < 15;
                if (depth == 0 && token != ListOps.End)
                    arguments++;
                depth +=
                    opens ? 1
                    : token == ListOps.End ? -1
                    : 0;
            }
            operators[tokens[0] - 11]++;
            counts[arguments]++;
        }
        Assert.Multiple(() =>
        {
            // Three standard deviations are 0.0053, 0.0034 and, of about 5100 lengths, 15.
            Assert.That((double)digits / Draws, Is.EqualTo(0.75).Within(0.006));
            Assert.That((double)kept.Count / Draws, Is.EqualTo(0.085).Within(0.004));
            Assert.That(kept.Average(), Is.EqualTo(1045).Within(18));
            Assert.That(operators, Is.All.EqualTo(kept.Count / 4).Within(130));
            Assert.That(counts[..2], Is.All.Zero);
            Assert.That(counts[2..], Is.All.Positive);
            Assert.That(counts[10], Is.GreaterThan(counts[2]), "long ones have many arguments");
        });
    }

    [Test]
    public void Sets_have_no_repeats_the_values_of_their_texts_and_lengths_within_bounds()
    {
        const int Length = 64;
        TaskSets sets = Entry.CreateSets(Length, 3000, 7, null);
        var seen = new HashSet<string>();
        foreach (Dataset data in (Dataset[])[sets.Train, sets.Valid, sets.Test])
        {
            var set = (ListOpsSet)data;
            Assert.That(set.Count, Is.EqualTo(ReferenceEquals(set, sets.Train) ? 3000 : 2000));
            for (int i = 0; i < set.Count; i++)
            {
                string text = ListOps.Text(set.TokensOf(i));
                Assert.That(seen.Add(text), Is.True, text);
                Assert.That(set.ValueOf(i), Is.EqualTo(Value(text)));
            }
            Assert.That(set.Shortest, Is.GreaterThan(16));
            Assert.That(set.Longest, Is.LessThanOrEqualTo(Length));
        }
        Assert.That(sets.Train.Longest, Is.GreaterThan(Length - 5));
        Assert.That(sets.Train.Shortest, Is.LessThan(22));
    }

    [Test]
    public void A_seed_decides_what_is_trained_on_and_no_seed_what_is_held_out()
    {
        TaskSets sets = Entry.CreateSets(32, 200, 7, null);
        TaskSets again = Entry.CreateSets(32, 200, 7, null);
        TaskSets other = Entry.CreateSets(32, 300, 8, null);
        Assert.That(Texts(again.Train), Is.EqualTo(Texts(sets.Train)));
        Assert.That(Texts(other.Train)[..200], Is.Not.EqualTo(Texts(sets.Train)));
        Assert.That(Texts(other.Valid), Is.EqualTo(Texts(sets.Valid)));
        Assert.That(Texts(other.Test), Is.EqualTo(Texts(sets.Test)));

        static string[] Texts(Dataset set) =>
            [
                .. Enumerable
                    .Range(0, set.Count!.Value)
                    .Select(i => ListOps.Text(((ListOpsSet)set).TokensOf(i))),
            ];
    }

    [Test]
    public void A_batch_has_tokens_as_classes_and_one_target()
    {
        var set = (ListOpsSet)Entry.CreateSets(40, 20, 1, null).Train;
        var batch = new SequenceBatch(set, 4);
        batch.Load(set, [3, 0, 19, 7]);
        Assert.That(batch.Targets.Length, Is.EqualTo(4));
        int[] lengths = batch.Lengths.ToArray();
        int place = 0;
        foreach (int i in (int[])[3, 0, 19, 7])
        {
            Assert.That(
                Enumerable.Range(0, set.LengthOf(i)).Select(t => (byte)batch.Input(t, place)[0]),
                Is.EqualTo(set.TokensOf(i).ToArray())
            );
            Assert.That(lengths[place], Is.EqualTo(set.LengthOf(i)));
            Assert.That(batch.Target(0, place)[0], Is.EqualTo(set.ValueOf(i)));
            place++;
        }
    }

    [Test]
    public void A_stream_pads_before_the_expression()
    {
        SequenceTask task = Entry.CreateStream(24);
        var batch = new SequenceBatch(task, 50);
        batch.Load(task.Stream(3), 0, 50);
        for (int b = 0; b < 50; b++)
        {
            byte[] row = [.. Enumerable.Range(0, 24).Select(t => (byte)batch.Input(t, b)[0])];
            byte[] tokens = [.. row.SkipWhile(token => token == ListOps.Padding)];
            Assert.That(tokens, Has.Length.InRange(7, 24));
            Assert.That(ListOps.Evaluate(tokens), Is.EqualTo((int)batch.Target(0, b)[0]));
        }
    }

    [Test]
    public void More_expressions_than_there_are_are_refused()
    {
        Assert.That(
            // There are 4 operators with 100 pairs of arguments.
            () => ListOpsEntry.Draw(new ListOpsStore(), 401, 4, 1),
            Throws
                .TypeOf<TaskDataException>()
                .With.Message.Contains("too few expressions of 2 to 4 tokens for 401")
        );
        Assert.That(
            () => Entry.CreateSets(7, 10, 1, null),
            Throws.InstanceOf<ArgumentOutOfRangeException>()
        );
    }
}
