using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>
/// The drawn tasks, adding and copy memory: how their sequences are laid out, and that a sequence depends only on its stream and
/// number.
/// </summary>
[TestFixture]
public sealed class TaskTests
{
    [Test]
    public void Adding_marks_two_steps_and_asks_for_their_sum([Values(2, 3, 50)] int length)
    {
        const int Size = 200;
        var task = new AddingProblem(length);
        var batch = new SequenceBatch(task, Size);
        batch.Load(task.Stream(7), 0, Size);
        for (int b = 0; b < Size; b++)
        {
            int marks = 0;
            float sum = 0;
            for (int t = 0; t < length; t++)
            {
                Assert.That(batch.Input(t, b)[0], Is.InRange(0f, 1f).And.LessThan(1f));
                float mark = batch.Input(t, b)[1];
                Assert.That(mark, Is.EqualTo(0f).Or.EqualTo(1f));
                if (mark == 0)
                    continue;
                marks++;
                sum += batch.Input(t, b)[0];
            }
            Assert.That(marks, Is.EqualTo(2));
            Assert.That(batch.Target(0, b)[0], Is.EqualTo(sum).Within(1e-6f));
        }
    }

    [Test]
    public void Adding_asks_for_1_on_average_and_marks_every_step_alike()
    {
        const int Size = 20_000;
        const int Length = 10;
        var task = new AddingProblem(Length);
        var batch = new SequenceBatch(task, Size);
        batch.Load(task.Stream(3), 0, Size);
        double sum = 0;
        double squares = 0;
        var marks = new int[Length];
        for (int b = 0; b < Size; b++)
        {
            sum += batch.Target(0, b)[0];
            squares += Math.Pow(batch.Target(0, b)[0] - 1, 2);
            for (int t = 0; t < Length; t++)
                marks[t] += (int)batch.Input(t, b)[1];
        }
        Assert.That(sum / Size, Is.EqualTo(1).Within(0.02));
        Assert.That(squares / Size, Is.EqualTo(task.Baseline).Within(0.01));
        Assert.That(marks, Is.All.EqualTo(2 * Size / Length).Within(300));
    }

    [Test]
    public void Copy_memory_is_laid_out_as_in_the_paper([Values(1, 5, 40)] int delay)
    {
        const int Size = 50;
        var task = new CopyMemory(delay);
        Assert.That(task.Length, Is.EqualTo(delay + 20));
        var batch = new SequenceBatch(task, Size);
        batch.Load(task.Stream(1), 0, Size);
        var seen = new HashSet<float>();
        for (int b = 0; b < Size; b++)
        {
            for (int t = 0; t < task.Length; t++)
            {
                float x = batch.Input(t, b)[0];
                float y = batch.Target(t, b)[0];
                if (t < 10)
                {
                    Assert.That(x, Is.InRange(1f, 8f).And.EqualTo(MathF.Floor(x)));
                    seen.Add(x);
                }
                else
                {
                    // Zeros, then eleven nines.
                    Assert.That(x, Is.EqualTo(t < task.Length - 11 ? 0f : 9f));
                }
                float answer =
                    t < task.Length - 10 ? 0f : batch.Input(t - (task.Length - 10), b)[0];
                Assert.That(y, Is.EqualTo(answer));
            }
        }
        Assert.That(seen, Has.Count.EqualTo(8));
    }

    [Test]
    public void Copy_memory_without_memory_is_a_guess_of_the_digits([Values(1, 40)] int delay)
    {
        var task = new CopyMemory(delay);
        var batch = new SequenceBatch(task, 1);
        batch.Load(task.Stream(1), 0, 1);
        double loss = 0;
        for (int t = 0; t < task.Length; t++)
            loss += batch.Target(t, 0)[0] == 0 ? 0 : -Math.Log(1 / 8.0);
        Assert.That(task.Baseline, Is.EqualTo(loss / task.Length).Within(1e-12));
    }

    [Test]
    public void A_sequence_is_the_same_whatever_the_batch(
        [ValueSource(typeof(Listed), nameof(Listed.DrawnTasks))] string name
    )
    {
        SequenceTask task = Sequor.Workloads.Tasks.Create(name, 12);
        var whole = new SequenceBatch(task, 12);
        whole.Load(task.Stream(9), 4, 12);
        for (int size = 1; size <= 4; size++)
        {
            var part = new SequenceBatch(task, size);
            for (int first = 0; first < 12; first += size)
            {
                part.Load(task.Stream(9), 4 + first, size);
                for (int b = 0; b < size; b++)
                    Assert.That(Values(task, part, b), Is.EqualTo(Values(task, whole, first + b)));
            }
        }
    }

    [Test]
    public void Sequences_of_one_stream_and_of_two_streams_differ(
        [ValueSource(typeof(Listed), nameof(Listed.DrawnTasks))] string name
    )
    {
        SequenceTask task = Sequor.Workloads.Tasks.Create(name, 12);
        var all = new List<string>();
        foreach (ulong stream in (ulong[])[0, 1, 2, SequenceTask.HeldOutStream])
        {
            var batch = new SequenceBatch(task, 20);
            batch.Load(task.Stream(stream), 0, 20);
            for (int b = 0; b < batch.Size; b++)
                all.Add(string.Join(' ', Values(task, batch, b)));
        }
        Assert.That(all, Is.Unique);
    }

    private static float[] Values(SequenceTask task, SequenceBatch batch, int b)
    {
        var values = new List<float>();
        for (int t = 0; t < task.Length; t++)
        {
            for (int c = 0; c < task.InputSize; c++)
                values.Add(batch.Input(t, b)[c]);
        }
        for (int t = 0; t < task.TargetsPerSequence; t++)
            values.Add(batch.Target(t, b)[0]);
        return [.. values];
    }
}
