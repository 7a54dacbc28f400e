using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Sequor's kernels for a backend. What a plan needs is loaded when it is made (<see cref="Load"/>), anything else when it is
/// launched for the first time: also in a capture, which that leaves alone.
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
        _all = CudaModules.Of(context);
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

    /// <summary>Queues a launch. Allocates nothing where the kernel was loaded.</summary>
    /// <param name="name">The kernel.</param>
    /// <param name="grid">Blocks and threads.</param>
    /// <param name="arguments">One for each parameter, of its type.</param>
    public void Launch(
        string name,
        in KernelGrid grid,
        params ReadOnlySpan<KernelArgument> arguments
    ) => this[name].Launch(_stream, new Dim3(grid.X, grid.Y), grid.Threads, 0, arguments);

    public void Dispose()
    {
        foreach (CudaModule module in _modules.Values)
            module.Dispose();
        _all.Dispose();
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
