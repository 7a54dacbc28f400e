using Sequor.Native;
using Sequor.VirtualGpu.Ptxas;

namespace Sequor.VirtualGpu;

/// <summary>What runs kernels. Without one, loading a module is not supported.</summary>
internal interface IKernelEngine
{
    /// <summary>Loads code.</summary>
    /// <param name="image">PTX, without its terminating zero.</param>
    /// <param name="module">The module; null where there is an error.</param>
    /// <param name="log">What the compiler says.</param>
    CUresult Load(
        VirtualDevice device,
        ReadOnlySpan<byte> image,
        out IKernelModule? module,
        out string log
    );
}

/// <summary>Loaded code.</summary>
internal interface IKernelModule
{
    /// <summary>The virtual architecture that it was compiled for: 75 for sm_75.</summary>
    int Architecture { get; }

    /// <summary>A kernel by its name; null if there is none.</summary>
    IKernel? Kernel(string name);

    /// <summary>A global variable's initial content; null if there is none of that name.</summary>
    byte[]? Global(string name);

    /// <summary>The global variables that its kernels use, which get their places when it is loaded.</summary>
    IEnumerable<string> Globals => [];

    /// <summary>Says where a global variable lies.</summary>
    void Place(string name, nint address) { }
}

/// <summary>A kernel.</summary>
internal interface IKernel
{
    string Name { get; }

    /// <summary>The size of each parameter, bytes.</summary>
    IReadOnlyList<int> ParameterSizes { get; }

    int RegistersPerThread { get; }

    /// <summary>Local memory a thread, bytes.</summary>
    int LocalBytesPerThread => 0;

    /// <summary>Bytes a block.</summary>
    int StaticSharedMemory { get; }

    /// <summary>Threads a block with which it can be launched.</summary>
    int MaxThreadsPerBlock { get; }

    /// <summary>Runs it; called when the work's turn comes.</summary>
    /// <exception cref="VirtualFaultException">A misuse was found.</exception>
    void Run(VirtualDevice device, KernelLaunch launch);
}

/// <summary>A launch of a kernel.</summary>
/// <param name="Grid">Blocks.</param>
/// <param name="Block">Threads a block.</param>
/// <param name="DynamicSharedMemory">Bytes a block.</param>
/// <param name="Cooperative">All blocks run at once.</param>
/// <param name="Parameters">The value of each parameter, as it was when the kernel was launched.</param>
internal sealed record KernelLaunch(
    (uint X, uint Y, uint Z) Grid,
    (uint X, uint Y, uint Z) Block,
    uint DynamicSharedMemory,
    bool Cooperative,
    IReadOnlyList<byte[]> Parameters
);

/// <summary>A module that was loaded into a context.</summary>
internal sealed class VirtualModule(VirtualContext context, IKernelModule code) : IContextObject
{
    public VirtualContext Context => context;

    public IKernelModule Code => code;

    /// <summary>Handles of its kernels.</summary>
    public Dictionary<string, nint> Functions { get; } = [];

    /// <summary>Its global variables, in device memory.</summary>
    public Dictionary<string, DeviceAllocation> Globals { get; } = [];
}

/// <summary>A kernel of a module.</summary>
/// <param name="module">The module.</param>
/// <param name="kernel">Its code.</param>
/// <param name="each">Each of the device's multiprocessors.</param>
internal sealed class VirtualFunction(VirtualModule module, IKernel kernel, Multiprocessor each)
    : IContextObject
{
    public VirtualContext Context => module.Context;

    public IKernel Kernel => kernel;

    /// <summary>The virtual architecture that its module was compiled for.</summary>
    public int Architecture => module.Code.Architecture;

    /// <summary>The dynamic shared memory with which it may be launched, bytes a block.</summary>
    public int MaxDynamicSharedMemory { get; set; } =
        DeviceAttributes.SharedPerBlock - kernel.StaticSharedMemory;

    /// <summary>The most that can be made of it, bytes a block.</summary>
    public int DynamicSharedMemoryLimit => each.MostSharedBytesPerBlock - kernel.StaticSharedMemory;

    /// <summary>Percent; -1 for the driver's choice.</summary>
    public int Carveout { get; set; } = -1;

    /// <summary>The dynamic shared memory of blocks of which some fit on a multiprocessor; negative if none would be left.</summary>
    public int DynamicSharedMemoryOf(int blocks) =>
        each.SharedBytesOf(blocks) - kernel.StaticSharedMemory;

    /// <summary>How many blocks fit on a multiprocessor at a time.</summary>
    public int BlocksPerMultiprocessor(int threads, long dynamicSharedMemory) =>
        each.ResidentBlocks(
            threads,
            kernel.RegistersPerThread,
            kernel.StaticSharedMemory + dynamicSharedMemory
        );
}
