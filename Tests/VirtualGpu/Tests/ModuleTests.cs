using System.Runtime.InteropServices;
using System.Text;
using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>Modules and launches, with kernels made of C#.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class ModuleTests
{
    /// <summary>y[i] = a * x[i], one thread an element.</summary>
    private sealed class Scale : IKernel, IKernelModule, IKernelEngine
    {
        public string Name => "scale";

        public int Architecture => 75;

        public IReadOnlyList<int> ParameterSizes => [8, 4, 4];

        public int RegistersPerThread => 32;

        public int StaticSharedMemory => 1024;

        public int MaxThreadsPerBlock => 512;

        public void Run(VirtualDevice device, KernelLaunch launch)
        {
            nint x = MemoryMarshal.Read<nint>(launch.Parameters[0]);
            float a = MemoryMarshal.Read<float>(launch.Parameters[1]);
            int n = MemoryMarshal.Read<int>(launch.Parameters[2]);
            Assert.That(launch.Grid.X * launch.Block.X, Is.AtLeast(n));
            foreach (ref float v in device.Memory.ReadWrite<float>(x, n, Name, "x"))
                v *= a;
        }

        public IKernel? Kernel(string name) => name == Name ? this : null;

        public byte[]? Global(string name) => name == "table" ? [1, 2, 3, 4] : null;

        public CUresult Load(
            VirtualDevice device,
            ReadOnlySpan<byte> image,
            out IKernelModule? module,
            out string log
        )
        {
            bool good = image.SequenceEqual("scale"u8);
            module = good ? this : null;
            log = good ? "compiled" : "line 1: no scale";
            return good ? CUDA_SUCCESS : CUDA_ERROR_INVALID_PTX;
        }
    }

    private static Rig WithKernels() => new(new() { Kernels = new Scale() });

    private static CUresult Load(Rig rig, string image, out CUmodule module)
    {
        fixed (CUmodule* to = &module)
        fixed (byte* text = Encoding.UTF8.GetBytes(image + "\0"))
            return rig.Driver.cuModuleLoadData(to, text);
    }

    private static CUfunction Function(Rig rig, CUmodule module)
    {
        CUfunction function;
        fixed (byte* name = "scale\0"u8)
            Rig.Ok(rig.Driver.cuModuleGetFunction(&function, module, name));
        return function;
    }

    private static CUresult Launch(
        Rig rig,
        CUfunction function,
        CUdeviceptr x,
        uint blocks = 1,
        uint threads = 4,
        uint shared = 0,
        bool cooperative = false
    )
    {
        float a = 3;
        int n = 4;
        void** parameters = stackalloc void*[3];
        parameters[0] = &x;
        parameters[1] = &a;
        parameters[2] = &n;
        CUresult result = cooperative
            ? rig.Driver.cuLaunchCooperativeKernel(
                function,
                blocks,
                1,
                1,
                threads,
                1,
                1,
                shared,
                default,
                parameters
            )
            : rig.Driver.cuLaunchKernel(
                function,
                blocks,
                1,
                1,
                threads,
                1,
                1,
                shared,
                default,
                parameters,
                null
            );
        // Parameters are read by the call.
        (a, n, x) = (0, 0, default);
        return result;
    }

    [Test]
    public void Without_an_engine_modules_are_not_supported()
    {
        using var rig = new Rig();
        Rig.Gives(Load(rig, "scale", out _), CUDA_ERROR_NOT_SUPPORTED);
        rig.Found(FaultKind.NotSupported);
        rig.Finish();
    }

    [Test]
    public void A_kernel_runs_with_the_parameters_of_its_launch()
    {
        using Rig rig = WithKernels();
        Rig.Ok(Load(rig, "scale", out CUmodule module));
        CUfunction function = Function(rig, module);
        Assert.That(Function(rig, module), Is.EqualTo(function));
        CUdeviceptr x = rig.Filled(1, 2, 3, 4);
        Rig.Ok(Launch(rig, function, x));
        Assert.That(rig.Read(x, 4), Is.EqualTo(new float[] { 3, 6, 9, 12 }));
        Assert.That(rig.Device.Counts.Work["scale"].Runs, Is.EqualTo(1));
        Rig.Ok(rig.Driver.cuMemFree(x));
        Rig.Ok(rig.Driver.cuModuleUnload(module));
        Rig.Gives(Launch(rig, function, x), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.DestroyedHandle);
        rig.Finish();
    }

    [Test]
    public void The_compilers_messages_go_where_the_options_say()
    {
        using Rig rig = WithKernels();
        byte* log = stackalloc byte[64];
        CUjit_option* options = stackalloc CUjit_option[2];
        void** values = stackalloc void*[2];
        options[0] = CUjit_option.CU_JIT_ERROR_LOG_BUFFER;
        options[1] = CUjit_option.CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES;
        values[0] = log;
        values[1] = (void*)8;
        CUmodule module;
        fixed (byte* image = "nothing\0"u8)
            Rig.Gives(
                rig.Driver.cuModuleLoadDataEx(&module, image, 2, options, values),
                CUDA_ERROR_INVALID_PTX
            );
        Assert.That(Marshal.PtrToStringUTF8((nint)log), Is.EqualTo("line 1:"));
        Assert.That((int)(nint)values[1], Is.EqualTo(7));
        rig.Finish();
    }

    [Test]
    public void Launches_that_cannot_be_are_refused()
    {
        using Rig rig = WithKernels();
        Rig.Ok(Load(rig, "scale", out CUmodule module));
        CUfunction function = Function(rig, module);
        CUdeviceptr x = rig.Filled(1, 2, 3, 4);
        foreach (
            (uint blocks, uint threads, uint shared) in new[]
            {
                (0u, 4u, 0u),
                (1u, 0u, 0u),
                (1u, 513u, 0u),
                (1u, 1025u, 0u),
                (1u, 4u, 48u << 10),
            }
        )
        {
            Rig.Gives(Launch(rig, function, x, blocks, threads, shared), CUDA_ERROR_INVALID_VALUE);
            rig.Found(FaultKind.BadArgument);
        }
        Rig.Gives(
            Launch(rig, function, x, 100_000, 256, cooperative: true),
            CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE
        );
        Rig.Gives(
            rig.Driver.cuLaunchKernel(function, 1, 1, 1, 4, 1, 1, 0, default, null, null),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.BadArgument);
        Rig.Ok(
            rig.Driver.cuFuncSetAttribute(
                function,
                CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                64 << 10
            )
        );
        Rig.Ok(Launch(rig, function, x, 1, 4, 48u << 10));
        fixed (byte* name = "other\0"u8)
            Rig.Gives(
                rig.Driver.cuModuleGetFunction(&function, module, name),
                CUDA_ERROR_NOT_FOUND
            );
    }

    [Test]
    public void Occupancy_follows_from_threads_registers_and_shared_memory()
    {
        using Rig rig = WithKernels();
        Rig.Ok(Load(rig, "scale", out CUmodule module));
        CUfunction function = Function(rig, module);
        Assert.That(Blocks(rig, function, 512, 0), Is.EqualTo(3));
        Assert.That(Blocks(rig, function, 32, 0), Is.EqualTo(16));
        // 100 KiB by 1 of the driver's, 1 of its own, 23 dynamic.
        Assert.That(Blocks(rig, function, 32, 23 << 10), Is.EqualTo(4));
        nuint free;
        Rig.Ok(rig.Driver.cuOccupancyAvailableDynamicSMemPerBlock(&free, function, 4, 32));
        Assert.That((long)free, Is.EqualTo(23 << 10));
        int value;
        Rig.Ok(
            rig.Driver.cuFuncGetAttribute(
                &value,
                CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS,
                function
            )
        );
        Assert.That(value, Is.EqualTo(32));
    }

    private static CUresult Attribute(
        Rig rig,
        CUfunction_attribute attribute,
        CUfunction function,
        out int value
    )
    {
        fixed (int* to = &value)
            return rig.Driver.cuFuncGetAttribute(to, attribute, function);
    }

    [Test]
    public void A_kernel_tells_what_it_was_compiled_for_and_what_it_runs_as()
    {
        using Rig rig = WithKernels();
        Rig.Ok(Load(rig, "scale", out CUmodule module));
        CUfunction function = Function(rig, module);
        Rig.Ok(
            Attribute(
                rig,
                CUfunction_attribute.CU_FUNC_ATTRIBUTE_PTX_VERSION,
                function,
                out int value
            )
        );
        Assert.That(value, Is.EqualTo(75));
        Rig.Ok(
            Attribute(
                rig,
                CUfunction_attribute.CU_FUNC_ATTRIBUTE_BINARY_VERSION,
                function,
                out value
            )
        );
        Assert.That(value, Is.EqualTo(rig.Device.Options.ComputeCapability));
        // Of no function the one call says that the value is wrong, the other that the handle is.
        Rig.Gives(
            Attribute(rig, CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS, default, out value),
            CUDA_ERROR_INVALID_VALUE
        );
        rig.Found(FaultKind.BadArgument);
        Rig.Gives(
            rig.Driver.cuFuncSetAttribute(
                default,
                CUfunction_attribute.CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT,
                1
            ),
            CUDA_ERROR_INVALID_HANDLE
        );
        rig.Found(FaultKind.BadHandle);
    }

    [Test]
    public void A_module_that_may_not_be_unloaded_yet_is_still_there()
    {
        using Rig rig = WithKernels();
        Rig.Ok(Load(rig, "scale", out CUmodule module));
        CUfunction function = Function(rig, module);
        CUstream stream = rig.Stream();
        Rig.Ok(
            rig.Driver.cuStreamBeginCapture(
                stream,
                CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_GLOBAL
            )
        );
        Rig.Gives(rig.Driver.cuModuleUnload(module), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
        rig.Found(FaultKind.Capture);
        CUgraph graph;
        Rig.Gives(
            rig.Driver.cuStreamEndCapture(stream, &graph),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED
        );
        Rig.Ok(rig.Driver.cuStreamDestroy(stream));
        Assert.That(Function(rig, module), Is.EqualTo(function));
        Rig.Ok(rig.Driver.cuModuleUnload(module));
        rig.Finish();
    }

    [Test]
    public void Globals_are_device_memory_of_the_module()
    {
        using Rig rig = WithKernels();
        Rig.Ok(Load(rig, "scale", out CUmodule module));
        CUdeviceptr address;
        nuint bytes;
        fixed (byte* name = "table\0"u8)
            Rig.Ok(rig.Driver.cuModuleGetGlobal(&address, &bytes, module, name));
        uint value;
        Rig.Ok(rig.Driver.cuMemcpyDtoH(&value, address, bytes));
        Assert.That(value, Is.EqualTo(0x04030201u));
        foreach (bool kernel in new[] { true, false })
        {
            fixed (byte* name = kernel ? "scale\0"u8 : "table\0"u8)
                Rig.Gives(
                    rig.Driver.cuModuleGetGlobal(kernel ? &address : null, null, module, name),
                    CUDA_ERROR_INVALID_VALUE
                );
            rig.Found(FaultKind.BadArgument);
        }
        Rig.Ok(rig.Driver.cuModuleUnload(module));
        rig.Finish();
    }

    private static int Blocks(Rig rig, CUfunction function, int threads, int shared)
    {
        int blocks;
        Rig.Ok(
            rig.Driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                &blocks,
                function,
                threads,
                (nuint)shared
            )
        );
        return blocks;
    }
}
