using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Native;
using Sequor.Tests.Support;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Examples;

/// <summary>The examples of the documentation run and give what they promise, those for a GPU included.</summary>
[TestFixture]
public sealed class ExampleTests : CudaFixture
{
    [Test]
    public void The_lstm_on_foreign_pointers_gives_what_the_cpu_gives()
    {
        float[] input = new Draw(1).Uniform(20 * 4 * 16);
        float[] gradient = new Draw(2).Uniform(20 * 4 * 32);
        using CudaStream theirs = Context.CreateStream();
        using DeviceBuffer<float> x = Upload(input, theirs);
        using DeviceBuffer<float> dy = Upload(gradient, theirs);
        using var y = Context.Allocate<float>(20 * 4 * 32);
        using var dx = Context.Allocate<float>(20 * 4 * 16);

        LstmOnForeignPointers.Run(
            (nint)Context.Handle.Value,
            (nint)theirs.Handle.Value,
            (nint)x.Handle.Value,
            (nint)y.Handle.Value,
            (nint)dy.Handle.Value,
            (nint)dx.Handle.Value,
            Libraries
        );

        using var lstm = new Lstm(16, 32, 2);
        using Plan plan = lstm.Plan(
            Cpu,
            20,
            4,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        Tensor cpuDy = Cpu.Allocate(new Shape(20, 4, 32), MemoryCategory.InputOutput);
        cpuDy.Write(gradient);
        plan.Forward(input, 20, 4);
        plan.Backward(cpuDy);
        cpuDy.Storage.Dispose();
        Against.Cpu("lstm, two layers", "y", y.Span.ToArray(theirs), plan.Output.ToArray(), 2e-5);
        Against.Cpu(
            "lstm, two layers",
            "dx",
            dx.Span.ToArray(theirs),
            plan.InputGradient.ToArray(),
            2e-5
        );
    }

    [TestCase("cpu")]
    [TestCase("cuda")]
    public void An_lstm_runs_on_another_library_s_tensor_and_hands_its_output_back(string device)
    {
        Backend backend = device == "cpu" ? Cpu : Gpu;
        float[] input = new Draw(1).Uniform(20 * 4 * 16);
        using var lent = new Interchange.Lent(backend, input, first: 1);
        using Interchange.Producer producer = lent.Producer(backend, 20, 4, 16);
        nint given = TensorsInPlace.Run(backend, producer.Make(DlPackForm.Versioned));
        Assert.That(producer.Deleted, Is.EqualTo(1));
        using (
            DlPackTensor y = DlPack.Import(backend, given, DlPackForm.Versioned, DlPackAccess.Read)
        )
        {
            using var lstm = new Lstm(16, 32);
            using Plan plan = lstm.Plan(Cpu, 20, 4, Mode.Evaluation);
            plan.Forward(input, 20, 4);
            Against.Cpu("lstm", "y", y.Tensor.ToArray(), plan.Output.ToArray(), 2e-5);
        }
        backend.Synchronize();
    }

    [Test]
    public void An_array_of_python_is_copied_and_its_copy_described()
    {
        float[] values = new Draw(1).Uniform(6);
        using var lent = new Interchange.Lent(Gpu, values);
        using Storage y = Gpu.Allocate(6, MemoryCategory.InputOutput);
        string described = ArrayOfPython.Run(
            Gpu,
            $$"""{"shape": [2, 3], "typestr": "<f4", "data": [{{lent.Address}}, true], "version": 3, "stream": 1}""",
            y.View(new Shape(2, 3))
        );
        Assert.That(described, Does.StartWith("{\"shape\":[2,3],\"typestr\":\"<f4\",\"data\":["));
        Assert.That(y.View(new Shape(6)).ToArray(), Is.EqualTo(values));
        // What was imported holds the context until the collector finds it.
        Threads.ForgottenTests.Collect();
    }

    [TestCase("cpu")]
    [TestCase("cuda")]
    public void A_profile_tells_what_a_step_s_time_was(string device)
    {
        Backend backend = device == "cpu" ? Cpu : Gpu;
        using var model = new Sequential(new Gru(2, 3), new Linear(3, 1));
        using Plan plan = model.Plan(backend, 4, 2, Mode.Evaluation);
        float[] x = new Draw(5).Uniform(4 * 2 * 2);
        (long step, long rows, int heard) = ProfilingSteps.Run(plan, () => plan.Forward(x, 4, 2));
        Assert.That(rows, Is.EqualTo(step).And.Positive);
        // The model and its two layers, five times.
        Assert.That(heard, Is.EqualTo(15));
    }

    [TestCase("cpu", 100)]
    [TestCase("cuda", 4)]
    public void The_training_loop_learns_and_a_gpu_replays_its_steps(string device, int steps)
    {
        using IDisposable standIn = CudaLibraries.StandIn(Libraries);
        // So that what the example prints is not among the tests' results.
        TextWriter output = Console.Out;
        using var printed = new StringWriter();
        Console.SetOut(printed);
        try
        {
            (float loss, float answer, long replays) = TrainingLoop.Run(
                Device.Parse(device),
                4,
                2,
                steps
            );
            Assert.That(loss, Is.Positive.And.LessThan(3));
            Assert.That(answer, Is.InRange(-1, 3));
            Assert.That(replays, Is.EqualTo(device == "cpu" ? 0 : steps - StepGraph.EagerSteps));
        }
        finally
        {
            Console.SetOut(output);
        }
        Assert.That(
            printed.ToString(),
            steps < 100 ? Is.Empty : Does.Match(@"^step 100: \d\.\d+\s$")
        );
    }

    [TestCase("cpu")]
    [TestCase("cuda")]
    public void The_layer_multiplies_and_has_its_gradients(string device)
    {
        Backend backend = device == "cpu" ? Cpu : Gpu;
        using var model = new Sequential(new WritingALayer.Layers.Scale(2), new Last(2));
        using Plan plan = model.Plan(
            backend,
            2,
            1,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        plan.Parameter("0.w").Write([3, -1]);
        Tensor y = plan.Forward([1, 2, 5, 7], 2, 1);
        Tensor dy = backend.Allocate(y.Shape, MemoryCategory.InputOutput);
        dy.Write([1, 10]);
        plan.Backward(dy);
        dy.Storage.Dispose();

        Assert.That(y.ToArray(), Is.EqualTo(new float[] { 15, -7 }));
        Assert.That(plan.Gradient("0.w").ToArray(), Is.EqualTo(new float[] { 5, 70 }));
        Assert.That(plan.InputGradient.ToArray(), Is.EqualTo(new float[] { 0, 0, 3, -10 }));
    }

    [Test]
    public void Training_by_epochs_goes_on_from_its_checkpoint()
    {
        string path = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}");
        TextWriter output = Console.Out;
        using var printed = new StringWriter();
        Console.SetOut(printed);
        try
        {
            (double test, int epochs) = TrainingByEpochs.Run(Cpu, 40, path);
            Assert.That(test, Is.Positive.And.LessThan(2));
            Assert.That(epochs, Is.InRange(4, 10));
            Assert.That(printed.ToString().Split("step ").Length - 1, Is.EqualTo(2 * epochs));
            Assert.That(TrainingByEpochs.Run(Cpu, 40, path), Is.EqualTo((test, epochs)));
        }
        finally
        {
            Console.SetOut(output);
            File.Delete(path);
        }
    }

    [Test]
    public void The_product_is_that_of_the_matrix_and_itself() =>
        Assert.That(ProductOnBuffers.Run(Libraries), Is.EqualTo(new float[] { 14, 32, 32, 77 }));

    [Test]
    [VirtualGpuOnly]
    public void The_libraries_that_are_found_count_devices()
    {
        VirtualDevice device = RequireVirtual();
        (CUresult result, int count) = FoundLibraries.Run(
            new NativeLibraryOptions { Resolve = kind => device.Symbols(kind) }
        );
        Assert.That(result, Is.EqualTo(CUresult.CUDA_SUCCESS));
        Assert.That(count, Is.Positive);
    }

    [Test]
    public void Episodes_begin_anew_within_their_sequences()
    {
        using var backend = Backend.Create(Device.Cpu);
        float[] x = [.. Enumerable.Range(0, 5 * 2 * 4).Select(i => MathF.Sin(i))];
        float[] next = [.. Enumerable.Range(0, 2 * 4).Select(i => MathF.Cos(i))];
        (float[] windows, float[] action) = EpisodesInOneSequence.Run(backend, x, next);
        float[] changed = [.. x];
        changed[0] += 1; // the first step of sequence 0, whose later episode does not see it
        changed[4] += 1; // and of sequence 1
        (float[] others, float[] same) = EpisodesInOneSequence.Run(backend, changed, next);
        for (int t = 0; t < 5; t++)
        for (int b = 0; b < 2; b++)
            Assert.That(
                others[4 * t + 2 * b] == windows[4 * t + 2 * b],
                Is.EqualTo(b == 0 ? t >= 2 : t >= 4),
                $"step {t} of sequence {b}"
            );
        Assert.That(same, Is.EqualTo(action));
    }

    [Test]
    public void What_packages_show_runs()
    {
        TextWriter output = Console.Out;
        using var printed = new StringWriter();
        Console.SetOut(printed);
        try
        {
            ProductOrReason.Run(Libraries);
            Assert.That(MeanOfASequence.Run(), Is.Positive.And.LessThan(0.003));
            Assert.That(AddingInEpochs.Run(), Is.Positive.And.LessThan(0.3));
        }
        finally
        {
            Console.SetOut(output);
        }
        Assert.That(
            printed.ToString(),
            Does.StartWith("14 32 32 77").And.Contain("step 300: ").And.Contain("error 0.")
        );
    }

    [Test]
    [VirtualGpuOnly]
    public void The_version_of_the_driver_is_told()
    {
        VirtualDevice device = RequireVirtual();
        TextWriter output = Console.Out;
        using var printed = new StringWriter();
        Console.SetOut(printed);
        try
        {
            VersionOfTheDriver.Run(
                new NativeLibraryOptions { Resolve = kind => device.Symbols(kind) }
            );
        }
        finally
        {
            Console.SetOut(output);
        }
        Assert.That(printed.ToString(), Does.Match(@"^ready\s+CUDA_SUCCESS: CUDA \d+\.\d\s+$"));
    }

    private DeviceBuffer<float> Upload(float[] values, CudaStream stream)
    {
        var buffer = Context.Allocate<float>(values.Length);
        buffer.Span.CopyFrom(values, stream);
        return buffer;
    }
}
