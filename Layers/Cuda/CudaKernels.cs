using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Sequor's kernels for a backend. What a plan needs is loaded when the plan is made (<see cref="Load"/>), and anything else when it is
/// launched for the first time, even during a capture, which that leaves intact.
/// </summary>
internal sealed class CudaKernels : IDisposable
{
    // Compiled as soon as there is a backend, so that a driver which cannot do that is found out then.
    private const string First = "pointwise";

    private readonly CudaStream _stream;
    private readonly CudaContext _context;
    private readonly CudaModules _all;
    private readonly Dictionary<string, CudaModule> _modules = new(StringComparer.Ordinal);
    private readonly Dictionary<string, CudaKernel> _kernels = new(StringComparer.Ordinal);

    /// <exception cref="CudaException">The driver cannot compile kernels: the message has its log.</exception>
    public CudaKernels(CudaContext context, CudaStream stream)
    {
        (_context, _stream) = (context, stream);
        _all = CudaModules.Of(context, this);
        try
        {
            Load(First);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A kernel by its name.</summary>
    public CudaKernel this[string name]
    {
        get
        {
            if (!_kernels.TryGetValue(name, out CudaKernel? kernel))
            {
                kernel = Module(KernelImages.ModuleOf(name)).Kernel(name);
                _kernels.Add(name, kernel);
            }
            return kernel;
        }
    }

    /// <summary>Loads modules, by the names of their sources, with all of their kernels.</summary>
    public void Load(params ReadOnlySpan<string> modules)
    {
        foreach (string module in modules)
        foreach (string name in KernelImages.KernelsOf(module))
            _ = this[name];
    }

    /// <summary>How many launches were queued.</summary>
    public long Launches { get; private set; }

    /// <summary>Queues a launch on the backend's stream. Allocates nothing if the kernel was loaded before.</summary>
    /// <param name="name">The kernel's name.</param>
    /// <param name="grid">Blocks, and threads for each block.</param>
    /// <param name="arguments">One argument for each parameter of the kernel, of that parameter's type.</param>
    public void Launch(
        string name,
        in KernelGrid grid,
        params ReadOnlySpan<KernelArgument> arguments
    ) => LaunchShared(name, grid, 0, arguments);

    /// <summary>The same with dynamic shared memory, which the kernel was asked for before.</summary>
    /// <param name="name">The kernel's name.</param>
    /// <param name="grid">Blocks, and threads for each block.</param>
    /// <param name="sharedBytes">Bytes a block.</param>
    /// <param name="arguments">One argument for each parameter of the kernel, of that parameter's type.</param>
    public void LaunchShared(
        string name,
        in KernelGrid grid,
        int sharedBytes,
        params ReadOnlySpan<KernelArgument> arguments
    )
    {
        this[name].Launch(_stream, new Dim3(grid.X, grid.Y), grid.Threads, sharedBytes, arguments);
        Launches++;
    }

    public void Dispose()
    {
        foreach (CudaModule module in _modules.Values)
            module.Dispose();
        _all.Leave(this);
    }

    private CudaModule Module(string name)
    {
        if (!_modules.TryGetValue(name, out CudaModule? module))
        {
            module = _all.Module(name, _context);
            _modules.Add(name, module);
        }
        return module;
    }
}
