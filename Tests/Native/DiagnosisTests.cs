using System.Text.Json;
using NUnit.Framework;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Charts;
using Sequor.Workloads;

namespace Sequor.Tests.Native;

/// <summary>What sequor doctor says of machines that tests describe.</summary>
[TestFixture]
[NonParallelizable]
public sealed class DiagnosisTests
{
    [SetUp]
    public void Versions()
    {
        FakeVendor.Reset();
        FakeDevices.Reset();
    }

    [TestCase("CUDA_CACHE_DISABLE", "1", "every process compiles them anew")]
    [TestCase("CUDA_CACHE_DISABLE", "0", "the driver keeps the kernels")]
    [TestCase("CUDA_CACHE_MAXSIZE", "0", "every process compiles them anew")]
    [TestCase("CUDA_CACHE_MAXSIZE", "1073741824", "the most bytes")]
    [TestCase("CUDA_CACHE_PATH", "/tmp/kernels", "where the driver keeps")]
    [TestCase("CUDA_DISABLE_PTX_JIT", "1", "remove it")]
    [TestCase("CUDA_FORCE_PTX_JIT", "1", "takes minutes")]
    [TestCase("CUDA_LAUNCH_BLOCKING", "1", "times mean nothing")]
    [TestCase("CUBLAS_WORKSPACE_CONFIG", ":4096:8", "do not depend on this")]
    [TestCase("NVIDIA_TF32_OVERRIDE", "0", "also where it is asked for")]
    [TestCase("NVIDIA_TF32_OVERRIDE", "1", "changes nothing")]
    public void What_the_environment_sets_is_told_with_its_effect(
        string name,
        string value,
        string effect
    )
    {
        FakeMachine machine = FakeDevices.Machine();
        Assert.That(Diagnose(machine).Settings, Is.Empty);
        machine.Variables[name] = value;
        CudaSetting setting = Diagnose(machine).Settings.Single();
        Assert.That((setting.Name, setting.Value), Is.EqualTo((name, value)));
        Assert.That(setting.Effect, Does.Contain(effect));
    }

    [Test]
    public void Everything_is_there()
    {
        CudaDiagnosis cuda = Diagnose(FakeDevices.Machine());
        Assert.That(cuda.Available, Is.True, cuda.Reason);
        Assert.That(
            cuda.Reason,
            Is.EqualTo("device 0, NVIDIA Made Up 0, with cuDNN 9.6.0, cuBLAS 12.5.6")
        );
        Assert.That(cuda.DriverVersion, Is.EqualTo(FakeDevices.DriverVersion));
        Assert.That(FakeDevices.NvmlStarts, Is.Zero, "NVML is ended again");
        Assert.That(
            cuda.Devices,
            Is.EqualTo(
                new[]
                {
                    Device(0, 1L << 34, 80, "0000:01:00.0"),
                    Device(1, 2L << 34, 81, "0000:02:00.0"),
                }
            )
        );
        Assert.That(cuda.Libraries.Select(l => l.Found), Is.All.True);
        Assert.That(cuda.Libraries.Select(l => l.Advice), Is.All.Null);
        Assert.That(cuda.Libraries.Select(l => l.Place), Is.All.EqualTo("system loader"));
        Assert.That(
            cuda.Libraries.Select(l => (l.Name, l.Version)),
            Is.EqualTo(
                new (string, string?)[]
                {
                    ("CUDA driver", "12.4"),
                    ("cuDNN", "9.6.0"),
                    ("cuBLAS", "12.5.6"),
                    ("cuBLASLt", "12.5.6"),
                    ("NVRTC", "12.6"),
                    ("NVML", null),
                }
            )
        );
    }

    private static DeviceSummary Device(int index, long bytes, int processors, string pci) =>
        new(index, $"NVIDIA Made Up {index}", "8.6", bytes, processors, pci, null);

    [Test]
    public void Everything_is_there_as_a_file()
    {
        JsonElement report = Report(FakeDevices.Machine());
        Assert.That(Text(report, "schema"), Is.EqualTo("sequor.doctor/1"));
        JsonElement cuda = report.GetProperty("cuda");
        Assert.That(cuda.GetProperty("available").GetBoolean(), Is.True);
        Assert.That(Text(cuda, "reason"), Does.StartWith("device 0, "));
        JsonElement driver = cuda.GetProperty("driver");
        Assert.That(Text(driver, "version"), Is.EqualTo(FakeDevices.DriverVersion));
        Assert.That(Text(driver, "cuda"), Is.EqualTo("12.4"));
        Assert.That(Text(driver, "path"), Does.EndWith("/libcuda.so.550.54.15"));
        JsonElement device = cuda.GetProperty("devices")[1];
        Assert.That(
            device.EnumerateObject().Select(p => $"{p.Name}={p.Value}"),
            Is.EqualTo(
                new[]
                {
                    "index=1",
                    "name=NVIDIA Made Up 1",
                    "compute_capability=8.6",
                    "memory_bytes=34359738368",
                    "multiprocessors=81",
                    "pci_bus_id=0000:02:00.0",
                    $"driver={FakeDevices.DriverVersion}",
                }
            )
        );
        JsonElement cublas = report.GetProperty("libraries")[2];
        Assert.That(Text(cublas, "name"), Is.EqualTo("cuBLAS"));
        Assert.That(cublas.GetProperty("found").GetBoolean(), Is.True);
        Assert.That(Text(cublas, "path"), Is.EqualTo($"{Machines.System}/libcublas.so.12.4.5"));
        Assert.That(Text(cublas, "version"), Is.EqualTo("12.5.6"));
        Assert.That(Text(cublas, "reason"), Is.Null);
        JsonElement tried = cublas.GetProperty("tried").EnumerateArray().Single();
        Assert.That(Text(tried, "path"), Is.EqualTo($"{Machines.System}/libcublas.so.12.4.5"));
        Assert.That(Text(tried, "reason"), Is.EqualTo("loaded"));
        Assert.That(Text(report.GetProperty("use"), "device"), Is.EqualTo("cpu"));
    }

    [Test]
    public void No_driver_library()
    {
        FakeMachine machine = FakeDevices.Machine();
        machine.Known.Remove("libcuda.so.1");
        CudaDiagnosis cuda = Refused(machine, "no CUDA driver library was found");
        LibraryStatus driver = cuda.Libraries[0];
        Assert.That((driver.Found, driver.Path, driver.Version), Is.EqualTo((false, N, N)));
        Assert.That(driver.Advice, Does.Contain("525.60.13").And.Contain("--gpus all"));
        Assert.That(driver.Attempts[0].Reason, Is.EqualTo(FakeMachine.NoFile));
        Assert.That(cuda.Devices, Is.Empty);
        Assert.That(cuda.Libraries.Skip(1).Select(l => l.Found), Is.All.True);

        JsonElement report = Report(machine).GetProperty("cuda");
        Assert.That(report.GetProperty("driver").ValueKind, Is.EqualTo(JsonValueKind.Null));
        Assert.That(report.GetProperty("devices").GetArrayLength(), Is.Zero);
    }

    private const string? N = null;

    [Test]
    public void Nothing_at_all()
    {
        CudaDiagnosis cuda = Refused(new FakeMachine(), "no CUDA driver library was found");
        Assert.That(cuda.Libraries.Select(l => l.Found), Is.All.False);
        Assert.That(cuda.Libraries[1].Advice, Does.StartWith("pip install nvidia-cudnn-cu13"));
        Assert.That(cuda.Libraries[2].Advice, Is.Null, "cuDNN decides");
    }

    [TestCase(null, "kernel module is not loaded")]
    [TestCase("/proc/driver/nvidia/version", "--gpus all")]
    [TestCase("/dev/nvidia0 /proc/driver/nvidia/version", "CUDA_VISIBLE_DEVICES")]
    [TestCase("/dev/dxg", "CUDA_VISIBLE_DEVICES")]
    public void A_driver_library_and_no_device(string? files, string advice)
    {
        FakeVendor.InitResult = CUresult.CUDA_ERROR_NO_DEVICE;
        FakeMachine machine = FakeDevices.Machine();
        foreach (string file in files?.Split(' ') ?? [])
            machine.With(file, null);
        CudaDiagnosis cuda = Refused(machine, "there is no CUDA device");
        LibraryStatus driver = cuda.Libraries[0];
        Assert.That((driver.Found, driver.Version), Is.EqualTo((true, "12.4")));
        Assert.That(driver.Path, Does.EndWith("/libcuda.so.550.54.15"));
        Assert.That(driver.Advice, Does.Contain(advice));
        Assert.That(cuda.Devices, Is.Empty);
        Assert.That(
            Text(Report(machine).GetProperty("cuda"), "reason"),
            Does.Contain("no CUDA device")
        );
    }

    [Test]
    public void A_driver_that_does_not_start()
    {
        FakeVendor.InitResult = CUresult.CUDA_ERROR_SYSTEM_DRIVER_MISMATCH;
        FakeDevices.NvmlInitResult = nvmlReturn_t.NVML_ERROR_LIB_RM_VERSION_MISMATCH;
        CudaDiagnosis cuda = Refused(FakeDevices.Machine(), "SYSTEM_DRIVER_MISMATCH (803)");
        Assert.That(cuda.Libraries[0].Found, Is.True);
        Assert.That(cuda.Libraries[0].Advice, Does.Contain("restarted"));
        Assert.That(cuda.DriverVersion, Is.Null);
    }

    [Test]
    public void A_driver_that_is_too_old()
    {
        FakeVendor.DriverVersion = 11080;
        CudaDiagnosis cuda = Refused(FakeDevices.Machine(), "too old: it supports CUDA 11.8");
        LibraryStatus driver = cuda.Libraries[0];
        Assert.That((driver.Found, driver.Version), Is.EqualTo((false, "11.8")));
        Assert.That(driver.Path, Does.EndWith("/libcuda.so.550.54.15"));
        Assert.That(driver.Advice, Does.Contain("update").And.Contain("525.60.13"));
        Assert.That(cuda.Devices, Is.Empty);
    }

    [Test]
    public void A_driver_on_Windows_that_is_too_old()
    {
        FakeVendor.DriverVersion = 11080;
        FakeMachine machine = new FakeMachine { Windows = true }.Knows(
            "nvcuda.dll",
            @"C:\Windows\System32\nvcuda.dll",
            FakeDevices.Driver()
        );
        Assert.That(Diagnose(machine).Libraries[0].Advice, Does.Contain("527.41"));
    }

    [TestCase(12040, "nvidia-cudnn-cu12")]
    [TestCase(13000, "nvidia-cudnn-cu13")]
    public void cuDNN_8_only(int driverVersion, string package)
    {
        FakeVendor.DriverVersion = driverVersion;
        FakeVendor.CuDnnVersion = 8902;
        FakeMachine machine = FakeDevices.Machine();
        machine.Known.Remove("libcudnn.so.9");
        machine.Knows("libcudnn.so.8", "/x/libcudnn.so.8.9.2", FakeVendor.CuDnn());
        CudaDiagnosis cuda = Refused(machine, "cuDNN 8.9.2; cuDNN 9 is needed");
        LibraryStatus cudnn = cuda.Libraries[1];
        Assert.That(
            (cudnn.Found, cudnn.Path, cudnn.Version),
            Is.EqualTo((false, "/x/libcudnn.so.8.9.2", "8.9.2"))
        );
        Assert.That(cudnn.Advice, Does.StartWith($"pip install {package};"));
        Assert.That(cuda.Devices, Has.Count.EqualTo(2), "the devices are there all the same");
    }

    [Test]
    public void cuDNNs_sublibraries_from_two_folders()
    {
        FakeMachine machine = FakeDevices.Machine();
        machine.Loaded.Add("/y/libcudnn_ops.so.9.1.0");
        CudaDiagnosis cuda = Refused(machine, "parts of cuDNN from several folders: /y/");
        LibraryStatus cudnn = cuda.Libraries[1];
        Assert.That(
            (cudnn.Found, cudnn.Path),
            Is.EqualTo((false, $"{Machines.System}/libcudnn.so.9.6.0"))
        );
        Assert.That(cudnn.Advice, Does.Contain("SEQUOR_CUDNN_PATH").And.Contain("LD_LIBRARY_PATH"));
    }

    [Test]
    public void A_sublibrary_of_cuDNN_that_is_elsewhere()
    {
        FakeMachine machine = FakeDevices.Machine().WithCuDnn("/x");
        machine.Files.Remove("/x/libcudnn_adv.so.9");
        machine.Variables["SEQUOR_CUDNN_PATH"] = "/x";
        CudaDiagnosis cuda = Refused(machine, "all of cuDNN has to be in one folder");
        Assert.That(cuda.Libraries[1].Path, Is.EqualTo("/x/libcudnn.so.9"));
        Assert.That(cuda.Libraries[1].Advice, Does.Contain("has all of cuDNN 9"));
    }

    [Test]
    public void cuDNN_for_a_newer_CUDA_than_the_drivers()
    {
        FakeVendor.CudartVersion = 13000;
        CudaDiagnosis cuda = Refused(FakeDevices.Machine(), "built for CUDA 13.0, but the driver");
        Assert.That(
            cuda.Libraries[1].Advice,
            Does.Contain("nvidia-cudnn-cu12").And.Contain("580 or newer")
        );
    }

    [Test]
    public void cuBLAS_of_another_major_version()
    {
        FakeVendor.DriverVersion = 13000;
        FakeVendor.CudartVersion = 13000;
        CudaDiagnosis cuda = Refused(FakeDevices.Machine(), "only cuBLAS 12 was found");
        LibraryStatus cublas = cuda.Libraries[2];
        Assert.That(
            (cublas.Found, cublas.Path, cublas.Version),
            Is.EqualTo((false, $"{Machines.System}/libcublas.so.12.4.5", "12"))
        );
        Assert.That(cublas.Advice, Does.StartWith("pip install nvidia-cublas~=13.0;"));
        Assert.That(
            cuda.Libraries[4].Advice,
            Does.StartWith("pip install nvidia-cuda-nvrtc~=13.0")
        );
    }

    [Test]
    public void No_cuBLAS()
    {
        FakeMachine machine = FakeDevices.Machine();
        machine.Known.Remove("libcublas.so.12");
        CudaDiagnosis cuda = Refused(machine, "cuBLAS 12, which cuDNN 9.6.0");
        Assert.That(cuda.Libraries[2].Advice, Does.StartWith("pip install nvidia-cublas-cu12;"));
    }

    [TestCase("SEQUOR_CUDA_DRIVER_PATH", 0)]
    [TestCase("SEQUOR_CUDNN_PATH", 1)]
    [TestCase("SEQUOR_CUBLAS_PATH", 2)]
    public void A_variable_that_leads_nowhere(string variable, int library)
    {
        FakeMachine machine = FakeDevices.Machine();
        machine.Variables[variable] = "/no/such/file";
        LibraryStatus status = Refused(machine, "found").Libraries[library];
        Assert.That(status.Found, Is.False);
        Assert.That(status.Advice, Does.StartWith(variable + " says where it is"));
        Assert.That(status.Attempts.Select(a => a.Path), Is.All.EqualTo("/no/such/file"));
    }

    [Test]
    public void A_device_that_does_not_answer_does_not_hide_the_others()
    {
        FakeDevices.Broken = 0;
        FakeMachine machine = FakeDevices.Machine();
        CudaDiagnosis cuda = Diagnose(machine);
        Assert.That(cuda.Available, Is.True);
        Assert.That(cuda.Reason, Does.StartWith("device 1, NVIDIA Made Up 1"));
        JsonElement device = Report(machine).GetProperty("cuda").GetProperty("devices")[0];
        Assert.That(
            Text(device, "failure"),
            Is.EqualTo("cuDeviceGetName gave CUDA_ERROR_DEVICE_UNAVAILABLE (46)")
        );
        Assert.That(Text(device, "name"), Is.Null);
    }

    [Test]
    public void No_device_answers()
    {
        FakeVendor.Devices = 1;
        FakeDevices.Broken = 0;
        CudaDiagnosis cuda = Refused(FakeDevices.Machine(), "no CUDA device answers: device 0: cu");
        Assert.That(cuda.Devices, Has.Count.EqualTo(1));
    }

    [Test]
    public void A_driver_that_lacks_the_questions()
    {
        // It knows cuDeviceGetCount and nothing else.
        CudaDiagnosis cuda = Refused(Machines.Whole(), "no symbol cuDeviceGet");
        Assert.That(cuda.DriverVersion, Is.Null, "nor has its NVML a version");
    }

    [TestCase("cuDeviceGetCount", "is no CUDA driver: it has no cuDeviceGetCount")]
    [TestCase("cuDeviceTotalMem", "no symbol cuDeviceTotalMem_v2")]
    public void A_driver_that_lacks_an_entry(string entry, string reason)
    {
        FakeDevices.Unknown = entry;
        Refused(FakeDevices.Machine(), reason);
    }

    [Test]
    public void A_PCI_address_is_no_need()
    {
        FakeDevices.Unknown = "cuDeviceGetPCIBusId";
        CudaDiagnosis cuda = Diagnose(FakeDevices.Machine());
        Assert.That(cuda.Available, Is.True);
        Assert.That(cuda.Devices[0].PciBusId, Is.Empty);
    }

    private static CudaDiagnosis Diagnose(FakeMachine machine) =>
        CudaDiagnosis.Of(NativeLibraries.Load(new(), machine));

    private static CudaDiagnosis Refused(FakeMachine machine, string reason)
    {
        CudaDiagnosis cuda = Diagnose(machine);
        Assert.That(cuda.Available, Is.False);
        Assert.That(cuda.Reason, Does.Contain(reason));
        Assert.That(
            string.Concat(cuda.Libraries.Select(l => l.Advice)),
            Does.Not.Contain("http").And.Not.Contain("index-url")
        );
        return cuda;
    }

    private static JsonElement Report(FakeMachine machine)
    {
        var report = DoctorReport.Of(
            Machine.Read(),
            new BackendInfo("cpu", "CPU", 1, 128, "asked for"),
            Diagnose(machine),
            new Throughput(1, 1, 1)
        );
        using JsonDocument document = JsonDocument.Parse(ReportWriter.ToUtf8(report));
        return document.RootElement.Clone();
    }

    private static string? Text(JsonElement element, string name) =>
        element.GetProperty(name).GetString();
}
