using NUnit.Framework;
using NUnit.Framework.Interfaces;
using Sequor.Interop;
using Sequor.Tests.Support;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;

namespace Sequor.Tests.Tool;

/// <summary>
/// The sequor command called in this process, so that it finds the virtual GPU where the machine has no other; the test fails
/// if a command leaves a byte, a handle or an error behind.
/// </summary>
[NonParallelizable]
[Category("Gpu")]
public abstract class CudaCommandFixture : FolderTest
{
    private IDisposable? _standIn;

    private protected VirtualDevice? Virtual { get; private set; }

    [SetUp]
    public void StartDevice()
    {
        (CudaLibraries libraries, Virtual) = TestGpu.Start(CudaFixture.IsVirtualOnly());
        _standIn = CudaLibraries.StandIn(libraries);
        if (Virtual is not null)
            TestCache.Trust(libraries.Device());
    }

    [TearDown]
    public void EndDevice()
    {
        TestStatus status = TestStatus.Failed;
        try
        {
            _standIn?.Dispose();
            Virtual?.AssertClean();
            status = TestContext.CurrentContext.Result.Outcome.Status;
        }
        finally
        {
            if (Virtual is null || TestGpu.Real is null)
                GpuTestReport.Count(status);
            Virtual?.Dispose();
            _standIn = null;
        }
    }

    private protected static ProgramResult Run(params string[] arguments) =>
        InProcess.Run(arguments);

    /// <summary>A command line whose words have no blanks, and further words.</summary>
    private protected static ProgramResult Run(string line, params string[] more) =>
        Run([.. line.Split(' '), .. more]);
}
