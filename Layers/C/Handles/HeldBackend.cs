using Sequor.Layers;

namespace Sequor.C;

/// <summary>A backend that a caller holds, and what was opened for it.</summary>
/// <param name="backend">The backend.</param>
/// <param name="opened">What is closed after it, in this order: the caller's stream and context as they are seen here.</param>
internal sealed class HeldBackend(Backend backend, params IDisposable[] opened)
{
    /// <summary>The backend.</summary>
    public Backend Backend { get; } = backend;

    /// <summary>Closes it; a second call does nothing.</summary>
    public void Close()
    {
        Backend.Dispose();
        foreach (IDisposable each in opened)
            each.Dispose();
    }
}
