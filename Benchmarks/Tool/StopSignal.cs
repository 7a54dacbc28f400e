using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sequor.Tool;

/// <summary>
/// What Ctrl-C, a termination request or the end of the terminal does. While a command prepares its work it has nothing to save, and is
/// ended at once; once it <see cref="Hold">holds</see> them the first is noted, and a later one ends the program. The first process of a
/// container gets only those signals that it asks for.
/// </summary>
internal sealed class StopSignal : IDisposable
{
    // Some send a request twice, to a process and to its group, and a terminal that ends sends several.
    private static readonly TimeSpan OneRequest = TimeSpan.FromSeconds(1);

    private readonly PosixSignalRegistration[] _registrations;
    private readonly CancellationTokenSource _source = new();
    private readonly Stopwatch _since = new();
    private volatile int _exitCode;
    private bool _held;

    public StopSignal()
    {
        _registrations =
        [
            On(PosixSignal.SIGINT, ExitCode.Interrupted),
            On(PosixSignal.SIGTERM, ExitCode.Terminated),
            On(PosixSignal.SIGHUP, ExitCode.HungUp),
        ];
    }

    /// <summary>The exit code of a program ended by the signal that came; 0 while none has.</summary>
    public int Code => _exitCode;

    public bool IsRequested => _exitCode != 0;

    /// <summary>The same for loops that take a token.</summary>
    public CancellationToken Token => _source.Token;

    /// <summary>From now on the first signal is noted alone, for work that has something to save or to tell.</summary>
    public void Hold()
    {
        lock (_since)
            _held = true;
    }

    private PosixSignalRegistration On(PosixSignal signal, int code) =>
        PosixSignalRegistration.Create(signal, context => Note(context, code));

    private void Note(PosixSignalContext context, int code)
    {
        context.Cancel = true;
        bool first;
        bool held;
        lock (_since)
        {
            held = _held;
            first = _exitCode == 0;
            if (first)
            {
                _since.Start();
                _exitCode = code;
            }
        }
        if (first && held)
            _source.Cancel();
        else if (!held || _since.Elapsed > OneRequest)
            // The system's own way to end a program does nothing to the first process of a container.
            Environment.Exit(code);
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }
}
