using NUnit.Framework;
using Sequor.Layers.Cpu;

namespace Sequor.Tests.Cpu;

/// <summary>Where parts of a job wait for each other: all see what all wrote, none goes ahead, and none waits for one that failed.</summary>
[TestFixture]
public sealed class StepBarrierTests
{
    [TestCase(1)]
    [TestCase(2)]
    [TestCase(5)]
    public void All_parts_see_what_all_wrote_before(int parts)
    {
        const int Rounds = 2_000;
        var barrier = new StepBarrier(parts);
        int[] values = new int[parts];
        int wrong = 0;
        Run(
            parts,
            part =>
            {
                for (int round = 1; round <= Rounds; round++)
                {
                    values[part] = round;
                    barrier.Wait();
                    if (values.Any(value => value != round))
                        Interlocked.Increment(ref wrong);
                    barrier.Wait();
                }
            }
        );
        Assert.That(wrong, Is.Zero);
    }

    [Test]
    public void A_part_that_fails_ends_the_waiting_of_the_others_and_the_next_job_is_whole()
    {
        var barrier = new StepBarrier(3);
        int ended = 0;
        Run(
            3,
            part =>
            {
                if (part == 0)
                {
                    barrier.Break();
                    return;
                }
                Assert.That(barrier.Wait, Throws.TypeOf<StepBarrier.BrokenException>());
                Interlocked.Increment(ref ended);
            }
        );
        Assert.That(ended, Is.EqualTo(2));
        barrier.Reset();
        Run(3, _ => barrier.Wait());
    }

    private static void Run(int parts, Action<int> body)
    {
        Task[] tasks =
        [
            .. Enumerable
                .Range(0, parts)
                .Select(part =>
                    Task.Factory.StartNew(
                        () => body(part),
                        CancellationToken.None,
                        TaskCreationOptions.LongRunning,
                        TaskScheduler.Default
                    )
                ),
        ];
        Assert.That(Task.WaitAll(tasks, TimeSpan.FromMinutes(2)), Is.True, "all come to an end");
    }
}
