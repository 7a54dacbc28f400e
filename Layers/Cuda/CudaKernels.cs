using System.Collections.Frozen;
using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Sequor's kernels on a device. All are loaded when the backend is made, so that neither a step nor its capture loads anything.
/// </summary>
internal sealed class CudaKernels : IDisposable
{
    private readonly CudaStream _stream;
    private readonly List<CudaModule> _modules = [];
    private readonly FrozenDictionary<string, CudaKernel> _kernels;

    /// <exception cref="CudaException">The driver cannot compile a kernel; the message contains its log.</exception>
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

    public CudaKernel this[string name] => _kernels[name];

    /// <summary>Queues a launch on the backend's stream. Allocates nothing.</summary>
    /// <param name="name">The kernel's name.</param>
    /// <param name="grid">Blocks, and threads for each block.</param>
    /// <param name="arguments">One argument for each parameter of the kernel, of that parameter's type.</param>
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
