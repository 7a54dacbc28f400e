using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Ptx;
using Sequor.VirtualGpu.Ptxas;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Kernels;

/// <summary>What the virtual driver says of kernels that the table of ptxas has, and of others.</summary>
[TestFixture]
[NonParallelizable]
public sealed class AssembledKernelTests
{
    private const string Spilling = "state_scan_gradient_ends_8";

    [TestCase(75)]
    [TestCase(80)]
    [TestCase(86)]
    [TestCase(90)]
    public void Registers_and_local_memory_are_those_of_the_table(int capability)
    {
        string ptx = KernelImages.Ptx(KernelImages.ModuleOf(Spilling));
        PtxasRow row = PtxasTable.Shipped.Find(PtxasTable.DigestOf(ptx), Spilling, capability)!;
        (int registers, int local) = Of(capability, ptx);

        Assert.That(registers, Is.EqualTo(80));
        Assert.That(registers, Is.EqualTo(row.Registers));
        Assert.That(local, Is.EqualTo(row.Stack).And.Positive);
    }

    [Test]
    public void A_kernel_or_an_architecture_that_the_table_has_not_is_estimated()
    {
        string ptx = KernelImages.Ptx(KernelImages.ModuleOf(Spilling));
        (int registers, int local) = Of(87, ptx);

        Assert.That(Of(80, ptx + "// another\n"), Is.EqualTo((registers, local)));
        Assert.That(registers, Is.InRange(16, 255));
        Assert.That(local, Is.Zero);
    }

    private static (int Registers, int Local) Of(int capability, string ptx)
    {
        using var device = VirtualDevice.Start(
            new VirtualOptions { ComputeCapability = capability, Kernels = new PtxEngine() }
        );
        (int, int) found;
        using (
            var context = CudaContext.Primary(
                CudaLibraries
                    .From(
                        device.Symbols(LibraryKind.CudaDriver),
                        device.Symbols(LibraryKind.CuDnn),
                        device.Symbols(LibraryKind.CuBlas)
                    )
                    .Device()
            )
        )
        using (var module = context.LoadModule(System.Text.Encoding.UTF8.GetBytes(ptx)))
        {
            CudaKernel kernel = module.Kernel(Spilling);
            found = (kernel.Registers, kernel.LocalBytes);
        }
        device.AssertClean();
        return found;
    }
}
