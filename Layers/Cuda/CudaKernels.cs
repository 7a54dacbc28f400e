using System.Collections.Frozen;
using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Sequor's kernels on a device. All are loaded when the backend is made: a step, or the capture of one, loads nothing.
/// </summary>
internal sealed class CudaKernels : IDisposable
{
    private readonly CudaStream _stream;
    private readonly List<CudaModule> _modules = [];
    private readonly FrozenDictionary<string, CudaKernel> _kernels;

    /// <exception cref="CudaException">The driver cannot compile one: the message has its log.</exception>
    public CudaKernels(CudaContext context, CudaStream stream)
    {
        _stream = stream;
        try
        {
            var modules = new Dictionary<string, CudaModule>(StringComparer.Ordinal);
            foreach (string name in KernelImages.Names)
            {
                CudaModule module = context.LoadModule(KernelImages.Image(name));
                _modules.Add(module);
                modules.Add(name, module);
            }
            _kernels = KernelImages.AllKernels.ToFrozenDictionary(
                name => name,
                name => modules[KernelImages.ModuleOf(name)].Kernel(name),
                StringComparer.Ordinal
            );
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>A kernel by its name.</summary>
    public CudaKernel this[string name] => _kernels[name];

    /// <summary>Queues a launch. Allocates nothing.</summary>
    /// <param name="name">The kernel.</param>
    /// <param name="grid">Blocks and threads.</param>
    /// <param name="arguments">One for each parameter, of its type.</param>
    public void Launch(
        string name,
        in KernelGrid grid,
        params ReadOnlySpan<KernelArgument> arguments
    ) => _kernels[name].Launch(_stream, new Dim3(grid.X, grid.Y), grid.Threads, 0, arguments);

    public void Dispose()
    {
        foreach (CudaModule module in _modules)
            module.Dispose();
    }
}
