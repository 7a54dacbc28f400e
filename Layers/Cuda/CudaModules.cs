using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// The modules of Sequor's kernels in a context, each loaded when it is first asked for, once for all backends of the context. From
/// one process to the next the driver keeps what it compiled, in its own cache.
/// </summary>
/// <remarks>
/// May be used by several threads. The last backend that disposes of it unloads the modules; a backend that was forgotten does not count.
/// </remarks>
internal sealed class CudaModules
{
    // Weak, so that backends that were forgotten take their modules with them.
    private static readonly Dictionary<ulong, WeakReference<CudaModules>> All = [];

    private readonly ulong _id;

    // An object of its own: modules that one backend's object had loaded would keep that alive for the others.
    private readonly CudaContext _context;
    private readonly Dictionary<string, CudaModule> _loaded = new(StringComparer.Ordinal);
    private readonly List<WeakReference<object>> _users = [];

    private CudaModules(ulong id, CudaContext context)
    {
        _id = id;
        _context = CudaContext.Attach(context.Handle.Value, context.Libraries);
    }

    /// <summary>The modules of a context.</summary>
    /// <param name="context">An object of the context.</param>
    /// <param name="user">Who asks; calls <see cref="Leave"/> at its end.</param>
    public static CudaModules Of(CudaContext context, object user)
    {
        ulong id = context.Id;
        lock (All)
        {
            if (
                !All.TryGetValue(id, out WeakReference<CudaModules>? known)
                || !known.TryGetTarget(out CudaModules? modules)
            )
            {
                modules = new CudaModules(id, context);
                All[id] = new(modules);
            }
            modules._users.Add(new(user));
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
                module = _context.LoadModule(KernelImages.Image(name));
                _loaded.Add(name, module);
            }
            return module.Share(context);
        }
    }

    /// <summary>The modules are not used any more by one who asked for them.</summary>
    public void Leave(object user)
    {
        lock (All)
        {
            _users.RemoveAll(u =>
                !u.TryGetTarget(out object? alive) || ReferenceEquals(alive, user)
            );
            if (_users.Count > 0)
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
            _context.Dispose();
        }
    }
}
