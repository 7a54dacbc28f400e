using System.Diagnostics;
using System.Runtime;

namespace Sequor.Workloads;

/// <summary>
/// Whether the runtime has stopped compiling. It compiles what runs often anew, better, on a thread of its own, some tenths of a second
/// later: steps of microseconds would all be over by then, and their times those of code that is soon thrown away. Of a program compiled
/// ahead of time, nothing is compiled and so nothing waited for.
/// </summary>
internal sealed class CodeSettling
{
    // The runtime begins to compile a tenth of a second after it last met new code, and twice for what it watches first.
    private static readonly TimeSpan Quiet = TimeSpan.FromMilliseconds(300);

    private readonly Func<long> _compiled;
    private long _seen;
    private long _since;

    /// <summary>Begins now.</summary>
    public CodeSettling()
        : this(() => JitInfo.GetCompiledMethodCount()) { }

    /// <summary>The same with a count of one's own.</summary>
    /// <param name="compiled">Methods compiled so far.</param>
    public CodeSettling(Func<long> compiled)
    {
        _compiled = compiled;
        _seen = compiled();
        _since = Stopwatch.GetTimestamp();
    }

    /// <summary>Whether nothing was compiled for some tenths of a second.</summary>
    public bool IsSettled()
    {
        long compiled = _compiled();
        if (compiled == 0)
            return true;
        if (compiled != _seen)
        {
            _seen = compiled;
            _since = Stopwatch.GetTimestamp();
        }
        return Stopwatch.GetElapsedTime(_since) >= Quiet;
    }
}
