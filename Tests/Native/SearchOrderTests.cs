using NUnit.Framework;
using Sequor.Native;

namespace Sequor.Tests.Native;

/// <summary>
/// Where NVIDIA's libraries are searched for and in which order, on Linux and Windows, if everything is in place.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed class SearchOrderTests
{
    private const string Site = "/home/u/env/lib/python3.12/site-packages";

    [SetUp]
    public void Versions() => FakeVendor.Reset();

    [Test]
    public void The_loaders_libraries_are_taken_where_it_knows_them()
    {
        FakeMachine machine = Machines.Whole();
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(found.Driver.Table!.Source, Is.EqualTo($"{Machines.System}/libcuda.so.535.1"));
        Assert.That(found.CuDnn.Table!.Source, Is.EqualTo($"{Machines.System}/libcudnn.so.9.6.0"));
        Assert.That(found.CuBlas.Table!.Source, Does.EndWith("/libcublas.so.12.4.5"));
        Assert.That(found.Nvrtc.Table!.Source, Does.EndWith("/libnvrtc.so.12.6.77"));
        Assert.That(found.Nvml.Table!.Source, Does.EndWith("/libnvidia-ml.so.535.1"));
        Assert.That(found.Driver.Version, Is.EqualTo("12.4"));
        Assert.That(found.CuDnn.Version, Is.EqualTo("9.6.0"));
        Assert.That(found.CuBlas.Version, Is.EqualTo("12.5.6"));
        Assert.That(found.Nvrtc.Version, Is.EqualTo("12.6"));
        Assert.That((found.DriverCudaVersion, found.DeviceCount), Is.EqualTo((12040, 2)));
        Assert.That(machine.PythonAsked, Is.Zero);
    }

    [Test]
    public void All_parts_of_cuDNN_are_loaded_from_its_folder_by_full_path()
    {
        FakeMachine machine = Machines.Whole();
        NativeLibraries.Load(new(), machine);
        Assert.That(
            machine.Tried.Where(t => t.Contains("cudnn")),
            Is.EqualTo(
                new[]
                {
                    "libcudnn.so.9",
                    $"{Machines.System}/libcudnn_graph.so.9",
                    $"{Machines.System}/libcudnn_ops.so.9",
                    $"{Machines.System}/libcudnn_cnn.so.9",
                    $"{Machines.System}/libcudnn_adv.so.9",
                    $"{Machines.System}/libcudnn_heuristic.so.9",
                    $"{Machines.System}/libcudnn_engines_precompiled.so.9",
                    $"{Machines.System}/libcudnn_engines_runtime_compiled.so.9",
                }
            )
        );
    }

    [Test]
    public void Places_are_tried_in_order()
    {
        FakeMachine machine = Machines.WithDriver();
        machine.Variables["CUDA_PATH"] = "/cuda/path";
        machine.Variables["CUDA_HOME"] = "/cuda/home";
        machine.Variables["VIRTUAL_ENV"] = "/home/u/env";
        machine.Variables["CONDA_PREFIX"] = "/home/u/conda";
        machine.Python.AddRange(["/usr/lib/python3/dist-packages", Site]);
        machine
            .WithFolder("/usr/local/cuda-9.2/lib64")
            .WithFolder("/usr/local/cuda-12.6/lib64")
            .WithFolder("/usr/local/cuda-12.10/lib64")
            .WithFolder("/usr/local/cuda-13.0/lib64")
            .WithFolder("/usr/local/cuda-samples")
            .WithFolder(Site)
            .WithFolder("/home/u/conda/lib/python3.11/site-packages");
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(
            found.CuDnn.Attempts.Select(a => $"{a.Place}: {a.Path}").Take(22),
            Is.EqualTo(
                new[]
                {
                    "system loader: libcudnn.so.9",
                    "CUDA toolkit: /cuda/path/lib64",
                    "CUDA toolkit: /cuda/path/lib",
                    "CUDA toolkit: /cuda/home/lib64",
                    "CUDA toolkit: /cuda/home/lib",
                    "CUDA toolkit: /usr/local/cuda/lib64",
                    "CUDA toolkit: /usr/local/cuda/lib",
                    // The newest first, and none that is newer than the driver.
                    "CUDA toolkit: /usr/local/cuda-12.10/lib64/libcudnn.so.9",
                    "CUDA toolkit: /usr/local/cuda-12.10/lib",
                    "CUDA toolkit: /usr/local/cuda-12.6/lib64/libcudnn.so.9",
                    "CUDA toolkit: /usr/local/cuda-12.6/lib",
                    "CUDA toolkit: /usr/local/cuda-9.2/lib64/libcudnn.so.9",
                    "CUDA toolkit: /usr/local/cuda-9.2/lib",
                    "CUDA toolkit: /opt/cuda/lib64",
                    "CUDA toolkit: /opt/cuda/lib",
                    $"VIRTUAL_ENV: {Site}/nvidia/cudnn/lib",
                    $"VIRTUAL_ENV: {Site}/torch/lib",
                    "CONDA_PREFIX: /home/u/conda/lib/python3.11/site-packages/nvidia/cudnn/lib",
                    "CONDA_PREFIX: /home/u/conda/lib/python3.11/site-packages/torch/lib",
                    "CONDA_PREFIX: /home/u/conda/lib/libcudnn.so.9",
                    "Python on PATH: /usr/lib/python3/dist-packages/nvidia/cudnn/lib",
                    "Python on PATH: /usr/lib/python3/dist-packages/torch/lib",
                }
            )
        );
        Assert.That(found.CuDnn.Attempts.Select(a => a.Path), Is.Unique);
        Assert.That(found.CuDnn.Attempts[1].Reason, Is.EqualTo("no such folder"));
        Assert.That(found.CuDnn.Attempts[0].Reason, Is.EqualTo(FakeMachine.NoFile));
        Assert.That(machine.PythonAsked, Is.EqualTo(1));
    }

    [Test]
    public void PyTorchs_packages_serve_for_CUDA_12()
    {
        FakeMachine machine = Machines.WithDriver();
        machine.Python.Add(Site);
        machine
            .WithCuDnn($"{Site}/nvidia/cudnn/lib")
            .With($"{Site}/nvidia/cublas/lib/libcublas.so.12", FakeVendor.CuBlas())
            .With($"{Site}/nvidia/cublas/lib/libcublasLt.so.12", FakeVendor.CuBlasLt())
            .With($"{Site}/nvidia/cuda_nvrtc/lib/libnvrtc.so.12", FakeVendor.Nvrtc());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(
            found.CuDnn.Table!.Source,
            Is.EqualTo($"{Site}/nvidia/cudnn/lib/libcudnn.so.9")
        );
        Assert.That(
            found.CuBlas.Attempts.Where(a => a.Loaded).Select(a => a.Path),
            Is.EqualTo(
                new[]
                {
                    $"{Site}/nvidia/cublas/lib/libcublasLt.so.12",
                    $"{Site}/nvidia/cublas/lib/libcublas.so.12",
                }
            )
        );
        Assert.That(
            found.CuBlasLt.Table!.Source,
            Is.EqualTo($"{Site}/nvidia/cublas/lib/libcublasLt.so.12")
        );
        Assert.That(found.CuBlasLt.Attempts.Single().Place, Is.EqualTo("beside cuBLAS"));
        Assert.That(
            found.Nvrtc.Table!.Source,
            Is.EqualTo($"{Site}/nvidia/cuda_nvrtc/lib/libnvrtc.so.12")
        );
    }

    [Test]
    public void PyTorchs_packages_serve_for_CUDA_13()
    {
        FakeVendor.DriverVersion = 13010;
        FakeVendor.CudartVersion = 13000;
        FakeVendor.CuBlasMajor = 13;
        FakeMachine machine = Machines.WithDriver();
        machine.Variables["VIRTUAL_ENV"] = "/home/u/env";
        machine
            .WithCuDnn($"{Site}/nvidia/cudnn/lib")
            .With($"{Site}/nvidia/cublas/lib/libcublas.so.12", FakeVendor.CuBlas())
            .With($"{Site}/nvidia/cu13/lib/libcublas.so.13", FakeVendor.CuBlas())
            .With($"{Site}/nvidia/cu13/lib/libnvrtc.so.13", FakeVendor.Nvrtc());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(
            found.CuBlas.Table!.Source,
            Is.EqualTo($"{Site}/nvidia/cu13/lib/libcublas.so.13")
        );
        Assert.That(
            found.Nvrtc.Table!.Source,
            Is.EqualTo($"{Site}/nvidia/cu13/lib/libnvrtc.so.13")
        );
    }

    [Test]
    public void cuBLAS_follows_cuDNN_and_not_the_highest_number()
    {
        FakeVendor.DriverVersion = 13000;
        FakeMachine machine = Machines
            .Whole()
            .Knows("libcublas.so.13", "/x/libcublas.so.13", FakeVendor.CuBlas());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(found.CuBlas.Table!.Source, Does.EndWith("libcublas.so.12.4.5"));
        Assert.That(machine.Tried, Does.Not.Contain("libcublas.so.13"));
    }

    [Test]
    public void Without_cuDNN_cuBLAS_follows_the_driver()
    {
        FakeVendor.DriverVersion = 14000;
        FakeMachine machine = Machines
            .WithDriver()
            .Knows("libcublas.so.12", "/x/libcublas.so.12", FakeVendor.CuBlas());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.CuBlas.Failure, Is.Null);
        Assert.That(
            found.CuBlas.Attempts.Where(a => a.Place == "system loader").Select(a => a.Path),
            Is.EqualTo(new[] { "libcublas.so.13", "/x/libcublas.so.12" })
        );
    }

    [Test]
    public void Windows_has_its_own_names_and_folders()
    {
        const string Torch = @"C:\py\Lib\site-packages\torch\lib";
        var machine = new FakeMachine { Windows = true };
        machine.Variables["VIRTUAL_ENV"] = @"C:\py";
        machine.Variables["ProgramFiles"] = @"C:\Program Files";
        machine
            .Knows("nvcuda.dll", @"C:\Windows\System32\nvcuda.dll", FakeVendor.Driver())
            .With(Torch + @"\cudnn64_9.dll", FakeVendor.CuDnn())
            .With(Torch + @"\cublas64_12.dll", FakeVendor.CuBlas())
            .With(Torch + @"\nvrtc64_120_0.dll", FakeVendor.Nvrtc())
            .WithFolder(@"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA\v12.6\bin")
            .WithFolder(@"C:\Program Files\NVIDIA\CUDNN\v9.6\bin\12.6")
            .WithFolder(@"C:\Program Files\NVIDIA\CUDNN\v9.6\bin\13.0");
        foreach (string part in (string[])["graph", "ops", "cnn", "adv"])
            machine.With($@"{Torch}\cudnn_{part}64_9.dll", FakeVendor.Other());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(found.Nvrtc.Failure, Is.Null);
        Assert.That(
            found.CuDnn.Attempts.Where(a => a.Reason == FakeMachine.NoFile).Select(a => a.Path),
            Is.EqualTo(
                new[]
                {
                    "cudnn64_9.dll",
                    @"C:\Program Files\NVIDIA GPU Computing Toolkit\CUDA\v12.6\bin\cudnn64_9.dll",
                    @"C:\Program Files\NVIDIA\CUDNN\v9.6\bin\12.6\cudnn64_9.dll",
                    @"C:\Program Files\NVIDIA\CUDNN\v9.6\bin\cudnn64_9.dll",
                }
            )
        );
    }

    [Test]
    public void An_option_comes_before_the_environment_and_both_before_the_loader()
    {
        FakeMachine machine = Machines
            .Whole()
            .With("/env/libcuda.so.1", FakeVendor.Driver())
            .With("/option/libcuda.so.1", FakeVendor.Driver())
            .WithCuDnn("/env/dnn")
            .WithCuDnn("/option/dnn")
            .With("/env/libcublas.so.12", FakeVendor.CuBlas())
            .With("/option/my-cublas.so", FakeVendor.CuBlas());
        machine.Variables["SEQUOR_CUDA_DRIVER_PATH"] = "/env/libcuda.so.1";
        machine.Variables["SEQUOR_CUDNN_PATH"] = "/env/dnn";
        machine.Variables["SEQUOR_CUBLAS_PATH"] = "/env";
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(
            Sources(found),
            Is.EqualTo("/env/libcuda.so.1 /env/dnn/libcudnn.so.9 /env/libcublas.so.12")
        );
        Assert.That(found.CuDnn.Attempts[0].Place, Is.EqualTo("SEQUOR_CUDNN_PATH"));

        machine.Loaded.Clear();
        var options = new NativeLibraryOptions
        {
            CudaDriverPath = "/option",
            CuDnnPath = "/option/dnn/",
            CuBlasPath = "/option/my-cublas.so",
        };
        found = NativeLibraries.Load(options, machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(
            Sources(found),
            Is.EqualTo("/option/libcuda.so.1 /option/dnn/libcudnn.so.9 /option/my-cublas.so")
        );
        Assert.That(found.CuBlas.Attempts.Single().Place, Is.EqualTo("option"));
    }

    [Test]
    public void A_path_that_is_given_and_fails_is_not_replaced()
    {
        FakeMachine machine = Machines.Whole().With("/bad/libcudnn.so.9", null);
        machine.Variables["SEQUOR_CUDNN_PATH"] = "/bad/libcudnn.so.9";
        machine.Variables["SEQUOR_CUBLAS_PATH"] = "/nowhere";
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.CuDnn.Failure!.Kind, Is.EqualTo(FailureKind.NotFound));
        Assert.That(
            found.CuDnn.Attempts.Single().ToString(),
            Is.EqualTo("/bad/libcudnn.so.9 (SEQUOR_CUDNN_PATH): file too short")
        );
        Assert.That(found.CuBlas.Failure!.Kind, Is.EqualTo(FailureKind.NotFound));
        Assert.That(
            found.CuBlas.Attempts.Single().ToString(),
            Is.EqualTo($"/nowhere (SEQUOR_CUBLAS_PATH): {FakeMachine.NoFile}")
        );
    }

    [Test]
    public void A_programs_own_way_comes_before_all()
    {
        FakeMachine machine = Machines.Whole();
        machine.Variables["SEQUOR_CUDNN_PATH"] = "/env/dnn";
        var own = new FakeSymbols("mine");
        foreach ((string symbol, nint address) in FakeVendor.CuDnn().Symbols)
            own[symbol] = address;
        var asked = new List<LibraryKind>();
        var options = new NativeLibraryOptions
        {
            Resolve = kind =>
            {
                asked.Add(kind);
                return kind == LibraryKind.CuDnn ? own : null;
            },
        };
        NativeLibraries found = NativeLibraries.Load(options, machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(found.CuDnn.Table!.Source, Is.EqualTo("mine"));
        Assert.That(found.CuDnn.Attempts, Is.Empty);
        Assert.That(asked, Is.EqualTo(Enum.GetValues<LibraryKind>()));
        Assert.That(machine.Tried, Has.None.Contains("cudnn"));
    }

    private static string Sources(NativeLibraries found) =>
        $"{found.Driver.Table!.Source} {found.CuDnn.Table!.Source} {found.CuBlas.Table!.Source}";

    [Test]
    public void The_first_set_that_goes_together_comes_before_the_first_cuDNN()
    {
        // The loader's cuDNN is for CUDA 13, which the driver has not; the environment's is for 12.
        FakeMachine machine = Machines
            .WithDriver()
            .Knows(
                "libcudnn.so.9",
                $"{Machines.System}/libcudnn.so.9",
                FakeVendor.CuDnn(of13: true)
            )
            .WithCuDnnParts(Machines.System)
            .WithCuDnn($"{Site}/nvidia/cudnn/lib")
            .With($"{Site}/nvidia/cublas/lib/libcublas.so.12", FakeVendor.CuBlas());
        machine.Variables["VIRTUAL_ENV"] = "/home/u/env";
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(found.CudaMajor, Is.EqualTo(12));
        Assert.That(found.CuDnn.Path, Is.EqualTo($"{Site}/nvidia/cudnn/lib/libcudnn.so.9"));
        Assert.That(machine.LoadedFiles().Where(f => f.Contains("cudnn")), Is.All.StartsWith(Site));
        Assert.That(found.CuDnn.Attempts[0].Path, Does.StartWith(Machines.System));
    }

    [Test]
    public void A_cuDNN_without_its_cuBLAS_gives_way_to_one_that_has_it()
    {
        FakeVendor.DriverVersion = 13000;
        FakeMachine machine = Machines
            .WithDriver()
            .Knows(
                "libcudnn.so.9",
                $"{Machines.System}/libcudnn.so.9",
                FakeVendor.CuDnn(of13: true)
            )
            .WithCuDnnParts(Machines.System)
            .WithCuDnn("/usr/local/cuda/lib64")
            .With("/usr/local/cuda/lib64/libcublas.so.12", FakeVendor.CuBlas());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Failure, Is.Null);
        Assert.That(found.CuDnn.Path, Is.EqualTo("/usr/local/cuda/lib64/libcudnn.so.9"));
        Assert.That(found.CuBlas.Path, Is.EqualTo("/usr/local/cuda/lib64/libcublas.so.12"));
    }

    [Test]
    public void Where_none_goes_together_the_first_says_what_is_missing([Values] bool stays)
    {
        FakeVendor.DriverVersion = 13000;
        FakeMachine machine = Machines
            .WithDriver()
            .Knows(
                "libcudnn.so.9",
                $"{Machines.System}/libcudnn.so.9",
                FakeVendor.CuDnn(of13: true)
            )
            .WithCuDnnParts(Machines.System)
            .WithCuDnn("/opt/cuda/lib64");
        // What stays in the process would be mixed with another copy: that is left alone then.
        if (stays)
            machine.Stays.Add($"{Machines.System}/libcudnn_ops.so.9");
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.CuDnn.Failure, Is.Null);
        Assert.That(found.CuDnn.Path, Is.EqualTo($"{Machines.System}/libcudnn.so.9"));
        Assert.That(found.Failure!.Reason, Does.StartWith("cuBLAS 13, which cuDNN 9.6.0"));
        Assert.That(machine.Tried.Contains("/opt/cuda/lib64/libcudnn.so.9"), Is.EqualTo(!stays));
        if (!stays)
            Assert.That(
                machine.LoadedFiles().Where(f => f.Contains("cudnn")),
                Is.All.StartsWith(Machines.System)
            );
    }

    [Test]
    public void A_driver_that_is_found_by_its_path_has_its_compilers_loaded_before()
    {
        const string folder = "/usr/local/nvidia/lib64";
        FakeLibrary driver = FakeVendor.Driver();
        FakeMachine machine = new FakeMachine()
            .With(
                $"{folder}/libcuda.so.1",
                new FakeLibrary(driver.Symbols) { RealPath = $"{folder}/libcuda.so.550.54.15" }
            )
            .With($"{folder}/libnvidia-ptxjitcompiler.so.1", FakeVendor.Other())
            .With($"{folder}/libnvidia-nvvm.so.4", FakeVendor.Other())
            .With($"{folder}/libnvidia-gpucomp.so.550.54.15", FakeVendor.Other())
            .With($"{folder}/libnvidia-ml.so.1", FakeVendor.Nvml());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(found.Driver.Failure, Is.Null);
        Assert.That(found.Nvml.Path, Is.EqualTo($"{folder}/libnvidia-ml.so.1"));
        Assert.That(
            found.Driver.Attempts.Select(a => $"{a.Place}: {a.Path}").TakeLast(4),
            Is.EqualTo(
                new[]
                {
                    $"container: {folder}/libcuda.so.1",
                    $"beside the driver: {folder}/libnvidia-gpucomp.so.550.54.15",
                    $"beside the driver: {folder}/libnvidia-nvvm.so.4",
                    $"beside the driver: {folder}/libnvidia-ptxjitcompiler.so.1",
                }
            )
        );
    }

    [Test]
    public void A_driver_that_the_loader_knows_finds_its_compilers_itself()
    {
        FakeMachine machine = Machines
            .Whole()
            .With($"{Machines.System}/libnvidia-ptxjitcompiler.so.1", FakeVendor.Other());
        NativeLibraries.Load(new(), machine);
        Assert.That(machine.Tried, Has.None.Contains("ptxjitcompiler"));
    }

    [Test]
    public void Parts_that_cuDNN_loads_by_itself_are_not_loaded_before_and_are_checked(
        [Values("engines_tensor_ir", "ext")] string part
    )
    {
        FakeMachine machine = Machines
            .Whole()
            .With($"{Machines.System}/libcudnn_{part}.so.9", FakeVendor.Other());
        NativeLibraries found = NativeLibraries.Load(new(), machine);
        Assert.That(machine.Tried, Has.None.Contains(part));
        Assert.That(found.CuDnnMixture(), Is.Null);
        // As cuDNN may, at its first convolution.
        machine.Loaded.Add($"/usr/lib/libcudnn_{part}.so.9.1.0");
        Assert.That(found.CuDnnMixture(), Does.Contain("from several folders").And.Contain(part));
    }
}
