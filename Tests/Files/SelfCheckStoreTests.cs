using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>The file of self-checks: a line a device, and no damage to it costs more than another check.</summary>
[TestFixture]
internal sealed class SelfCheckStoreTests : FolderTest
{
    private static readonly CudaIdentity Device = new(
        "a GPU",
        "9.0",
        "550.1",
        "9.6.0",
        "12.6",
        "1"
    );

    private static readonly SelfCheckReport Report = new(
        Device,
        new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc),
        [
            new CheckResult("products of ones", true, "18 exact", 0.5, 0.1),
            new CheckResult("lstm, as it is", false, "differs by 0.5", 0.25, 0.125),
        ]
    );

    private string Kept => PathOf(SelfCheckStore.FileName);

    private SelfCheckStore Store => new(new CacheFolder(PathOf(""), null));

    [Test]
    public void What_is_kept_is_read_again_as_it_was()
    {
        Assert.That(Store.Keep(Report), Is.Null);

        SelfCheckReport? found = Store.Find(Device, out string? note);

        Assert.That(note, Is.Null);
        Assert.That(found, Is.EqualTo(Report).UsingPropertiesComparer());
        Assert.That(
            found!.Verdict,
            Is.EqualTo("failed its self-check: lstm, as it is: differs by 0.5")
        );
    }

    [Test]
    public void Each_device_driver_library_and_version_has_a_line_of_its_own()
    {
        CudaIdentity[] all =
        [
            Device,
            Device with
            {
                Device = "another GPU",
            },
            Device with
            {
                ComputeCapability = "8.9",
            },
            Device with
            {
                Driver = "560.1",
            },
            Device with
            {
                CuDnn = "9.7.0",
            },
            Device with
            {
                CuBlas = "13.0",
            },
            Device with
            {
                Sequor = "2",
            },
        ];
        foreach (CudaIdentity identity in all)
        {
            Assert.That(Store.Find(identity, out _), Is.Null);
            Assert.That(Store.Keep(Report with { Identity = identity }), Is.Null);
        }
        // A second time in place of the first.
        Assert.That(Store.Keep(Report with { Checks = [Report.Checks[0]] }), Is.Null);

        Assert.That(File.ReadAllLines(Kept), Has.Length.EqualTo(all.Length));
        foreach (CudaIdentity identity in all)
            Assert.That(
                Store.Find(identity, out _)?.Passed,
                Is.EqualTo(identity == Device),
                $"{identity}"
            );
    }

    [Test]
    public void Lines_that_make_no_sense_are_ignored_and_told()
    {
        Store.Keep(Report);
        string line = File.ReadAllText(Kept).Trim();
        string[] damaged =
        [
            line[..^10],
            line.Replace("self-check/1", "self-check/2", StringComparison.Ordinal),
            "[1, 2]",
            "null",
            line.Replace("\"checks\":[", "\"checks\":[null,", StringComparison.Ordinal),
            line.Replace("\"cu_dnn\":", "\"other\":", StringComparison.Ordinal),
            line.Replace("\"a GPU\"", "null", StringComparison.Ordinal),
        ];
        Assert.That(damaged, Has.None.EqualTo(line));
        File.WriteAllLines(Kept, [.. damaged, line]);

        Assert.That(Store.Find(Device, out string? note), Is.Not.Null);
        Assert.That(note, Is.EqualTo($"7 lines of '{Kept}' cannot be read and are ignored"));
        Assert.That(Store.Keep(Report), Is.Null);
        Assert.That(File.ReadAllLines(Kept), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_file_that_is_none_of_ours_is_ignored_and_told()
    {
        File.WriteAllBytes(Kept, new byte[5 << 20]);

        Assert.That(Store.Find(Device, out string? note), Is.Null);
        Assert.That(
            note,
            Is.EqualTo($"'{Kept}' is ignored: it has 5,242,880 bytes, at most 4,194,304 are read")
        );
        Assert.That(Store.Keep(Report), Is.Null);
        Assert.That(Store.Find(Device, out note), Is.Not.Null);
        Assert.That(note, Is.Null);
    }

    [Test]
    public void Where_nothing_can_be_written_it_says_so()
    {
        File.WriteAllText(PathOf("file"), "");
        var below = new SelfCheckStore(new CacheFolder(PathOf("file/below"), null));
        var nowhere = new SelfCheckStore(new CacheFolder(null, "there is no folder"));

        Assert.That(below.Keep(Report), Does.Contain("cannot be made"));
        Assert.That(below.Find(Device, out _), Is.Null);
        Assert.That(below.Publish(Report, ""), Does.StartWith("no file: "));
        Assert.That(nowhere.Keep(Report), Is.EqualTo("there is no folder"));
        Assert.That(nowhere.Find(Device, out string? note), Is.Null);
        Assert.That(note, Is.Null);
    }

    [Test]
    public void A_report_is_a_page_of_text()
    {
        string path = Store.Publish(Report, "a machine\n");

        Assert.That(path, Is.EqualTo(PathOf("self-check-20260102-030405.txt")));
        Assert.That(
            File.ReadAllLines(path),
            Is.EqualTo(
                (string[])
                    [
                        "Sequor's self-check of a GPU, 2026-01-02 03:04:05 UTC: failed",
                        "a GPU, compute capability 9.0, driver 550.1, cuDNN 9.6.0, cuBLAS 12.6, Sequor 1",
                        "",
                        "passed  products of ones: 18 exact (0.50 s to load, 0.10 s)",
                        "FAILED  lstm, as it is: differs by 0.5 (0.25 s to load, 0.13 s)",
                        "",
                        "a machine",
                    ]
            )
        );
    }
}
