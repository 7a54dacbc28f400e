using NUnit.Framework;
using NUnit.Framework.Interfaces;
using NUnit.Framework.Internal;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Layers.Cuda;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Support;

/// <summary>
/// A CUDA backend for every test, on the machine's GPU or on the virtual one. The test fails if a byte, a handle or an error is left
/// behind.
/// </summary>
[NonParallelizable]
[Category("Gpu")]
public abstract class CudaFixture
{
    private protected VirtualDevice? Virtual { get; private set; }

    private protected CudaLibraries Libraries { get; private set; } = null!;

    private protected CudaContext Context { get; private set; } = null!;

    private protected CudaStream Stream { get; private set; } = null!;

    private protected CudaBackend Gpu { get; private set; } = null!;

    private protected static Backend Cpu => Backends.Get(256, 2);

    private protected virtual FloatMath Arithmetic => FloatMath.Fp32;

    /// <summary>
    /// Whether the virtual GPU's libraries sum in float32 and another order, so that bounds hold on a card as well
    /// (<see cref="Rounding"/>); else they are as near to the CPU as can be.
    /// </summary>
    private protected virtual bool FloatSums => false;

    /// <summary>How recurrent networks are computed; null for the first guess.</summary>
    private protected virtual RecurrentMethod? RecurrentWay => null;

    /// <summary>The virtual GPU's compute capability; null for its own.</summary>
    private protected virtual int? Capability => null;

    [SetUp]
    public void Start()
    {
        (Libraries, Virtual) = TestGpu.Start(IsVirtualOnly(), Capability);
        if (Virtual is not null)
            Virtual.Manners.FloatSums = FloatSums;
        Context = CudaContext.Primary(Libraries.Device());
        Stream = Context.CreateStream();
        Gpu = new CudaBackend(
            Context,
            Stream,
            new CudaOptions { Math = Arithmetic, Recurrent = RecurrentWay }
        );
    }

    [TearDown]
    public void End()
    {
        TestStatus status = TestStatus.Failed;
        try
        {
            Gpu?.Dispose();
            Stream?.Dispose();
            Context?.Dispose();
            Virtual?.AssertClean();
            if (Gpu is not null)
            {
                Assert.That(Context!.PendingError, Is.Null);
                Assert.That(Context.Ledger.CurrentBytes, Is.Zero);
                Assert.That(Gpu.Memory.CurrentBytes, Is.Zero);
            }
            status = TestContext.CurrentContext.Result.Outcome.Status;
        }
        finally
        {
            // If there is a real GPU, tests on the virtual one are not counted.
            if (Virtual is null || TestGpu.Real is null)
                GpuTestReport.Count(status);
            Virtual?.Dispose();
            (Gpu, Stream, Context) = (null!, null!, null!);
        }
    }

    /// <summary>The virtual GPU, for what only that can do, in a test that is <see cref="VirtualGpuOnlyAttribute"/>.</summary>
    private protected VirtualDevice RequireVirtual() =>
        Virtual
        ?? throw new InvalidOperationException(
            $"A test that needs the virtual GPU has to be [{nameof(VirtualGpuOnlyAttribute)}]."
        );

    /// <summary>Whether the current test is marked so, by itself or by its fixture.</summary>
    internal static bool IsVirtualOnly()
    {
        for (ITest? test = TestExecutionContext.CurrentContext.CurrentTest; test is not null; )
        {
            if (test.Properties[PropertyNames.Category].Contains(VirtualGpuOnlyAttribute.Category))
                return true;
            test = test.Parent;
        }
        return false;
    }
}
