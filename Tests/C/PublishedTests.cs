using System.Diagnostics;
using System.Globalization;
using System.Runtime.InteropServices;
using NUnit.Framework;
using Sequor.C;
using Sequor.Tests.Support;

namespace Sequor.Tests.C;

/// <summary>
/// The library as it is published: what it needs, the examples in C, C++ and Python, a fork, and what a call and a step cost. It is compiled
/// once for all of them, which takes a minute.
/// </summary>
[TestFixture]
[Category("Long")]
[Platform("Linux")]
internal sealed unsafe class PublishedTests : AbiFixture
{
    // A folder that was published already, for measuring one build several times, or one for other instructions.
    private const string Given = "SEQUOR_PUBLISHED";

    // A Python to take, or a script that starts one, such as that of another system's root.
    private const string PythonVariable = "SEQUOR_PYTHON";

    // Where glibc's loader looks first on a processor with AVX-512.
    private const string Wide = "glibc-hwcaps/x86-64-v4";

    private const string Strict = "-O2 -Wall -Wextra -Werror -pedantic";

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(9);

    private string _root = "";
    private string _library = "";
    private string _folder = "";

    [OneTimeSetUp]
    public void Publish()
    {
        _root = Repository.Root();
        Require("cc", "there is no C compiler, which also links what the AOT compiler makes");
        _folder = Directory.CreateTempSubdirectory("sequor-published-").FullName;
        _library = Path.Join(_folder, "published");
        if (Environment.GetEnvironmentVariable(Given) is { Length: > 0 } there)
            Directory.CreateSymbolicLink(_library, Path.GetFullPath(there));
        else
        {
            Publish(_root, _library);
            if (RuntimeInformation.ProcessArchitecture == Architecture.X64)
                Publish(_root, Path.Join(_library, Wide), "-p:IlcInstructionSet=x86-64-v4");
        }
    }

    private static void Publish(string root, string folder, string more = "")
    {
        Require("dotnet", "there is no .NET SDK here to publish with");
        string rid =
            RuntimeInformation.ProcessArchitecture == Architecture.Arm64
                ? "linux-arm64"
                : "linux-x64";
        (int code, string text) = Run(
            root,
            $"dotnet publish Layers/C/Sequor.C.csproj -c Release -r {rid} -o '{folder}' {more} -v q -tl:off"
        );
        if (
            code != 0
            && (
                text.Contains("NU1", StringComparison.Ordinal)
                || text.Contains("NETSDK", StringComparison.Ordinal)
            )
        )
            Assert.Ignore($"the AOT compiler's package is not to be had: {text.Split('\n')[0]}");
        Assert.That(code, Is.Zero, text);
    }

    [OneTimeTearDown]
    public void Remove()
    {
        if (_folder.Length > 0)
            Directory.Delete(_folder, recursive: true);
    }

    [Test]
    public void It_needs_libc_and_libm_alone_and_exports_what_the_header_declares()
    {
        Assert.That(
            Directory.GetFiles(_library).Select(Path.GetFileName),
            Is.SupersetOf(new[] { "libsequor.so", "sequor.h", "sequor.py" })
        );
        string[] needed =
        [
            .. Right("ldd published/libsequor.so")
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(line => Path.GetFileName(line.Trim().Split(' ')[0])),
        ];
        Assert.That(
            needed.Where(name =>
                !name.StartsWith("linux-vdso", StringComparison.Ordinal)
                && !name.StartsWith("ld-linux", StringComparison.Ordinal)
            ),
            Is.EquivalentTo(new[] { "libm.so.6", "libc.so.6" })
        );
        Require("nm", "there is no nm");
        string[] exported =
        [
            .. Right("nm -D --defined-only published/libsequor.so")
                .Split('\n')
                .Select(line => line.Split(' ')[^1].Split('@')[0])
                .Where(name => name.StartsWith("sequor_", StringComparison.Ordinal)),
        ];
        Assert.That(
            exported,
            Is.EquivalentTo(
                typeof(Abi)
                    .GetMethods()
                    .Where(m => m.DeclaringType == typeof(Abi))
                    .Select(m => m.Name)
            )
        );
        long bytes = new FileInfo(Path.Join(_library, "libsequor.so")).Length;
        TestContext.Out.WriteLine($"libsequor.so: {bytes / 1e6:F1} MB");
    }

    [TestCase("cc -std=c99")]
    [TestCase("g++ -x c++")]
    public void The_example_in_C_learns(string compiler)
    {
        Require(compiler.Split(' ')[0], $"there is no {compiler}");
        Compile(compiler, Path.Join(_root, "docs", "examples", "10-from-c.c"), "adding");
        string said = Right("./adding 600");
        TestContext.Out.WriteLine(said);
        Assert.That(said, Does.Contain("there is no key \"hiden\" in a layer of type \"lstm\""));
        Assert.That(said, Does.Contain("0 handles are left"));
    }

    // The loader chooses by the processor for what is linked, and takes the other one where it is told that there is no such set.
    [Test]
    public void What_is_linked_gets_the_library_for_the_processor()
    {
        RequireWide();
        Compile("cc -std=c99", Source("which.c"), "which");
        Assert.That(
            Right("./which"),
            Is.EqualTo($"{Path.Join(Real(), Wide, "libsequor.so")} 512 bits\n")
        );
        Assert.That(
            Right("$(ls /lib64/ld-linux-x86-64.so.2) --glibc-hwcaps-mask x86-64-v3 ./which"),
            Is.EqualTo($"{Path.Join(Real(), "libsequor.so")} 256 bits\n")
        );
    }

    [Test]
    public void Python_gets_the_library_for_the_processor()
    {
        RequireWide();
        const string Ask = "import sequor; print(sequor.Backend('cpu').info['vector_bits'])";
        string python = $"PYTHONPATH=published PYTHONDONTWRITEBYTECODE=1 {Python()} -c \"{Ask}\"";
        Assert.That(Right(python), Is.EqualTo("512\n"));
        Assert.That(Right($"SEQUOR_LIBRARY=published/libsequor.so {python}"), Is.EqualTo("256\n"));
    }

    private string Real() => Right("cd published && pwd -P").TrimEnd('\n');

    private void RequireWide()
    {
        if (!File.Exists(Path.Join(_library, Wide, "libsequor.so")))
            Assert.Ignore("the library for AVX-512 was not published");
        if (!System.Runtime.Intrinsics.X86.Avx512BW.VL.IsSupported)
            Assert.Ignore("this processor has no AVX-512");
        if (Run(_folder, "/lib64/ld-linux-x86-64.so.2 --help | grep -q glibc-hwcaps").Code != 0)
            Assert.Ignore("this C library's loader is older than 2.33");
    }

    [Test]
    public void A_fork_is_refused_and_the_library_stays()
    {
        Compile("cc -std=c99", Source("fork.c"), "forked", "-ldl");
        Assert.That(Right("./forked published/libsequor.so"), Is.EqualTo("child 0\nparent 0\n"));
    }

    [Test]
    public void The_example_in_Python_learns_and_shares_memory()
    {
        string python = Python();
        string said = Right(
            $"OPENBLAS_NUM_THREADS=1 PYTHONPATH=published PYTHONDONTWRITEBYTECODE=1 {python} '{_root}/docs/examples/11-from-python.py' 200"
        );
        TestContext.Out.WriteLine(said);
        Assert.That(
            said,
            Does.Contain("DESCRIPTION: sequor_model_create: $: there is no key \"hiden\"")
        );
        if (said.Contains("PyTorch is not here", StringComparison.Ordinal))
            Assert.Ignore($"{python} has no PyTorch: the LSTM beside nn.LSTM did not run");
        Assert.That(
            said,
            Does.Match("beside nn.LSTM: outputs and gradients differ by [0-9.e-]+\n")
        );
    }

    [Test]
    public void Python_shares_memory_with_numpy_and_PyTorch_by_either_form_of_capsules()
    {
        string python = Python();
        string said = Right(
            $"OPENBLAS_NUM_THREADS=1 PYTHONPATH=published PYTHONDONTWRITEBYTECODE=1 {python} '{Source("sharing.py")}'"
        );
        TestContext.Out.WriteLine(said);
        Assert.That(said, Does.Not.Contain("FAILS"));
        if (!said.Contains(" reads a tensor, ", StringComparison.Ordinal))
            Assert.Ignore($"{python} has neither numpy nor PyTorch");
        if (said.Contains("capsules of DLPack 1.0: none", StringComparison.Ordinal))
            Assert.Ignore(
                $"plain capsules were shared; versioned ones are made by numpy 2.1 and PyTorch 2.9, which {python} has not ({PythonVariable} names another)"
            );
        Assert.That(
            said,
            Does.Match("holds: (numpy|PyTorch) .* reads a tensor, versioned, asked by ")
        );
    }

    [Test]
    public void Python_has_files_of_PyTorchs_packed_rows_and_plans_that_carry_or_lend()
    {
        string said = Right(
            $"OPENBLAS_NUM_THREADS=1 PYTHONPATH=published PYTHONDONTWRITEBYTECODE=1 {Python()} '{Source("methods.py")}'"
        );
        TestContext.Out.WriteLine(said);
        Assert.That(said, Does.Not.Contain("FAILS"));
        Assert.That(said, Does.Contain("holds: the gradients are the same"));
    }

    [Test]
    public void Python_without_numpy_has_lists_and_frees_what_is_forgotten()
    {
        File.WriteAllText(
            Path.Join(_folder, "plain.py"),
            """
            import gc, os, sys
            sys.modules["numpy"] = None
            import sequor
            backend = sequor.Backend("cpu", threads=1)
            model = sequor.Model({"layers": [{"type": "linear", "inputs": 2, "outputs": 1}]})
            model.initialize(backend)
            model.write("0.weight", [[2, 3]])
            model.write("0.bias", [1])
            plan = sequor.Plan(model, backend, max_length=1, max_batch=2, mode="evaluation")
            print(plan.forward([[[1, 1], [0, 2]]]).read(), model.shapes, model.channels)
            for wrong in (lambda: sequor.Plan(model, backend, 0, 1), lambda: plan.forward([[1, 2]]), lambda: plan.backward([1, 2]),
                          lambda: sequor.Backend("tpu"), lambda: sequor.Loss(plan, "mae"), lambda: plan.forward([[[1, 2], [3]]])):
                try:
                    wrong()
                    print("not refused")
                except sequor.Error as error:
                    print(error.status)
            # Capsules that nobody takes, and objects that nobody closes.
            tensor = sequor.Tensor(backend, (3,))
            tensor.__dlpack__()
            tensor.__dlpack__(max_version=(1, 0))
            print(tensor.__dlpack_device__(), tensor.read())
            child = os.fork()
            if child == 0:
                try:
                    plan.forward([[[1, 1], [0, 2]]])
                except sequor.Error as error:
                    os._exit(0 if error.status == "FORKED" else 1)
                os._exit(2)
            print(os.waitpid(child, 0)[1])
            del tensor, plan, model, backend, wrong
            gc.collect()
            print(sequor.live_handles())
            """
        );
        Assert.That(
            Right($"PYTHONPATH=published PYTHONDONTWRITEBYTECODE=1 {Python()} plain.py"),
            Is.EqualTo(
                """
                [[[6.0], [7.0]]] {'0.weight': (1, 2), '0.bias': (1,)} (2, 1)
                ARGUMENT
                ARGUMENT
                STATE
                ARGUMENT
                DESCRIPTION
                ARGUMENT
                (1, 0) [0.0, 0.0, 0.0]
                0
                0

                """.ReplaceLineEndings("\n")
            )
        );
    }

    // Reported, not asserted: it is a matter of the machine. The loader takes the library with vectors as wide as the JIT has, where
    // there is one; with 256 bits both have these.
    [TestCase(0)]
    [TestCase(256)]
    public void What_a_call_and_a_step_cost_beside_the_same_code_by_the_JIT(int vectorBits)
    {
        const int Threads = 1;
        const int Steps = 10;
        const int Rounds = 7;
        Compile("cc -std=c99", Source("measure.c"), "measure");
        using var jit = new JitStep(Threads, vectorBits);
        for (int i = 0; i < 5 * Steps; i++)
            jit.Run();
        var ratios = new List<double>();
        for (int round = 0; round < Rounds; round++)
        {
            double[] aot =
            [
                .. Right($"./measure {Threads} 3 {Steps} {vectorBits}")
                    .Split(' ')
                    .Select(text => double.Parse(text, CultureInfo.InvariantCulture)),
            ];
            TimeSpan before = Environment.CpuUsage.TotalTime;
            for (int i = 0; i < Steps; i++)
                jit.Run();
            double theirs = (Environment.CpuUsage.TotalTime - before).TotalMilliseconds / Steps;
            ratios.Add(aot[2] / theirs);
            TestContext.Out.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"call {aot[0]:F0} ns, to the first result {aot[1]:F1} ms, LSTM step {aot[2]:F1} ms, by the JIT {theirs:F1} ms: {ratios[^1]:F3}"
                )
            );
        }
        ratios.Sort();
        TestContext.Out.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"median ratio {ratios[Rounds / 2]:F3}: processor time, {Threads} thread, {(vectorBits == 0 ? "each with its widest vectors" : $"both with vectors of {vectorBits} bits")}, load average {Load()}"
            )
        );
    }

    private static string Load() =>
        File.Exists("/proc/loadavg") ? File.ReadAllText("/proc/loadavg").Split(' ')[0] : "unknown";

    private string Source(string name) => Path.Join(_root, "Tests", "C", name);

    private void Compile(string compiler, string source, string program, string more = "") =>
        Right(
            $"{compiler} {Strict} '{source}' -I published -L published -lsequor {more} -Wl,-rpath,'{_library}' -o {program}"
        );

    // Of the Pythons that there are, one that has PyTorch.
    private string Python()
    {
        if (Environment.GetEnvironmentVariable(PythonVariable) is { Length: > 0 } named)
            return named;
        string[] all = ["python3", "/usr/bin/python3"];
        string[] there = [.. all.Where(p => Run(_folder, $"command -v {p}").Code == 0)];
        if (there.Length == 0)
            Assert.Ignore("there is no python3");
        return there.FirstOrDefault(p => Run(_folder, $"{p} -c 'import torch'").Code == 0)
            ?? there[0];
    }

    private static void Require(string program, string reason)
    {
        if (Run(Path.GetTempPath(), $"command -v {program}").Code != 0)
            Assert.Ignore(reason);
    }

    private string Right(string command)
    {
        (int code, string text) = Run(_folder, command);
        Assert.That(code, Is.Zero, $"{command}\n{text}");
        return text;
    }

    private static (int Code, string Text) Run(string folder, string command)
    {
        var start = new ProcessStartInfo("sh", ["-c", $"{command} 2>&1"])
        {
            WorkingDirectory = folder,
            RedirectStandardOutput = true,
        };
        using Process process = Process.Start(start)!;
        Task<string> text = process.StandardOutput.ReadToEndAsync();
        if (!process.WaitForExit(Patience))
        {
            process.Kill(entireProcessTree: true);
            Assert.Fail($"{command} did not end in {Patience}");
        }
        return (process.ExitCode, text.Result);
    }
}
