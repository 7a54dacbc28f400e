using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;
using CudaContext = Sequor.Interop.CudaContext;

namespace Sequor.Tests.Cuda.Tuning;

/// <summary>
/// Backends that measure, on a virtual GPU whose algorithms take declared times, with a file of choices for each test. Time is
/// the device's.
/// </summary>
[NonParallelizable]
[Category("Gpu")]
[VirtualGpuOnly]
public abstract class TuningFixture : FolderTest
{
    private protected const int Length = 3;
    private protected const int Batch = 2;

    private protected VirtualDevice Device { get; private set; } = null!;

    private protected CudaContext Context { get; private set; } = null!;

    private protected CudaStream Stream { get; private set; } = null!;

    private protected List<string> Told { get; } = [];

    private protected string Choices => PathOf("choices.jsonl");

    /// <summary>Whether the test takes the context with it.</summary>
    private protected bool IsLost { get; set; }

    [SetUp]
    public void StartDevice()
    {
        (CudaLibraries libraries, VirtualDevice? device) = TestGpu.Start(isVirtual: true);
        Device = device!;
        Context = CudaContext.Primary(libraries.Device());
        Stream = Context.CreateStream();
        Told.Clear();
        IsLost = false;
    }

    [TearDown]
    public void EndDevice()
    {
        try
        {
            Stream.Dispose();
            Context.Dispose();
            if (!IsLost)
                Device.AssertClean();
        }
        finally
        {
            Device.Dispose();
        }
    }

    private protected virtual CudaOptions Options =>
        new()
        {
            Autotune = Autotune.InFile(Choices),
            Clock = new DeviceClock(Device),
            Tell = Told.Add,
        };

    private protected CudaBackend Backend(CudaOptions? options = null) =>
        new(Context, Stream, options ?? Options);

    /// <summary>A network that every algorithm takes.</summary>
    private protected static RecurrentDescriptor Net(int hidden = 32) =>
        new(RecurrentKind.Lstm, 2, hidden)
        {
            MaxLength = Length,
            MaxBatch = Batch,
            Training = true,
            States = false,
        };

    /// <summary>Plans a network, and gives what was chosen for it.</summary>
    private protected CudaChoice Plan(
        RecurrentDescriptor? descriptor = null,
        CudaOptions? options = null
    )
    {
        using CudaBackend backend = Backend(options);
        using RecurrentOperation made = backend.PlanRecurrent(descriptor ?? Net());
        return backend.Choices.Single(choice => choice.Kind == "recurrent");
    }

    /// <summary>Gives calls of cuDNN's recurrent networks times by their algorithms; others take what they take.</summary>
    private protected void Takes(Func<string, double?> byAlgorithm) =>
        Effects(work =>
            byAlgorithm(Short(work.Way)) is { } time
                ? new VirtualEffect { Microseconds = time }
                : null
        );

    /// <summary>Gives calls of cuDNN's recurrent networks effects; each launch of own kernels for them takes so long.</summary>
    private protected void Effects(Func<VirtualWork, VirtualEffect?> effect, double own = 2000) =>
        Device.Effects = work =>
            work.Call.StartsWith("cudnnRNN", StringComparison.Ordinal) ? effect(work)
            : work.Way.StartsWith("recurrent_", StringComparison.Ordinal)
                ? new VirtualEffect { Microseconds = own }
            : null;

    /// <summary>The candidate of an algorithm.</summary>
    private protected static string Short(string algorithm) =>
        algorithm switch
        {
            "CUDNN_RNN_ALGO_STANDARD" => "standard",
            "CUDNN_RNN_ALGO_PERSIST_STATIC" => "persist",
            "CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H" => "small-h",
            _ => "dynamic",
        };

    /// <summary>The device's own time, which is that of its work.</summary>
    private protected sealed class DeviceClock(VirtualDevice device) : TimeProvider
    {
        public override long TimestampFrequency => 1_000_000_000;

        public override long GetTimestamp() => device.Work.Time;
    }
}
