using NUnit.Framework;
using Sequor.Native;

namespace Sequor.Tests.Native;

/// <summary>
/// Missing, outdated or mismatched NVIDIA libraries: what failed, with which words, and which places were tried.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed class SearchFailureTests
{
    [SetUp]
    public void Versions() => FakeVendor.Reset();

    [Test]
    public void A_machine_with_nothing_says_what_was_tried()
    {
        NativeLibraries found = NativeLibraries.Load(new(), new FakeMachine());
        Expect(
            found.Failure,
            LibraryKind.CudaDriver,
            FailureKind.NotFound,
            "no CUDA driver library was found"
        );
        Expect(
            found.CuDnn.Failure,
            LibraryKind.CuDnn,
            FailureKind.NotFound,
            "cuDNN 9 was not found"
        );
        Expect(
            found.CuBlas.Failure,
            LibraryKind.CuBlas,
            FailureKind.NotLookedFor,
            "was not looked for"
        );
        Expect(
            found.Nvrtc.Failure,
            LibraryKind.Nvrtc,
            FailureKind.NotLookedFor,
            "was not looked for"
        );
        Expect(found.Nvml.Failure, LibraryKind.Nvml, FailureKind.NotFound, "NVML was not found");
        var e = Assert.Throws<LibraryException>(() => found.Driver.Require());
        Assert.That(e.Failure, Is.SameAs(found.Driver.Failure));
        Assert.That(
            e.Message,
            Is.EqualTo(
                "no CUDA driver library was found.\n"
                    + $"  libcuda.so.1 (system loader): {FakeMachine.NoFile}\n"
                    + "  /usr/lib/wsl/lib (WSL): no such folder\n"
                    + "  /usr/local/nvidia/lib64 (container): no such folder\n"
                    + "  /usr/local/nvidia/lib (container): no such folder"
            )
        );
    }

    [TestCase(CUresult.CUDA_ERROR_NO_DEVICE, 1)]
    [TestCase(CUresult.CUDA_SUCCESS, 0)]
    public void A_driver_without_a_device(CUresult init, int devices)
    {
        FakeVendor.InitResult = init;
        FakeVendor.Devices = devices;
        NativeLibraries found = NativeLibraries.Load(new(), Machines.Whole());
        Expect(found.Failure, LibraryKind.CudaDriver, FailureKind.NoDevice, "no CUDA device");
        Assert.That(found.Failure!.Reason, Does.Contain("libcuda.so.535.1 (CUDA 12.4)"));
        Assert.That(found.Driver.Table, Is.Null);
        Assert.That(found.Driver.Version, Is.EqualTo("12.4"));
        Assert.That(found.CuDnn.Failure, Is.Null);
    }

    [Test]
    public void A_driver_that_does_not_start()
    {
        FakeVendor.InitResult = CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
        Expect(
            NativeLibraries.Load(new(), Machines.Whole()).Failure,
            LibraryKind.CudaDriver,
            FailureKind.DriverFailed,
            "cuInit gave CUDA_ERROR_SYSTEM_DRIVER_MISMATCH (803)"
        );
    }

    [Test]
    public void The_toolkits_stub()
    {
        FakeVendor.InitResult = CUresult.CUDA_ERROR_STUB_LIBRARY;
        Expect(
            NativeLibraries.Load(new(), Machines.Whole()).Failure,
            LibraryKind.CudaDriver,
            FailureKind.DriverFailed,
            "CUDA_ERROR_STUB_LIBRARY (34): it is the toolkit's stub"
        );
    }

    [TestCase(11080, true)]
    [TestCase(11080, false)]
    [TestCase(12000, false)]
    public void A_driver_that_is_too_old(int version, bool procAddress)
    {
        FakeVendor.DriverVersion = version;
        FakeMachine machine = Machines.WithDriver(FakeVendor.Driver(procAddress));
        Expect(
            NativeLibraries.Load(new(), machine).Failure,
            LibraryKind.CudaDriver,
            FailureKind.DriverTooOld,
            $"is too old: it supports CUDA {version / 1000}.{version % 1000 / 10}, and 12.0 is needed"
        );
    }

    [Test]
    public void cuDNN_8_alone()
    {
        FakeVendor.CuDnnVersion = 8902;
        FakeMachine machine = Machines
            .WithDriver()
            .Knows("libcudnn.so.8", "/x/libcudnn.so.8.9.2", FakeVendor.CuDnn());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Expect(
            found.Failure,
            LibraryKind.CuDnn,
            FailureKind.UnsupportedVersion,
            "/x/libcudnn.so.8.9.2 is cuDNN 8.9.2; cuDNN 9 is needed"
        );
        Assert.That(found.CuDnn.Attempts[0].Path, Is.EqualTo("libcudnn.so.9"));
        Assert.That(found.CuDnn.Version, Is.EqualTo("8.9.2"));
    }

    [TestCase(8902, "libcudnn.so.8", "8.9.2")]
    [TestCase(100200, "libcudnn.so.10", "10.2.0")]
    public void Another_cuDNN_by_its_path(int version, string file, string said)
    {
        FakeVendor.CuDnnVersion = version;
        FakeMachine machine = Machines.WithDriver().With("/x/" + file, FakeVendor.CuDnn());
        Expect(
            NativeLibraries.Load(new() { CuDnnPath = "/x/" + file }, machine).Failure,
            LibraryKind.CuDnn,
            FailureKind.UnsupportedVersion,
            $"/x/{file} is cuDNN {said}; cuDNN 9 is needed"
        );
    }

    [TestCase("/x/libcudnn.so.9")]
    [TestCase("/x/libcudnn.so")]
    public void A_part_of_cuDNN_in_another_folder(string path)
    {
        FakeMachine machine = Machines
            .WithDriver()
            .WithCuDnn("/x")
            .With("/x/libcudnn.so", FakeVendor.CuDnn());
        machine.Files.Remove("/x/libcudnn_adv.so.9");
        machine.With("/y/libcudnn_adv.so.9", FakeVendor.Other());
        Expect(
            NativeLibraries.Load(new() { CuDnnPath = path }, machine).Failure,
            LibraryKind.CuDnn,
            FailureKind.SublibrariesMixed,
            "libcudnn_adv.so.9 could not be loaded from /x, where cuDNN is"
                + $" ({FakeMachine.NoFile}); all of cuDNN has to be in one folder"
        );
    }

    [Test]
    public void Parts_of_another_cuDNN_that_are_loaded_already()
    {
        FakeMachine machine = Machines.WithDriver().WithCuDnn("/x");
        machine.Loaded.Add("/y/libcudnn_ops.so.9.1.0");
        LibraryFailure? failure = NativeLibraries.Load(new() { CuDnnPath = "/x" }, machine).Failure;
        Expect(
            failure,
            LibraryKind.CuDnn,
            FailureKind.SublibrariesMixed,
            "this process has parts of cuDNN from several folders: /y/libcudnn_ops.so.9.1.0,"
        );
        Assert.That(failure!.Reason, Does.Contain("/x/libcudnn_ops.so.9"));
    }

    [Test]
    public void Engines_may_be_left_out_and_old_versions_beside_do_no_harm()
    {
        FakeMachine machine = Machines.Whole();
        foreach (string path in machine.Files.Keys.Where(k => k.Contains("engines")).ToArray())
            machine.Files.Remove(path);
        machine.Loaded.Add("/y/libcudnn_ops_infer.so.8");
        Assert.That(NativeLibraries.Load(new(), machine).Failure, Is.Null);
    }

    [Test]
    public void cuDNN_for_a_newer_CUDA_than_the_drivers()
    {
        FakeVendor.CudartVersion = 13000;
        NativeLibraries found = NativeLibraries.Load(new(), Machines.Whole());
        Expect(
            found.Failure,
            LibraryKind.CuDnn,
            FailureKind.CudaMajorMismatch,
            "(cuDNN 9.6.0) was built for CUDA 13.0, but the driver supports CUDA 12.4 only"
        );
        Assert.That(found.CuBlas.Version, Is.EqualTo("12.5.6")); // the driver's
    }

    [TestCase(11080)]
    [TestCase(14000)]
    public void cuDNN_for_a_CUDA_that_Sequor_does_not_know(int cudart)
    {
        FakeVendor.DriverVersion = 14000;
        FakeVendor.CudartVersion = cudart;
        Expect(
            NativeLibraries.Load(new(), Machines.Whole()).Failure,
            LibraryKind.CuDnn,
            FailureKind.UnsupportedVersion,
            "CUDA 12 or 13 is needed"
        );
    }

    [Test]
    public void cuBLAS_of_another_major_version_alone()
    {
        FakeVendor.DriverVersion = 13000;
        FakeVendor.CudartVersion = 13000;
        FakeMachine machine = Machines.Whole();
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Expect(
            found.Failure,
            LibraryKind.CuBlas,
            FailureKind.CudaMajorMismatch,
            $"only cuBLAS 12 was found, {Machines.System}/libcublas.so.12.4.5, but cuDNN 9.6.0"
        );
        Assert.That(found.Failure!.Reason, Does.EndWith("asks for 13"));
        Assert.That(
            machine.Unloaded,
            Is.EqualTo(new[] { $"{Machines.System}/libcublas.so.12.4.5" })
        );
    }

    [Test]
    public void cuBLAS_of_another_major_version_by_its_path()
    {
        FakeVendor.CuBlasMajor = 11;
        FakeMachine machine = Machines.Whole().With("/x/libcublas.so", FakeVendor.CuBlas());
        Expect(
            NativeLibraries.Load(new() { CuBlasPath = "/x/libcublas.so" }, machine).Failure,
            LibraryKind.CuBlas,
            FailureKind.CudaMajorMismatch,
            "/x/libcublas.so is cuBLAS 11.5.6, but cuDNN 9.6.0"
        );
    }

    [Test]
    public void No_cuBLAS_at_all()
    {
        FakeMachine machine = Machines.Whole();
        machine.Known.Remove("libcublas.so.12");
        Expect(
            NativeLibraries.Load(new(), machine).Failure,
            LibraryKind.CuBlas,
            FailureKind.NotFound,
            "asks for, was not found"
        );
    }

    // Of each the GPU can be used nevertheless.
    [Test]
    public void cuBLASLt_that_is_missing_of_another_version_or_no_cuBLASLt()
    {
        FakeMachine machine = Machines.Whole();
        machine.Known.Remove("libcublasLt.so.12");
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Expect(
            found.CuBlasLt.Failure,
            LibraryKind.CuBlasLt,
            FailureKind.NotFound,
            $"cuBLASLt 12 was not found, neither beside {Machines.System}/libcublas.so.12.4.5 nor by its name"
        );
        Assert.That(found.Report(), Does.Contain("\ncuBLASLt: cuBLASLt 12 was not found"));
        foreach (
            (FakeLibrary library, FailureKind kind, string reason) in ((
                FakeLibrary,
                FailureKind,
                string
            )[])
                [
                    (
                        FakeVendor.CuBlasLt(isOther: true),
                        FailureKind.UnsupportedVersion,
                        "is cuBLASLt 12.8.9, but cuBLAS 12.5.6"
                    ),
                    (
                        FakeVendor.CuBlasLt(lacks: "cublasLtMatmul"),
                        FailureKind.UnsupportedVersion,
                        "lacks cublasLtMatmul"
                    ),
                    (FakeVendor.Other(), FailureKind.NotTheLibrary, "is not cuBLASLt"),
                ]
        )
        {
            found = NativeLibraries.Load(
                new(),
                Machines.Whole().Knows("libcublasLt.so.12", "/x/libcublasLt.so.12", library)
            );
            Assert.That(found.Failure, Is.Null);
            Expect(found.CuBlasLt.Failure, LibraryKind.CuBlasLt, kind, reason);
        }
        machine = Machines.Whole();
        machine.Known.Remove("libcublas.so.12");
        Expect(
            NativeLibraries.Load(new(), machine).CuBlasLt.Failure,
            LibraryKind.CuBlasLt,
            FailureKind.NotLookedFor,
            "it has to be the one of cuBLAS"
        );
    }

    [Test]
    public void Files_that_are_other_libraries()
    {
        FakeMachine machine = Machines
            .Whole()
            .Knows("libcuda.so.1", "/x/libcuda.so.1", FakeVendor.Other())
            .Knows("libcudnn.so.9", "/x/libcudnn.so.9", FakeVendor.Other())
            .WithCuDnnParts("/x")
            .Knows("libnvidia-ml.so.1", "/x/libnvidia-ml.so.1", FakeVendor.Other());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Expect(
            found.Driver.Failure,
            LibraryKind.CudaDriver,
            FailureKind.NotTheLibrary,
            "is no CUDA driver"
        );
        Expect(found.CuDnn.Failure, LibraryKind.CuDnn, FailureKind.NotTheLibrary, "is not cuDNN");
        Expect(found.Nvml.Failure, LibraryKind.Nvml, FailureKind.NotTheLibrary, "is not NVML");
        machine = Machines
            .Whole()
            .Knows("libcublas.so.12", "/x/libcublas.so.12", FakeVendor.Other())
            .Knows("libnvrtc.so.12", "/x/libnvrtc.so.12", FakeVendor.Other());
        found = NativeLibraries.Load(new(), machine);
        Expect(
            found.CuBlas.Failure,
            LibraryKind.CuBlas,
            FailureKind.NotTheLibrary,
            "is not cuBLAS"
        );
        Expect(found.Nvrtc.Failure, LibraryKind.Nvrtc, FailureKind.NotTheLibrary, "is not NVRTC");
    }

    [Test]
    public void A_report_has_results_gaps_and_attempts()
    {
        FakeMachine machine = Machines.Whole();
        machine.Known.Remove("libnvrtc.so.12");
        string report = NativeLibraries.Load(new(), machine).Report();
        Assert.That(
            report,
            Does.StartWith($"CUDA driver: {Machines.System}/libcuda.so.535.1 12.4\n  lacks cu")
        );
        Assert.That(
            report,
            Does.Contain($"\ncuDNN: {Machines.System}/libcudnn.so.9.6.0 9.6.0\n")
                .And.Contain($"\n  {Machines.System}/libcudnn_ops.so.9 (beside cuDNN): loaded\n")
                .And.Contain("\nNVRTC: NVRTC 12 was not found\n")
                .And.Contain($"\n  libnvrtc.so.12 (system loader): {FakeMachine.NoFile}\n")
                .And.Contain($"\nNVML: {Machines.System}/libnvidia-ml.so.535.1\n")
        );
    }

    private static void Expect(
        LibraryFailure? failure,
        LibraryKind library,
        FailureKind kind,
        string reason
    )
    {
        Assert.That(failure, Is.Not.Null);
        Assert.That((failure!.Library, failure.Kind), Is.EqualTo((library, kind)), failure.Reason);
        Assert.That(failure.Reason, Does.Contain(reason));
    }
}
