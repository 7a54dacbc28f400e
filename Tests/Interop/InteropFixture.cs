using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using CuBlasLibrary = Sequor.VirtualGpu.CuBlasLibrary;
using CuDnnLibrary = Sequor.VirtualGpu.CuDnnLibrary;
using NativeExport = Sequor.VirtualGpu.NativeExport;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Interop;

/// <summary>
/// Starts the virtual GPU for every test, and fails the test if it finds a misuse, a handle or a byte that was not
/// given back, or an error of a release that no one has raised.
/// </summary>
[NonParallelizable]
public abstract class InteropFixture
{
    private bool _faultsExpected;
    private bool _errorExpected;
    private bool _leaksExpected;

    private protected virtual VirtualOptions Options => new();

    private protected VirtualDevice Gpu { get; private set; } = null!;

    private protected CudaLibraries Libraries { get; private set; } = null!;

    private protected CudaContext Context { get; private set; } = null!;

    private protected CudaStream Stream { get; private set; } = null!;

    [SetUp]
    public void Start()
    {
        _faultsExpected = _errorExpected = _leaksExpected = false;
        Gpu = VirtualDevice.Start(Options with { Seed = TestContext.CurrentContext.Random.Next() });
        Libraries = CudaLibraries.From(
            Gpu.Symbols(LibraryKind.CudaDriver),
            NativeExport.Library("virtual cuDNN", CuDnnLibrary.Exports),
            NativeExport.Library("virtual cuBLAS", CuBlasLibrary.Exports),
            Gpu.Symbols(LibraryKind.Nvml),
            Gpu.Symbols(LibraryKind.CuBlasLt)
        );
        Context = CudaContext.Primary(Libraries.Device());
        Stream = Context.CreateStream();
    }

    [TearDown]
    public void End()
    {
        try
        {
            Stream.Dispose();
            Context.Dispose();
            if (_faultsExpected)
                Gpu.TakeFaults();
            if (!_leaksExpected)
                Gpu.AssertClean();
            if (!_errorExpected)
                Assert.That(Context.PendingError, Is.Null);
            Assert.That(Context.Ledger.CurrentBytes, Is.Zero);
        }
        finally
        {
            Gpu.Dispose();
        }
    }

    /// <summary>This test makes misuses that the virtual GPU records.</summary>
    private protected void ExpectFaults() => _faultsExpected = true;

    /// <summary>This test leaves an error of a release that no call raises.</summary>
    private protected void ExpectPendingError() => _errorExpected = true;

    /// <summary>This test ends a context under its objects, which no one can give back then.</summary>
    private protected void ForgiveLeaks() => _leaksExpected = true;

    /// <summary>Calls of a driver function so far.</summary>
    private protected long Calls(string name) => Gpu.Counts.Of(name);

    private protected DeviceBuffer<float> Upload(params float[] values)
    {
        var buffer = Context.Allocate<float>(values.Length);
        buffer.Span.CopyFrom(values, Stream);
        return buffer;
    }
}
