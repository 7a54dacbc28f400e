using System.Collections.Concurrent;
using System.Diagnostics;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Threads;

/// <summary>Two threads at a time, for a bounded time: what they get is right, or an error that says what is allowed.</summary>
[TestFixtureSource(nameof(Devices))]
public sealed class StressTests(string device) : ThreadFixture(device)
{
    private const int T = 7;
    private const int B = 5;

    private static readonly string[] Devices = ["cpu", "cuda"];
    private static readonly TimeSpan Budget = TimeSpan.FromMilliseconds(150);
    private static readonly float[] X = new Draw(1).Uniform(T * B * 3);

    private static Sequential Model() => new Sequential(new Lstm(3, 8, 2), new Linear(8, 4));

    // Both run it again and again; calls that are refused are counted and no error.
    private static (long Done, long Refused) Hammer(params Action[] acts)
    {
        long done = 0;
        long refused = 0;
        var others = new ConcurrentQueue<Exception>();
        long end = Stopwatch.GetTimestamp() + (long)(Budget.TotalSeconds * Stopwatch.Frequency);
        using var together = new Barrier(acts.Length);
        Thread[] threads =
        [
            .. acts.Select(act => new Thread(() =>
            {
                together.SignalAndWait();
                do
                {
                    Exception? error = Record(act);
                    if (error is null)
                        Interlocked.Increment(ref done);
                    else if (error is InvalidOperationException and not ObjectDisposedException)
                        Interlocked.Increment(ref refused);
                    else
                        others.Enqueue(error);
                } while (others.IsEmpty && Stopwatch.GetTimestamp() < end);
            })),
        ];
        foreach (Thread thread in threads)
            thread.Start();
        foreach (Thread thread in threads)
            thread.Join();
        Assert.That(others, Is.Empty);
        return (done, refused);
    }

    // A whole use within one turn of the backend: the output is read before another thread can run the plan again.
    private static void Check(Backend backend, Plan plan, float[] expected)
    {
        using OwnerScope inside = backend.Enter("Check");
        float[] y = plan.Forward(X, T, B).ToArray();
        if (!y.AsSpan().SequenceEqual(expected))
            throw new AssertionException("another thread's work is in the output");
    }

    [Test]
    public void Two_threads_on_one_plan()
    {
        using Sequential model = Model();
        using Plan plan = model.Plan(Backend, T, B, Mode.Training);
        float[] expected = plan.Forward(X, T, B).ToArray();

        (long done, _) = Hammer(
            () => Check(Backend, plan, expected),
            () => plan.Forward(X, T, B),
            () => plan.Output.ToArray()
        );

        Assert.That(done, Is.Positive);
        Assert.That(plan.Forward(X, T, B).ToArray(), Is.EqualTo(expected));
    }

    [Test]
    public void Two_plans_on_one_backend()
    {
        using Sequential one = Model();
        using var two = new Tcn(3, [6, 6], 3);
        using Plan first = one.Plan(Backend, T, B, Mode.Evaluation);
        using Plan second = two.Plan(Backend, T, B, Mode.Evaluation);
        float[] firstY = first.Forward(X, T, B).ToArray();
        float[] secondY = second.Forward(X, T, B).ToArray();

        (long done, _) = Hammer(
            () => Check(Backend, first, firstY),
            () => Check(Backend, second, secondY)
        );

        Assert.That(done, Is.Positive);
    }

    [Test]
    public void A_plan_is_disposed_while_it_runs()
    {
        using Sequential model = Model();
        Plan plan = model.Plan(Backend, T, B, Mode.Training);
        float[] expected = plan.Forward(X, T, B).ToArray();
        plan.Dispose();
        long bytes = Backend.Memory.CurrentBytes;
        plan = model.Plan(Backend, T, B, Mode.Training);
        var gate = new Lock();

        Hammer(
            () =>
            {
                Plan now;
                lock (gate)
                    now = plan;
                try
                {
                    Check(Backend, now, expected);
                }
                catch (ObjectDisposedException)
                {
                    // Between two calls it may go.
                }
            },
            () =>
            {
                plan.Dispose();
                Plan next = model.Plan(Backend, T, B, Mode.Training);
                lock (gate)
                    plan = next;
            }
        );

        plan.Dispose();
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
    }

    [Test]
    public void A_backend_for_each_thread_works_at_the_same_time()
    {
        using Backend other = Another();
        float[] expected = Trained(Backend);

        (long done, long refused) = Hammer(
            () => Assert.That(Trained(Backend), Is.EqualTo(expected)),
            () => Assert.That(Trained(other), Is.EqualTo(expected))
        );

        Assert.That(refused, Is.Zero);
        Assert.That(done, Is.GreaterThan(1));
    }

    private static float[] Trained(Backend backend)
    {
        using Sequential model = Model();
        using Plan plan = model.Plan(backend, T, B, Mode.Training, new PlanOptions { Seed = 3 });
        using var loss = new MeanSquaredError(plan);
        using var adam = new Adam(plan, 0.01f);
        for (int step = 0; step < 2; step++)
        {
            plan.Forward(X, T, B);
            plan.Backward(loss.Compute(new float[T * B * 4]));
            adam.Step(clip: 1f);
        }
        return plan.Parameters.ToArray();
    }
}
