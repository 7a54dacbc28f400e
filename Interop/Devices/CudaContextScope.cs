using System.Diagnostics.CodeAnalysis;

namespace Sequor.Interop;

/// <summary>
/// While it lasts, a context is the calling thread's current one, and calls here do not ask again; what was current
/// before is so again afterwards. Other code of the thread must leave the current context as it finds it meanwhile.
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

    /// <summary>Makes current what was so before; a second call does nothing.</summary>
    public void Dispose() => _entered?.Leave(_before, _pushed, _number, _outer);
}
