using System.Text;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tests.Support;
using IKernel = Sequor.VirtualGpu.IKernel;
using IKernelEngine = Sequor.VirtualGpu.IKernelEngine;
using IKernelModule = Sequor.VirtualGpu.IKernelModule;
using KernelLaunch = Sequor.VirtualGpu.KernelLaunch;
using VirtualDevice = Sequor.VirtualGpu.VirtualDevice;
using VirtualOptions = Sequor.VirtualGpu.VirtualOptions;

namespace Sequor.Tests.Interop;

/// <summary>Modules, kernels and their arguments, with an engine that runs one kernel and compiles nothing.</summary>
public sealed class KernelTests : InteropFixture
{
    private static readonly byte[] Ptx = Encoding.UTF8.GetBytes("// scale");

    private protected override VirtualOptions Options => new() { Kernels = new Engine() };

    [Test]
    public void A_kernel_gets_its_arguments()
    {
        using var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");
        using var x = Upload(1, 2, 3, 4);
        using var y = Context.Allocate<float>(4);
        y.Span.Clear(Stream);
        kernel.Launch(Stream, 1, 32, 0, x, y.Slice(1), 3, 2.5f);

        Assert.That(y.Span.ToArray(Stream), Is.EqualTo(new[] { 0, 2.5f, 5, 7.5f }));
        kernel.LaunchCooperative(Stream, 1, 32, 0, y, x, 4, 2f);
        Assert.That(x.Span.ToArray(Stream), Is.EqualTo(new float[] { 0, 5, 10, 15 }));
    }

    [Test]
    public void Values_of_up_to_16_bytes_are_arguments()
    {
        Span<ulong> room = stackalloc ulong[2];
        unsafe
        {
            fixed (ulong* at = room)
            {
                KernelArgument.Of((1f, 2f, 3f, 4f)).Write(at);
                Assert.That(
                    new ReadOnlySpan<float>(at, 4).ToArray(),
                    Is.EqualTo(new float[] { 1, 2, 3, 4 })
                );
                ((KernelArgument)(-5)).Write(at);
                Assert.That(*(int*)at, Is.EqualTo(-5));
                ((KernelArgument)1e300).Write(at);
                Assert.That(*(double*)at, Is.EqualTo(1e300));
                ((KernelArgument)(-7L)).Write(at);
                Assert.That(*(long*)at, Is.EqualTo(-7));
                ((KernelArgument)7u).Write(at);
                Assert.That(*(uint*)at, Is.EqualTo(7));
                ((KernelArgument)ulong.MaxValue).Write(at);
                Assert.That(*at, Is.EqualTo(ulong.MaxValue));
            }
        }
        Assert.Throws<ArgumentException>(() => KernelArgument.Of((1d, 2d, 3d)));
    }

    [Test]
    public void A_kernel_tells_what_it_needs()
    {
        using var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");

        Assert.That(kernel.Registers, Is.EqualTo(24));
        Assert.That(kernel.SharedBytes, Is.EqualTo(128));
        Assert.That(kernel.LocalBytes, Is.Zero);
        Assert.That(kernel.MaxThreadsPerBlock, Is.EqualTo(512));
        Assert.That(kernel.BlocksPerMultiprocessor(256), Is.Positive);
        int before = kernel.MaxDynamicSharedBytes;
        kernel.MaxDynamicSharedBytes = 60000;
        Assert.That(kernel.MaxDynamicSharedBytes, Is.EqualTo(60000).And.GreaterThan(before));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel.MaxDynamicSharedBytes = 1 << 24);
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel.MaxDynamicSharedBytes = -1);
        Assert.That(kernel.MaxDynamicSharedBytes, Is.EqualTo(60000));
    }

    [Test]
    public void A_kernel_asks_for_shared_memory_once_and_says_why_it_gets_none()
    {
        using var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");
        // An Ampere of compute capability 8.6 has 99 KiB a block, of which the kernel has 128 bytes.
        const int Most = (99 << 10) - 128;
        Gpu.Counts.Reset();

        Assert.That(Context.Device.SharedBytesPerBlock, Is.EqualTo(99 << 10));
        Assert.That(Context.Device.SharedBytesPerMultiprocessor, Is.EqualTo(100 << 10));
        Assert.That(kernel.TryDynamicSharedBytes(1000, out string? reason));
        Assert.That(reason, Is.Null);
        Assert.That(Calls("cuFuncSetAttribute"), Is.Zero);
        Assert.That(kernel.TryDynamicSharedBytes(Most, out reason));
        Assert.That(kernel.TryDynamicSharedBytes(Most - 1, out reason));
        Assert.That(Calls("cuFuncSetAttribute"), Is.EqualTo(1));
        Assert.That(kernel.MaxDynamicSharedBytes, Is.EqualTo(Most));
        Assert.That(kernel.BlocksPerMultiprocessor(32, Most), Is.EqualTo(1));
        Assert.That(kernel.TryDynamicSharedBytes(Most + 1, out reason), Is.False);
        Assert.That(
            reason,
            Does.StartWith($"scale needs {Most + 1} bytes")
                .And.Contain($"has {Most} beside the 128")
        );
        Assert.That(Calls("cuFuncSetAttribute"), Is.EqualTo(1));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            kernel.TryDynamicSharedBytes(-1, out reason)
        );
    }

    [Test]
    public void A_driver_that_grants_less_is_told_in_words()
    {
        using var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");
        int before = kernel.MaxDynamicSharedBytes;
        Gpu.Refuse("cuFuncSetAttribute", (int)CUresult.CUDA_ERROR_INVALID_VALUE);

        Assert.That(kernel.TryDynamicSharedBytes(60000, out string? reason), Is.False);
        Assert.That(
            reason,
            Is.EqualTo(
                $"scale needs 60000 bytes of dynamic shared memory a block, and the driver grants {before} (CUDA_ERROR_INVALID_VALUE)."
            )
        );
        Assert.That(kernel.MaxDynamicSharedBytes, Is.EqualTo(before));
    }

    [Test]
    public void A_kernel_says_how_much_cache_is_for_shared_memory()
    {
        using var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");

        Assert.That(kernel.SharedCarveout, Is.EqualTo(-1));
        kernel.SharedCarveout = 100;
        Assert.That(kernel.SharedCarveout, Is.EqualTo(100));
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel.SharedCarveout = 101);
        Assert.Throws<ArgumentOutOfRangeException>(() => kernel.SharedCarveout = -2);
        Assert.That(kernel.SharedCarveout, Is.EqualTo(100));
    }

    [Test]
    public void Sizes_that_cannot_be_are_refused_before_any_call()
    {
        using var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");
        Gpu.Counts.Reset();

        Refused(0, 32, 0, "blocks");
        Refused(new(1, 70000), 32, 0, "blocks");
        Refused(1, 513, 0, "1 to 512");
        Refused(1, new(2, 2, 65), 0, "64 along z");
        Refused(1, 0, 0, "threads");
        Refused(1, 32, 1 << 20, "MaxDynamicSharedBytes");
        Refused(1, 32, -1, "dynamic shared memory");
        Assert.Throws<ArgumentException>(() =>
            kernel.Launch(Stream, 1, 32, 0, new KernelArgument[65])
        );
        Assert.That(Calls("cuLaunchKernel"), Is.Zero);

        void Refused(Dim3 grid, Dim3 block, int shared, string why) =>
            Assert.That(
                Assert
                    .Throws<ArgumentOutOfRangeException>(() =>
                        kernel.Launch(Stream, grid, block, shared)
                    )!
                    .Message,
                Does.Contain(why)
            );
    }

    [Test]
    public void Memory_and_streams_of_another_context_are_refused()
    {
        using var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");
        using var attached = CudaContext.Attach(Gpu.CreateContext().Handle, Libraries);
        using var theirs = attached.Allocate<float>(4);
        using var stream = attached.CreateStream();

        var error = Assert.Throws<ArgumentException>(() =>
            kernel.Launch(Stream, 1, 32, 0, theirs, theirs, 4, 1f)
        );
        Assert.That(error.Message, Does.Contain("Argument 0 of scale"));
        Assert.Throws<ArgumentException>(() => kernel.Launch(stream, 1, 32, 0));
    }

    [Test]
    public void What_does_not_compile_is_an_error_with_the_compilers_words()
    {
        var error = Assert.Throws<CudaException>(() =>
            Context.LoadModule(Encoding.UTF8.GetBytes("nonsense"))
        );

        Assert.That(error.Status, Is.EqualTo(CUresult.CUDA_ERROR_INVALID_PTX));
        Assert.That(error.Message, Does.Contain("line 1: what is nonsense?"));
        Assert.Throws<ArgumentException>(() => Context.LoadModule(default));
        using var module = Context.LoadModule([.. Ptx, 0]);
        var missing = Assert.Throws<CudaException>(() => module.Kernel("nothing"));
        Assert.That(missing.Status, Is.EqualTo(CUresult.CUDA_ERROR_NOT_FOUND));
        Assert.That(missing.Message, Does.Contain("no kernel nothing"));
        Assert.That(module.Log, Is.EqualTo("compiled"));
    }

    [Test]
    public void A_kernel_goes_with_its_module()
    {
        var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");
        module.Dispose();

        Assert.Throws<ObjectDisposedException>(() => kernel.Launch(Stream, 1, 1, 0));
        Assert.Throws<ObjectDisposedException>(() => module.Kernel("scale"));
        Assert.Throws<ObjectDisposedException>(() => _ = kernel.Registers);
    }

    [Test]
    public void A_launch_allocates_nothing()
    {
        using var module = Context.LoadModule(Ptx);
        CudaKernel kernel = module.Kernel("scale");
        using var x = Upload(1, 2, 3, 4);
        using (Stub.Begin(Libraries))
            Assert.That(
                Allocated.LeastHere(() => kernel.Launch(Stream, 1, 32, 0, x, x.Slice(1), 3, 2.5f)),
                Is.Zero
            );
    }

    /// <summary>y[i] = a x[i] for i below n.</summary>
    private sealed class Scale : IKernel
    {
        public string Name => "scale";
        public IReadOnlyList<int> ParameterSizes => [8, 8, 4, 4];
        public int RegistersPerThread => 24;
        public int StaticSharedMemory => 128;
        public int MaxThreadsPerBlock => 512;

        public void Run(VirtualDevice device, KernelLaunch launch)
        {
            nint x = (nint)BitConverter.ToInt64(launch.Parameters[0]);
            nint y = (nint)BitConverter.ToInt64(launch.Parameters[1]);
            int n = BitConverter.ToInt32(launch.Parameters[2]);
            float a = BitConverter.ToSingle(launch.Parameters[3]);
            Span<float> from = device.Memory.Read<float>(x, n, Name, "x");
            Span<float> to = device.Memory.Write<float>(y, n, Name, "y");
            for (int i = 0; i < n; i++)
                to[i] = a * from[i];
        }
    }

    private sealed class Engine : IKernelEngine, IKernelModule
    {
        public int Architecture => 75;

        public CUresult Load(
            VirtualDevice device,
            ReadOnlySpan<byte> image,
            out IKernelModule? module,
            out string log
        )
        {
            bool right = image.SequenceEqual(Ptx);
            module = right ? this : null;
            log = right ? "compiled" : "line 1: what is nonsense?";
            return right ? CUresult.CUDA_SUCCESS : CUresult.CUDA_ERROR_INVALID_PTX;
        }

        public IKernel? Kernel(string name) => name == "scale" ? new Scale() : null;

        public byte[]? Global(string name) => null;
    }
}
