using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Training;

/// <summary>One at a time saves to a checkpoint.</summary>
[TestFixture]
public sealed class CheckpointLockTests : FolderTest
{
    private string FilePath => PathOf("c");

    [Test]
    public void One_has_it_until_it_is_given_back()
    {
        using (CheckpointLock held = CheckpointLock.TryTake(FilePath)!)
        {
            Assert.That(held.KeepsOthersOut);
            Assert.That(Names(), Is.EqualTo(new[] { "c.lock" }));
            Assert.That(CheckpointLock.TryTake(FilePath), Is.Null);
            using CheckpointLock? other = CheckpointLock.TryTake(PathOf("d"));
            Assert.That(other, Is.Not.Null);
        }
        Assert.That(Names(), Is.Empty);
        using CheckpointLock? next = CheckpointLock.TryTake(FilePath);
        Assert.That(next, Is.Not.Null);
    }

    [Test]
    public void Giving_back_twice_takes_nothing_from_the_next_one()
    {
        CheckpointLock first = CheckpointLock.TryTake(FilePath)!;
        first.Dispose();
        using CheckpointLock second = CheckpointLock.TryTake(FilePath)!;
        first.Dispose();
        Assert.That(Names(), Is.EqualTo(new[] { "c.lock" }));
        Assert.That(CheckpointLock.TryTake(FilePath), Is.Null);
    }

    [Test]
    public void What_a_dead_process_left_hinders_nobody()
    {
        File.WriteAllText(FilePath + ".lock", "");
        using (CheckpointLock? held = CheckpointLock.TryTake(FilePath))
            Assert.That(held, Is.Not.Null);
        Assert.That(Names(), Is.Empty);
    }

    [Test]
    public void A_file_of_that_name_that_is_something_else_is_left_alone()
    {
        File.WriteAllText(FilePath + ".lock", "packages");
        Assert.That(
            () => CheckpointLock.TryTake(FilePath),
            Throws
                .TypeOf<IOException>()
                .With.Message.Contains("c.lock")
                .And.Message.Contains("not empty")
        );
        Assert.That(File.ReadAllText(FilePath + ".lock"), Is.EqualTo("packages"));
        Directory.CreateDirectory(PathOf("d.lock"));
        Assert.That(() => CheckpointLock.TryTake(PathOf("d")), Throws.InstanceOf<IOException>());
        Assert.That(
            () => CheckpointLock.TryTake(PathOf("no/c")),
            Throws.InstanceOf<IOException>().With.Message.Contains("no folder")
        );
    }

    [Test]
    [Platform(Exclude = "Win", Reason = "links need rights there")]
    public void It_is_the_files_whatever_link_leads_there()
    {
        Directory.CreateDirectory(PathOf("folder"));
        File.CreateSymbolicLink(FilePath, Path.Combine("folder", "target"));
        Directory.CreateSymbolicLink(PathOf("other"), "folder");
        using CheckpointLock? held = CheckpointLock.TryTake(FilePath);
        Assert.That(held, Is.Not.Null);
        Assert.That(CheckpointLock.TryTake(Path.Combine(Folder, "other", "target")), Is.Null);
        Assert.That(File.Exists(Path.Combine(Folder, "folder", "target.lock")));
    }

    // The file is removed at the end of each turn, while others wait to lock the one they opened.
    [Test]
    public void Never_two_have_it()
    {
        int holders = 0;
        int most = 0;
        int turns = 0;
        var until = DateTime.UtcNow.AddSeconds(0.4);
        Thread[] threads = [.. Enumerable.Range(0, 4).Select(_ => new Thread(TakeTurns))];
        Array.ForEach(threads, thread => thread.Start());
        Array.ForEach(threads, thread => thread.Join());
        Assert.That(most, Is.EqualTo(1));
        Assert.That(turns, Is.Positive);
        Assert.That(Names(), Is.Empty);

        void TakeTurns()
        {
            while (DateTime.UtcNow < until || Volatile.Read(ref turns) == 0)
            {
                using CheckpointLock? held = CheckpointLock.TryTake(FilePath);
                if (held is null)
                    continue;
                int now = Interlocked.Increment(ref holders);
                if (now > 1)
                    Volatile.Write(ref most, now);
                else
                    Interlocked.CompareExchange(ref most, 1, 0);
                Interlocked.Increment(ref turns);
                Thread.Yield();
                Interlocked.Decrement(ref holders);
            }
        }
    }
}
