using System.Text;
using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using Sequor.VirtualGpu.Ptx;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>PTX through the driver, as a program loads and launches it.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class PtxEngineTests
{
    private static CUresult Load(Rig rig, string text, out CUmodule module, out string log)
    {
        byte[] room = new byte[1000];
        CUresult result;
        fixed (CUmodule* to = &module)
        fixed (byte* image = Encoding.UTF8.GetBytes(text + "\0"))
        fixed (byte* error = room)
        {
            CUjit_option* options = stackalloc CUjit_option[2];
            options[0] = CUjit_option.CU_JIT_ERROR_LOG_BUFFER;
            options[1] = CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES;
            void** values = stackalloc void*[2];
            values[0] = error;
            values[1] = (void*)(nuint)room.Length;
            result = rig.Driver.cuModuleLoadDataEx(to, image, 2, options, values);
        }
        log = Encoding.UTF8.GetString(room).TrimEnd('\0');
        return result;
    }

    private static CUfunction Function(Rig rig, CUmodule module, string name)
    {
        CUfunction function;
        fixed (byte* text = Encoding.UTF8.GetBytes(name + "\0"))
            Rig.Ok(rig.Driver.cuModuleGetFunction(&function, module, text));
        return function;
    }

    private static CUresult Launch(
        Rig rig,
        CUfunction function,
        uint blocks,
        uint threads,
        params ReadOnlySpan<ulong> values
    )
    {
        fixed (ulong* at = values)
        {
            void** parameters = stackalloc void*[values.Length];
            for (int i = 0; i < values.Length; i++)
                parameters[i] = at + i;
            return rig.Driver.cuLaunchKernel(
                function,
                blocks,
                1,
                1,
                threads,
                1,
                1,
                0,
                default,
                parameters,
                null
            );
        }
    }

    [Test]
    public void Kernels_run_and_are_counted()
    {
        var engine = new PtxEngine();
        using var rig = new Rig(new() { Kernels = engine });
        Rig.Ok(Load(rig, PtxKernels.Text("sound.ptx"), out CUmodule module, out _));
        CUfunction add = Function(rig, module, "add");
        int target;
        Rig.Ok(
            rig.Driver.cuFuncGetAttribute(
                &target,
                CUfunction_attribute.CU_FUNC_ATTRIBUTE_PTX_VERSION,
                add
            )
        );
        Assert.That(target, Is.EqualTo(75));
        CUdeviceptr x = rig.Filled(1, 2, 3);
        CUdeviceptr y = rig.Filled(10, 20, 30);
        ulong scale = BitConverter.SingleToUInt32Bits(2);
        Rig.Ok(Launch(rig, add, 2, 32, y.Value, x.Value, scale, 3));
        Assert.That(rig.Read(y, 3), Is.EqualTo(new float[] { 12, 24, 36 }).AsCollection);
        Assert.Multiple(() =>
        {
            Assert.That(engine.Counts["add"].Launches, Is.EqualTo(1));
            Assert.That(engine.Counts["add"].BytesRead, Is.EqualTo(24));
            WorkCount count = rig.Device.Counts.Work["add"];
            Assert.That(count, Is.EqualTo(new WorkCount(1, 24, 12)));
        });
        Rig.Ok(rig.Driver.cuMemFree(x));
        Rig.Ok(rig.Driver.cuMemFree(y));
        Rig.Ok(rig.Driver.cuModuleUnload(module));
    }

    [Test]
    public void Global_variables_are_the_modules()
    {
        using var rig = new Rig(new() { Kernels = new PtxEngine() });
        Rig.Ok(Load(rig, PtxKernels.Text("sound.ptx"), out CUmodule module, out _));
        CUdeviceptr y = rig.Alloc(4 * 6);
        Rig.Ok(Launch(rig, Function(rig, module, "take_ticket"), 2, 3, y.Value));
        Rig.Ok(rig.Driver.cuCtxSynchronize());
        CUdeviceptr tickets;
        nuint bytes;
        fixed (byte* name = "tickets\0"u8)
            Rig.Ok(rig.Driver.cuModuleGetGlobal(&tickets, &bytes, module, name));
        Assert.That(bytes, Is.EqualTo((nuint)4));
        Assert.That(BitConverter.SingleToInt32Bits(rig.Read(tickets, 1)[0]), Is.EqualTo(6));
        Rig.Ok(rig.Driver.cuMemFree(y));
        Rig.Ok(rig.Driver.cuModuleUnload(module));
    }

    [Test]
    public void A_fault_in_a_kernel_is_recorded_and_poisons()
    {
        using var rig = new Rig(new() { Kernels = new PtxEngine() });
        Rig.Ok(Load(rig, PtxKernels.Text("faulty.ptx"), out CUmodule module, out _));
        CUfunction copy = Function(rig, module, "copy");
        CUdeviceptr x = rig.Filled(1, 2, 3);
        CUdeviceptr y = rig.Filled(0, 0, 0, 0);
        Rig.Ok(Launch(rig, copy, 1, 4, y.Value, x.Value));
        Assert.That(rig.Driver.cuCtxSynchronize(), Is.Not.EqualTo(CUDA_SUCCESS));
        VirtualFault fault = rig.Device.TakeFaults()[0];
        Assert.Multiple(() =>
        {
            Assert.That(fault.Kind, Is.EqualTo(FaultKind.OutOfBounds));
            Assert.That(fault.Call, Is.EqualTo("copy"));
            Assert.That(fault.Address, Is.EqualTo((nint)(x.Value + 12)));
            Assert.That(fault.Detail, Does.Contain("faulty.cu:7"));
            Assert.That(fault.Detail, Does.Contain("thread (3, 0, 0)"));
        });
    }

    [Test]
    public void Freed_and_unwritten_memory_is_found()
    {
        foreach (bool freed in new[] { true, false })
        {
            using var rig = new Rig(new() { Kernels = new PtxEngine() });
            Rig.Ok(Load(rig, PtxKernels.Text("faulty.ptx"), out CUmodule module, out _));
            CUdeviceptr x = freed ? rig.Filled(1, 2, 3, 4) : rig.Alloc(16);
            CUdeviceptr y = rig.Alloc(16);
            if (freed)
                Rig.Ok(rig.Driver.cuMemFree(x));
            Rig.Ok(Launch(rig, Function(rig, module, "copy"), 1, 4, y.Value, x.Value));
            Assert.That(rig.Driver.cuCtxSynchronize(), Is.Not.EqualTo(CUDA_SUCCESS));
            Assert.That(
                rig.Device.TakeFaults()[0].Kind,
                Is.EqualTo(freed ? FaultKind.UseAfterFree : FaultKind.Uninitialised)
            );
        }
    }

    [Test]
    public void What_is_not_supported_is_in_the_log()
    {
        using var rig = new Rig(new() { Kernels = new PtxEngine() });
        const string text =
            ".version 7.8\n.target sm_75\n.address_size 64\n.visible .entry k()\n{\n.reg .b32 %r<2>;\nfns.b32 %r0, %r1, 0, 1;\nret;\n}\n";
        Assert.Multiple(() =>
        {
            Rig.Gives(Load(rig, text, out _, out string log), CUDA_ERROR_INVALID_PTX);
            Assert.That(log, Is.EqualTo("PTX line 7: 'fns.b32' is not supported"));
            Rig.Gives(
                Load(
                    rig,
                    text.Replace("sm_75", "sm_90", StringComparison.Ordinal),
                    out _,
                    out string _
                ),
                CUDA_ERROR_INVALID_PTX
            );
            Rig.Gives(
                Load(
                    rig,
                    PtxKernels
                        .Text("sound.ptx")
                        .Replace("sm_75", "sm_90", StringComparison.Ordinal),
                    out _,
                    out log
                ),
                CUDA_ERROR_NO_BINARY_FOR_GPU
            );
            Assert.That(log, Does.Contain("sm_90"));
        });
    }
}
