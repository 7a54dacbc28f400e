using System.Diagnostics.CodeAnalysis;

namespace Sequor.Interop;

/// <summary>
/// Keeps a context current for the calling thread. Disposing the scope makes the previous context current again. Calls inside do not ask
/// the driver which context is current, so other code on the thread must leave the current context as it found it.
/// </summary>
[SuppressMessage(
    "Performance",
    "CA1815:Override equals and operator equals on value types",
    Justification = "A scope is not compared."
)]
public readonly ref struct CudaContextScope
{
    private readonly CudaContext? _entered;
    private readonly CudaContext? _before;
    private readonly bool _pushed;

    private readonly long _number;
    private readonly long _outer;

    internal CudaContextScope(
        CudaContext entered,
        CudaContext? before,
        bool pushed,
        long number,
        long outer
    )
    {
        _entered = entered;
        _before = before;
        _pushed = pushed;
        _number = number;
        _outer = outer;
    }

    /// <summary>Makes the context current again that was current before the scope; a second call does nothing.</summary>
    public void Dispose() => _entered?.Leave(_before, _pushed, _number, _outer);
}
