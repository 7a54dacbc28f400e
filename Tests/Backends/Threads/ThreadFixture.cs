using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Threads;

/// <summary>A backend of its own for every test, on the CPU or on a GPU; nothing of it may be left at the end.</summary>
[NonParallelizable]
public abstract class ThreadFixture(string device)
{
    /// <summary>A GPU whose biases cuBLASLt adds, which keeps an object for each of them.</summary>
    internal const string WithEpilogues = "cuda, cuBLASLt";

    private VirtualDevice? _virtual;
    private CudaLibraries? _libraries;

    private protected Backend Backend { get; private set; } = null!;

    private protected bool IsCuda => device is "cuda" or WithEpilogues;

    private protected bool HasEpilogues => device == WithEpilogues;

    /// <summary>Counts calls; null where there are none to count, or it is not the virtual GPU.</summary>
    private protected Sequor.VirtualGpu.VirtualCounts? Counts => _virtual?.Counts;

    [SetUp]
    public void Begin()
    {
        if (IsCuda)
            (_libraries, _virtual) = TestGpu.Start(CudaFixture.IsVirtualOnly());
        Backend = Another();
    }

    [TearDown]
    public void End()
    {
        try
        {
            Backend.Dispose();
            Assert.That(Backend.Memory.CurrentBytes, Is.Zero);
            _virtual?.AssertClean();
        }
        finally
        {
            _virtual?.Dispose();
            _virtual = null;
        }
    }

    /// <summary>A further backend, which the test disposes.</summary>
    private protected Backend Another() =>
        IsCuda
            ? CudaBackend.Create(
                0,
                HasEpilogues ? new CudaOptions { Epilogue = ProductEpilogue.Library } : null,
                _libraries
            )
            : Backend.Create(Device.Cpu, new CpuOptions { Threads = 2 });

    /// <summary>What an action throws; null for nothing.</summary>
    private protected static Exception? Record(Action act)
    {
        try
        {
            act();
            return null;
        }
        catch (Exception e)
        {
            return e;
        }
    }
}
