using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu.Ptx;
using static Sequor.Native.CUdevice_attribute;
using static Sequor.Native.CUfunction_attribute;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>
/// Shared memory as the device's compute capability has it: what the driver tells, grants and refuses, and how many blocks fit. The numbers
/// are those of the CUDA C++ Programming Guide's table "Technical Specifications per Compute Capability", in KiB.
/// </summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class SharedMemoryTests
{
    private const int Static = 1024;

    private static ReadOnlySpan<byte> Ptx =>
        """
        .version 7.8
        .target sm_75
        .address_size 64
        .extern .shared .align 16 .b8 dynamic[];
        .visible .entry k(.param .u32 bytes)
        {
            .reg .b32 %r<4>;
            .shared .align 4 .b8 own[1024];
            mov.u32 %r1, dynamic;
            ld.param.u32 %r2, [bytes];
            add.s32 %r1, %r1, %r2;
            st.shared.u32 [%r1+-4], %r2;
            mov.u32 %r1, own;
            st.shared.u32 [%r1], %r2;
            ret;
        }

        """u8;

    private static Rig Start(int capability, out CUmodule module, out CUfunction function)
    {
        var rig = new Rig(
            new VirtualOptions { ComputeCapability = capability, Kernels = new PtxEngine() }
        );
        byte[] text = [.. Ptx, 0];
        fixed (byte* image = text)
        fixed (CUmodule* to = &module)
            Rig.Ok(rig.Driver.cuModuleLoadData(to, image));
        fixed (byte* name = "k\0"u8)
        fixed (CUfunction* to = &function)
            Rig.Ok(rig.Driver.cuModuleGetFunction(to, module, name));
        return rig;
    }

    private static int Of(Rig rig, CUdevice_attribute attribute)
    {
        int value;
        Rig.Ok(rig.Driver.cuDeviceGetAttribute(&value, attribute, new CUdevice(0)));
        return value;
    }

    private static CUresult Launch(Rig rig, CUfunction function, int shared)
    {
        int bytes = shared;
        void* parameter = &bytes;
        return rig.Driver.cuLaunchKernel(
            function,
            1,
            1,
            1,
            1,
            1,
            1,
            (uint)shared,
            default,
            &parameter,
            null
        );
    }

    private static int Blocks(Rig rig, CUfunction function, int shared)
    {
        int blocks;
        Rig.Ok(
            rig.Driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                &blocks,
                function,
                32,
                (nuint)shared
            )
        );
        return blocks;
    }

    // 8.7 and 12.0 are not in the table of what is compiled ahead: they have what the nearest one before them has.
    [TestCase(75, 64, 64, 0, 16, 1024)]
    [TestCase(80, 164, 163, 1, 32, 2048)]
    [TestCase(86, 100, 99, 1, 16, 1536)]
    [TestCase(87, 100, 99, 1, 16, 1536)]
    [TestCase(89, 100, 99, 1, 24, 1536)]
    [TestCase(90, 228, 227, 1, 32, 2048)]
    [TestCase(120, 228, 227, 1, 32, 2048)]
    public void Is_what_the_compute_capability_has(
        int capability,
        int all,
        int block,
        int reserved,
        int blocks,
        int threads
    )
    {
        using Rig rig = Start(capability, out CUmodule module, out CUfunction function);
        Assert.Multiple(() =>
        {
            Assert.That(
                Of(rig, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK),
                Is.EqualTo(48 << 10)
            );
            Assert.That(
                Of(rig, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN),
                Is.EqualTo(block << 10)
            );
            Assert.That(
                Of(rig, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_MULTIPROCESSOR),
                Is.EqualTo(all << 10)
            );
            Assert.That(
                Of(rig, CU_DEVICE_ATTRIBUTE_RESERVED_SHARED_MEMORY_PER_BLOCK),
                Is.EqualTo(reserved << 10)
            );
            Assert.That(
                Of(rig, CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR),
                Is.EqualTo(blocks)
            );
            Assert.That(
                Of(rig, CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR),
                Is.EqualTo(threads)
            );
        });
        int most = (block << 10) - Static;
        // Beyond 48 KiB a kernel has to be allowed to, and no call allows more than there is.
        Rig.Ok(Launch(rig, function, (48 << 10) - Static));
        Rig.Gives(Launch(rig, function, (48 << 10) - Static + 4), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Assert.That(Blocks(rig, function, most), Is.Zero);
        Rig.Gives(Set(most + 1), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Rig.Ok(Set(most));
        int allowed;
        Rig.Ok(
            rig.Driver.cuFuncGetAttribute(
                &allowed,
                CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                function
            )
        );
        Assert.That(allowed, Is.EqualTo(most));
        Rig.Ok(Launch(rig, function, most));
        Rig.Gives(Launch(rig, function, most + 4), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.BadArgument);
        Assert.That(Blocks(rig, function, most), Is.EqualTo(1));
        // What is told for some blocks lets so many in, and not one byte more does.
        for (int some = 1; some <= 6; some++)
        {
            nuint free;
            Rig.Ok(rig.Driver.cuOccupancyAvailableDynamicSMemPerBlock(&free, function, some, 32));
            Assert.That(Blocks(rig, function, (int)free), Is.EqualTo(some), $"{free}");
            if (some > 1)
                Assert.That(Blocks(rig, function, (int)free + 1), Is.EqualTo(some - 1));
        }
        Rig.Ok(rig.Driver.cuModuleUnload(module));
        rig.Finish();

        CUresult Set(int bytes) =>
            rig.Driver.cuFuncSetAttribute(
                function,
                CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                bytes
            );
    }

    [Test]
    public void That_is_missed_by_a_launch_is_a_fault_of_the_kernel()
    {
        using Rig rig = Start(80, out _, out CUfunction function);
        int bytes = 512;
        void* parameter = &bytes;
        Rig.Ok(
            rig.Driver.cuLaunchKernel(function, 1, 1, 1, 1, 1, 1, 256, default, &parameter, null)
        );
        Rig.Gives(rig.Driver.cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
        Assert.That(rig.Fault().ToString(), Does.Contain("shared memory outside dynamic"));
    }

    [Test]
    public void Tensor_cores_of_a_later_device_are_refused_as_the_compiler_does()
    {
        using var rig = new Rig(
            new VirtualOptions { ComputeCapability = 75, Kernels = new PtxEngine() }
        );
        Rig.Gives(Load("sm_75"), CUDA_ERROR_INVALID_PTX);
        Rig.Gives(Load("sm_80"), CUDA_ERROR_NO_BINARY_FOR_GPU);
        rig.Finish();

        CUresult Load(string target)
        {
            CUmodule module;
            byte[] text = System.Text.Encoding.UTF8.GetBytes(
                $".version 7.8\n.target {target}\n.address_size 64\n.visible .entry k() {{ .reg .b32 %r<4>; .reg .f32 %f<4>; "
                    + "mma.sync.aligned.m16n8k4.row.col.f32.tf32.tf32.f32 {%f0, %f1, %f2, %f3}, {%r0, %r1}, {%r2}, {%f0, %f1, %f2, %f3}; ret; }\0"
            );
            fixed (byte* image = text)
                return rig.Driver.cuModuleLoadData(&module, image);
        }
    }
}
