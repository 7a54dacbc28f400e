using System.Diagnostics;
using System.Text;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Mutations;

/// <summary>
/// Files of every format that is read, damaged in many ways: each is read, or refused by the exception that is documented,
/// soon and without memory that its size does not justify.
/// </summary>
[TestFixture]
public sealed class MutationTests : FolderTest
{
    private static readonly string[] Formats = [.. MutatedFormats.All.Keys];

    [TestCaseSource(nameof(Formats))]
    public void A_damaged_file_is_read_or_refused(string format) =>
        Run(format, seed: 1, MutatedFormats.All[format].Tries);

    [Category("Long")]
    [TestCaseSource(nameof(Formats))]
    public void Many_damaged_files_are_read_or_refused(string format) =>
        Run(format, seed: 1_000_000, MutatedFormats.All[format].LongTries);

    // The checks themselves can fail.
    [Test]
    public void Another_exception_or_much_memory_is_a_fault()
    {
        MutatedFormat sound = MutatedFormats.All["presets"];
        Assert.Multiple(() =>
        {
            Assert.That(
                () =>
                    Try(
                        sound with
                        {
                            Read = (_, _) => throw new FormatException("x"),
                        },
                        [1],
                        "p",
                        7
                    ),
                Throws.TypeOf<AssertionException>().With.Message.Contains("seed 7")
            );
            Assert.That(
                () =>
                    Try(
                        sound with
                        {
                            Read = (_, _) => GC.KeepAlive(new byte[100 << 20]),
                        },
                        [1],
                        "p",
                        8
                    ),
                Throws.TypeOf<AssertionException>().With.Message.Contains("bytes allocated")
            );
        });
    }

    private void Run(string name, int seed, int count)
    {
        MutatedFormat format = MutatedFormats.All[name];
        byte[][] corpus = format.Corpus(Folder);
        var mutator = new Mutator(corpus, format.Words, format.Exchanges);
        string path = PathOf("damaged");
        int refused = 0;
        TimeSpan longest = TimeSpan.Zero;
        var watch = new Stopwatch();
        // That it ends at all is checked, not when.
        Task work = Task.Run(() =>
        {
            // What is made once, such as a model, is made here.
            foreach (byte[] sound in corpus)
            {
                format.Read(Write(path, sound), sound);
                Assert.That(Try(format, sound, path, 0), Is.Zero, "a sound file is read");
            }
            for (int i = 0; i < count; i++)
            {
                byte[] bytes = mutator.Make(seed + i);
                watch.Restart();
                refused += Try(format, bytes, path, seed + i);
                if (watch.Elapsed > longest)
                    longest = watch.Elapsed;
            }
        });
        Assert.That(
            work.Wait(TimeSpan.FromMinutes(3 + (count / 5000))),
            $"it hangs at one of seeds {seed} on"
        );
        // Far more than any takes, however busy the machine is.
        Assert.That(longest, Is.LessThan(TimeSpan.FromSeconds(10)));
        TestContext.Out.WriteLine(
            $"{name}: {count} files, {refused} refused; the longest took {longest}"
        );
        // Most damage hits something.
        Assert.That(refused, Is.GreaterThan(count / 3));
    }

    private static string Write(string path, byte[] bytes)
    {
        // Not cut to nothing before, which makes some file systems write it to the disk.
        using FileStream stream = File.OpenWrite(path);
        stream.Write(bytes);
        stream.SetLength(bytes.Length);
        return path;
    }

    // 1 where the file was refused.
    private static int Try(MutatedFormat format, byte[] bytes, string path, int seed)
    {
        if (format.FromFile)
            Write(path, bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            format.Read(path, bytes);
            return 0;
        }
        catch (Exception e) when (format.Refusals.Contains(e.GetType()))
        {
            if (e.Message.Length > 10_000 + 2 * bytes.Length)
                Assert.Fail($"seed {seed}: a message of {e.Message.Length} characters");
            return 1;
        }
        catch (Exception e) when (e is not AssertionException)
        {
            Assert.Fail(
                $"seed {seed}: {e}\n{Encoding.Latin1.GetString(bytes[..Math.Min(bytes.Length, 2000)])}"
            );
            throw;
        }
        finally
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            if (allocated > format.Room + (long)format.RoomPerByte * bytes.Length)
                Assert.Fail(
                    $"seed {seed}: {allocated} bytes allocated for a file of {bytes.Length}"
                );
        }
    }
}
