using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.Tests.Cuda;

/// <summary>Which device is taken where none is named, and what a user who names a GPU is told.</summary>
[TestFixture]
[VirtualGpuOnly]
internal sealed class AutomaticDeviceTests : CudaFixture
{
    private const string Wrong = "lru_prepare";

    private string _folder = "";
    private string? _before;
    private IDisposable? _standIn;

    private string Kept => Path.Join(_folder, SelfCheckStore.FileName);

    [SetUp]
    public void Begin()
    {
        _folder = Directory.CreateTempSubdirectory("sequor-auto-").FullName;
        _before = Environment.GetEnvironmentVariable(CacheFolder.Variable);
        Environment.SetEnvironmentVariable(CacheFolder.Variable, _folder);
        _standIn = CudaLibraries.StandIn(Libraries);
    }

    [TearDown]
    public void Forget()
    {
        _standIn?.Dispose();
        Environment.SetEnvironmentVariable(CacheFolder.Variable, _before);
        Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void A_gpu_that_passes_is_taken_and_is_not_checked_again()
    {
        using (Backend first = Backend.Create())
        {
            Assert.That(first.Info.Device, Is.EqualTo("cuda:0"));
            Assert.That(
                first.Info.Reason,
                Does.Match(
                    @"^the GPU Sequor virtual GPU passed its self-check of \d{4}-\d\d-\d\d \(16 checks in "
                )
            );
            Assert.That(first.Info.Warning, Is.Null);
        }
        Assert.That(File.ReadAllLines(Kept), Has.Length.EqualTo(1));
        VirtualDevice device = RequireVirtual();
        device.Counts.Reset();

        using Backend second = Backend.Create();

        Assert.That(second.Info.Device, Is.EqualTo("cuda:0"));
        Assert.That(device.Counts.Of("cublasSgemm"), Is.Zero);
    }

    [Test]
    public void The_verdict_of_an_earlier_time_is_read_from_the_file()
    {
        CheckedDevice found = Find(SelfCheckMode.WhenNew);
        RequireVirtual().Counts.Reset();

        CheckedDevice later = OtherProcess(SelfCheckMode.WhenNew);

        Assert.That(later.Verdict, Is.EqualTo(found.Verdict));
        Assert.That(RequireVirtual().Counts.Of("cublasSgemm"), Is.Zero);
        Assert.That(OtherProcess(SelfCheckMode.Always).Passed);
        Assert.That(RequireVirtual().Counts.Of("cublasSgemm"), Is.Positive);
        Assert.That(File.ReadAllLines(Kept), Has.Length.EqualTo(1));
    }

    [Test]
    public void A_gpu_that_fails_is_left_alone_and_the_report_says_why()
    {
        RequireVirtual().Distorted = new Distortion(Wrong, OnlyReplayed: false);

        using Backend backend = Backend.Create();

        Assert.That(backend.Info.Device, Is.EqualTo("cpu"));
        Assert.That(
            backend.Info.Reason,
            Does.Match(
                "^the GPU Sequor virtual GPU failed its self-check: lru, as it is: differs from the CPU by .*; the report is in "
            )
        );
        string report = Directory.GetFiles(_folder, "self-check-*.txt").Single();
        Assert.That(backend.Info.Reason, Does.Contain(report));
        Assert.That(
            File.ReadAllText(report),
            Does.Contain("FAILED  lru, as it is: differs from the CPU by")
                .And.Contain("passed  lstm, as a graph")
                .And.Contain("cuDNN: 9.")
                .And.Contain("Sequor virtual GPU, compute capability 8.6")
        );
    }

    [Test]
    public void A_gpu_that_is_named_is_taken_with_a_warning()
    {
        RequireVirtual().Distorted = new Distortion(Wrong, OnlyReplayed: false);

        using Backend backend = Backend.Create(Device.Cuda());

        Assert.That(backend.Info.Device, Is.EqualTo("cuda:0"));
        Assert.That(backend.Info.Reason, Does.StartWith("asked for; failed its self-check: lru"));
        Assert.That(
            backend.Info.Warning,
            Does.StartWith(
                "the GPU Sequor virtual GPU failed its self-check: lru, as it is: differs"
            )
        );
        CheckedDevice later = OtherProcess(SelfCheckMode.WhenNew);
        Assert.That(
            later.Verdict,
            Does.EndWith($"found at an earlier time: delete '{Kept}' to check again")
        );
    }

    [Test]
    public void A_gpu_is_trusted_where_no_check_is_asked_for()
    {
        RequireVirtual().Distorted = new Distortion(Wrong, OnlyReplayed: false);

        using Backend backend = Backend.Create(
            Device.Auto,
            cuda: new CudaOptions { SelfCheck = SelfCheckMode.Never }
        );

        Assert.That(backend.Info.Device, Is.EqualTo("cuda:0"));
        Assert.That(backend.Info.Reason, Does.EndWith("no self-check was asked for"));
        Assert.That(Directory.GetFileSystemEntries(_folder), Is.Empty);
    }

    [Test]
    public void A_gpu_without_memory_for_the_check_is_left_alone()
    {
        RequireVirtual().FailAllocation(1);

        using (Backend backend = Backend.Create())
        {
            Assert.That(backend.Info.Device, Is.EqualTo("cpu"));
            Assert.That(
                backend.Info.Reason,
                Does.Contain("failed its self-check: ").And.Contain("CUDA_ERROR_OUT_OF_MEMORY")
            );
        }
        Assert.That(File.Exists(Kept), Is.False, "Another time there may be memory.");
        Assert.That(OtherProcess(SelfCheckMode.WhenNew).Passed);
    }

    [Test]
    public void A_verdict_that_cannot_be_kept_is_told_and_found_once()
    {
        string file = Path.Join(_folder, "file");
        File.WriteAllText(file, "");
        Environment.SetEnvironmentVariable(CacheFolder.Variable, Path.Join(file, "below"));

        using (Backend first = Backend.Create())
            Assert.That(
                first.Info.Reason,
                Does.Contain("passed its self-check").And.Contain("the verdict is not kept: ")
            );
        RequireVirtual().Counts.Reset();
        using Backend second = Backend.Create();

        Assert.That(second.Info.Device, Is.EqualTo("cuda:0"));
        Assert.That(RequireVirtual().Counts.Of("cublasSgemm"), Is.Zero);
    }

    [Test]
    public void A_mode_that_is_none_is_refused() =>
        Assert.That(
            () => Backend.Create(cuda: new CudaOptions { SelfCheck = (SelfCheckMode)7 }),
            Throws
                .TypeOf<ArgumentOutOfRangeException>()
                .With.Message.Contains("WhenNew, Always, Never")
        );

    private CheckedDevice Find(SelfCheckMode mode) =>
        CheckedDevice.Of(Libraries.Device(), mode, CacheFolder.Find());

    // What a process knows goes by the device's object, of which another process has one of its own.
    private CheckedDevice OtherProcess(SelfCheckMode mode) =>
        CheckedDevice.Of(CudaLibraries.From(Libraries.Native).Device(), mode, CacheFolder.Find());
}
