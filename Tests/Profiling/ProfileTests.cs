using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Profiling;

/// <summary>What a profile tells of steps on a CPU: rows without gaps, whose they are, and what the memory holds.</summary>
public sealed class ProfileTests
{
    private static Backend Cpu => Backends.Get(256, 2);

    [Test]
    public void Rows_follow_each_other_and_add_up_to_the_step(
        [ValueSource(typeof(TrainingRun), nameof(TrainingRun.Architectures))] string architecture
    )
    {
        using var training = new TrainingRun(architecture, Cpu);
        training.Step();
        using Profile profile = Profile.Start(training.Plan);
        using (profile.Step())
            training.Step();
        ProfiledStep step = profile.Read();

        Assert.That(step.Operations, Is.Not.Empty);
        long now = 0;
        foreach (ProfiledOperation row in step.Operations)
        {
            Assert.That(row.StartNanoseconds, Is.EqualTo(now), row.ToString());
            Assert.That(row.Nanoseconds, Is.Not.Negative, row.ToString());
            now += row.Nanoseconds;
        }
        Assert.That(now, Is.EqualTo(step.Nanoseconds));
        Assert.That(step.IsReplay, Is.False);
        foreach (
            ProfilePass pass in new[]
            {
                ProfilePass.Forward,
                ProfilePass.Loss,
                ProfilePass.Backward,
                ProfilePass.Update,
                ProfilePass.Copy,
            }
        )
            Assert.That(step.Operations.Select(row => row.Pass), Has.Member(pass));
        ProfiledOperation[] known = [.. step.Operations.Where(row => row.Operation != "code")];
        Assert.That(known.All(row => row is { BytesMoved: >= 0, Flops: >= 0, Launches: 0 }));
        foreach (MemoryCategory category in Enum.GetValues<MemoryCategory>())
            Assert.That(
                step.Held.Where(o => o.Category == category).Sum(o => o.Bytes),
                Is.EqualTo(Cpu.Memory.Current(category)),
                category.ToString()
            );
        Assert.That(step.Memory, Has.Count.EqualTo(step.Operations.Count));
        Assert.That(step.PeakOwners.Sum(o => o.Bytes), Is.EqualTo(step.PeakBytes));
        TestContext.Out.WriteLine(
            string.Join(
                '\n',
                step.Operations.Select(r =>
                    $"{r.Layer, -12} {r.Kind, -10} {r.Pass, -8} {r.Operation, -24} {r.Nanoseconds, 9} {r.BytesMoved, 9} {r.Flops, 10} {r.Shapes}"
                )
            )
        );
        TestContext.Out.WriteLine(
            string.Join('\n', step.Memory.Select(m => $"{m.Operation} {m.Bytes}"))
        );
        TestContext.Out.WriteLine(string.Join('\n', step.Held));
        TestContext.Out.WriteLine(string.Join('\n', step.PeakOwners));
    }
}
