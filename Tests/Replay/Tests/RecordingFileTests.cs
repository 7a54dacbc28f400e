using NUnit.Framework;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Tests.Replays;

/// <summary>Recordings as files: what was written is read, and what is none is told in a line.</summary>
[TestFixture]
public sealed class RecordingFileTests
{
    [Test]
    public void What_was_written_is_read()
    {
        Recording made = SmallRecording.Make();
        byte[] bytes = RecordingFile.ToBytes(made);
        Recording read = RecordingFile.Read(bytes);
        Assert.That(read.Modules, Is.EquivalentTo(made.Modules));
        Assert.That(read.Launches.Select(l => l.Kernel), Is.EqualTo(new[] { "add", "column_sum" }));
        Assert.That(RecordingFile.ToBytes(read), Is.EqualTo(bytes));
        Assert.That(RecordingFile.ToBytes(SmallRecording.Make()), Is.EqualTo(bytes));
        RecordedLaunch add = read.Launches[0];
        Assert.That(
            add.ArgumentAddresses.Select(a => a.Target.Offset),
            Is.EqualTo(new[] { 4L, 0, 0 })
        );
        Assert.That(add.After.Single().Kind, Is.EqualTo(WordKind.Single));
        Assert.That(add.ComparedBytes, Is.EqualTo(5 * sizeof(float)));
        Assert.That(
            read.Launches[1].After.Select(r => r.Kind),
            Does.Contain(WordKind.Double).And.Contain(WordKind.Bits)
        );
    }

    [Test]
    public void What_is_no_recording_is_told()
    {
        byte[] sound = RecordingFile.ToBytes(SmallRecording.Make());
        byte[] version = [.. sound];
        version[8] = 7;
        byte[] damaged = [.. sound];
        damaged[^20] ^= 4;
        byte[] none = RecordingFile.ToBytes(new Recording(new Dictionary<string, string>(), []));
        Refused([], "it is empty");
        Refused("PK\u0003\u0004 an archive"u8.ToArray(), "it is no recording");
        Refused(sound[..5], "within its head");
        Refused(sound[..30], "within its head");
        Refused(sound[..^1], "damaged or cut off");
        Refused([.. sound, 0], "damaged or cut off");
        Refused(damaged, "damaged or cut off");
        Refused(version, "version 7, and this program reads version 1");
        Refused(none, "it holds no launch");

        static void Refused(byte[] bytes, string message) =>
            Assert.That(
                () => RecordingFile.Read(bytes),
                Throws.TypeOf<RecordingException>().With.Message.Contains(message)
            );
    }
}
