using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// The modules of Sequor's kernels in a context, each loaded when it is first asked for, once for all backends of the context. From
/// one process to the next the driver keeps what it compiled, in its own cache.
/// </summary>
/// <remarks>May be used by several threads. The last backend that disposes of it unloads the modules.</remarks>
internal sealed class CudaModules : IDisposable
{
    // Weak, so that backends that were forgotten take their modules with them.
    private static readonly Dictionary<ulong, WeakReference<CudaModules>> All = [];

    private readonly ulong _id;
    private readonly Dictionary<string, CudaModule> _loaded = new(StringComparer.Ordinal);
    private int _users;

    private CudaModules(ulong id) => _id = id;

    /// <summary>Those of a context; to be disposed as often as they are asked for.</summary>
    public static CudaModules Of(CudaContext context)
    {
        ulong id = context.Id;
        lock (All)
        {
            if (
                !All.TryGetValue(id, out WeakReference<CudaModules>? known)
                || !known.TryGetTarget(out CudaModules? modules)
            )
            {
                modules = new CudaModules(id);
                All[id] = new(modules);
            }
            modules._users++;
            return modules;
        }
    }

    /// <summary>A module by the name of its source; to be disposed.</summary>
    /// <param name="name">The name.</param>
    /// <param name="context">The object of the context whose work its launches are.</param>
    /// <exception cref="CudaException">The driver cannot compile it: the message has its log.</exception>
    public CudaModule Module(string name, CudaContext context)
    {
        lock (_loaded)
        {
            if (!_loaded.TryGetValue(name, out CudaModule? module))
            {
                module = context.LoadModule(KernelImages.Image(name));
                _loaded.Add(name, module);
            }
            return module.Share(context);
        }
    }

    public void Dispose()
    {
        lock (All)
        {
            if (--_users > 0)
                return;
            if (
                All.TryGetValue(_id, out WeakReference<CudaModules>? known)
                && known.TryGetTarget(out CudaModules? modules)
                && ReferenceEquals(modules, this)
            )
                All.Remove(_id);
        }
        lock (_loaded)
        {
            foreach (CudaModule module in _loaded.Values)
                module.Dispose();
            _loaded.Clear();
        }
    }
}
