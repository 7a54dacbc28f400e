using Sequor.Native;

namespace Sequor.Interop;

/// <summary>A kernel of a module, usable until the module is disposed. May be launched from any thread.</summary>
public sealed unsafe partial class CudaKernel
{
    private const int MostArguments = 64;
    private readonly CudaModule _module;
    private readonly CUfunction _handle;
    private int _dynamicSharedBytes;

    internal CudaKernel(CudaModule module, CUfunction handle, string name)
    {
        _module = module;
        _handle = handle;
        Name = name;
        MaxThreadsPerBlock = Attribute(
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK
        );
        _dynamicSharedBytes = Attribute(
            CUfunction_attribute.CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES
        );
    }

    /// <summary>The kernel's name in the PTX.</summary>
    public string Name { get; }

    /// <summary>The module that contains the kernel.</summary>
    public CudaModule Module => _module;

    /// <summary>The driver's handle.</summary>
    public CUfunction Handle
    {
        get
        {
            _module.ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>The largest number of threads per block with which it can be launched.</summary>
    public int MaxThreadsPerBlock { get; }

    /// <summary>The number of registers that each thread uses.</summary>
    public int Registers => Attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_NUM_REGS);

    /// <summary>Local memory in bytes per thread; more than 0 may mean spilled registers.</summary>
    public int LocalBytes => Attribute(CUfunction_attribute.CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES);

    /// <summary>Reads one property of the kernel by cuFuncGetAttribute.</summary>
    public int Attribute(CUfunction_attribute attribute)
    {
        CudaContext context = _module.Context;
        using CudaContextScope scope = context.Enter();
        int value;
        context.Check(
            context.Driver.cuFuncGetAttribute(&value, attribute, Handle),
            nameof(CudaDriver.cuFuncGetAttribute)
        );
        return value;
    }

    /// <summary>How many blocks of the kernel fit on a multiprocessor at a time.</summary>
    /// <param name="threads">The number of threads per block.</param>
    /// <param name="dynamicSharedBytes">Dynamic shared memory in bytes per block.</param>
    public int BlocksPerMultiprocessor(int threads, int dynamicSharedBytes = 0)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(threads);
        ArgumentOutOfRangeException.ThrowIfNegative(dynamicSharedBytes);
        CudaContext context = _module.Context;
        using CudaContextScope scope = context.Enter();
        int blocks;
        context.Check(
            context.Driver.cuOccupancyMaxActiveBlocksPerMultiprocessor(
                &blocks,
                Handle,
                threads,
                (nuint)dynamicSharedBytes
            ),
            nameof(CudaDriver.cuOccupancyMaxActiveBlocksPerMultiprocessor)
        );
        return blocks;
    }

    /// <summary>Queues a launch of the kernel in a stream. Allocates nothing.</summary>
    /// <param name="stream">A stream of the module's context.</param>
    /// <param name="grid">The number of blocks.</param>
    /// <param name="block">The number of threads per block.</param>
    /// <param name="dynamicSharedBytes">Dynamic shared memory in bytes per block.</param>
    /// <param name="arguments">One argument for each parameter of the kernel, in order and of its type.</param>
    /// <exception cref="ArgumentException">The sizes are not possible, or memory belongs to another context.</exception>
    public void Launch(
        CudaStream stream,
        Dim3 grid,
        Dim3 block,
        int dynamicSharedBytes,
        params ReadOnlySpan<KernelArgument> arguments
    ) => Launch(stream, grid, block, dynamicSharedBytes, cooperative: false, arguments);

    /// <summary>
    /// Queues a cooperative launch, in which all blocks run at the same time and so may wait for each other. Allocates nothing.
    /// </summary>
    /// <param name="stream">A stream of the module's context.</param>
    /// <param name="grid">The number of blocks, no more than fit on the device together.</param>
    /// <param name="block">The number of threads per block.</param>
    /// <param name="dynamicSharedBytes">Dynamic shared memory in bytes per block.</param>
    /// <param name="arguments">One argument for each parameter of the kernel, in order and of its type.</param>
    public void LaunchCooperative(
        CudaStream stream,
        Dim3 grid,
        Dim3 block,
        int dynamicSharedBytes,
        params ReadOnlySpan<KernelArgument> arguments
    ) => Launch(stream, grid, block, dynamicSharedBytes, cooperative: true, arguments);

    private void Launch(
        CudaStream stream,
        Dim3 grid,
        Dim3 block,
        int dynamicSharedBytes,
        bool cooperative,
        ReadOnlySpan<KernelArgument> arguments
    )
    {
        ArgumentNullException.ThrowIfNull(stream);
        CudaContext context = _module.Context;
        stream.Require(context, nameof(stream));
        CheckSizes(grid, block, dynamicSharedBytes, arguments.Length);
        ulong* values =
            stackalloc ulong[arguments.Length * (KernelArgument.Room / sizeof(ulong)) + 1];
        void** addresses = stackalloc void*[arguments.Length + 1];
        for (int i = 0; i < arguments.Length; i++)
        {
            if (arguments[i].Context is { } of && of.NativeHandle != context.NativeHandle)
                throw new ArgumentException(
                    $"Argument {i} of {Name} is memory of another context.",
                    nameof(arguments)
                );
            ulong* value = values + i * (KernelArgument.Room / sizeof(ulong));
            arguments[i].Write(value);
            addresses[i] = value;
        }
        using CudaContextScope scope = context.Enter();
        CUresult result = cooperative
            ? context.Driver.cuLaunchCooperativeKernel(
                Handle,
                (uint)grid.X,
                (uint)grid.Y,
                (uint)grid.Z,
                (uint)block.X,
                (uint)block.Y,
                (uint)block.Z,
                (uint)dynamicSharedBytes,
                stream.Handle,
                addresses
            )
            : context.Driver.cuLaunchKernel(
                Handle,
                (uint)grid.X,
                (uint)grid.Y,
                (uint)grid.Z,
                (uint)block.X,
                (uint)block.Y,
                (uint)block.Z,
                (uint)dynamicSharedBytes,
                stream.Handle,
                addresses,
                null
            );
        if (result != CUresult.CUDA_SUCCESS)
            throw context.Error(
                result,
                cooperative
                    ? nameof(CudaDriver.cuLaunchCooperativeKernel)
                    : nameof(CudaDriver.cuLaunchKernel),
                $"{Name} with {grid} blocks of {block} threads and {dynamicSharedBytes} bytes"
                    + " of shared memory"
            );
        context.Queued(Name, stream);
    }

    private void CheckSizes(Dim3 grid, Dim3 block, int dynamicSharedBytes, int arguments)
    {
        if (grid.X <= 0 || grid.Y is <= 0 or > 65535 || grid.Z is <= 0 or > 65535)
            throw new ArgumentOutOfRangeException(
                nameof(grid),
                $"{Name} cannot have {grid} blocks; allowed are 1 to 2147483647 x 65535 x 65535."
            );
        if (
            block.X <= 0
            || block.Y <= 0
            || block.Z is <= 0 or > 64
            || block.Count > MaxThreadsPerBlock
        )
            throw new ArgumentOutOfRangeException(
                nameof(block),
                $"{Name} cannot have {block} threads a block;"
                    + $" allowed are 1 to {MaxThreadsPerBlock} in all, 64 along z."
            );
        if (dynamicSharedBytes < 0 || dynamicSharedBytes > _dynamicSharedBytes)
            throw new ArgumentOutOfRangeException(
                nameof(dynamicSharedBytes),
                dynamicSharedBytes,
                $"{Name} may have 0 to {_dynamicSharedBytes} bytes of dynamic shared memory;"
                    + $" {nameof(MaxDynamicSharedBytes)} sets that."
            );
        if (arguments > MostArguments)
            throw new ArgumentException(
                $"{Name} was given {arguments} arguments; {MostArguments} are the most.",
                nameof(arguments)
            );
    }
}
