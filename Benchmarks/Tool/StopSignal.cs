using System.Diagnostics;
using System.Runtime.InteropServices;

namespace Sequor.Tool;

/// <summary>
/// Notes the first Ctrl-C, termination request or end of the terminal; a later one ends the program at once. The first
/// process of a container gets only those signals that it asks for.
/// </summary>
internal sealed class StopSignal : IDisposable
{
    // Some send a request twice, to a process and to its group, and a terminal that ends sends several.
    private static readonly TimeSpan OneRequest = TimeSpan.FromSeconds(1);

    private readonly PosixSignalRegistration[] _registrations;
    private readonly CancellationTokenSource _source = new();
    private readonly Stopwatch _since = new();
    private volatile int _exitCode;

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

    /// <summary>Ends a program that has nothing to save at the first signal.</summary>
    public static void EndAtOnce(StopSignal signal) =>
        signal.Token.Register(() => Environment.Exit(signal.Code));

    private PosixSignalRegistration On(PosixSignal signal, int code) =>
        PosixSignalRegistration.Create(signal, context => Note(context, code));

    private void Note(PosixSignalContext context, int code)
    {
        context.Cancel = true;
        bool first;
        lock (_since)
        {
            first = _exitCode == 0;
            if (first)
            {
                _since.Start();
                _exitCode = code;
            }
        }
        if (first)
            _source.Cancel();
        else if (_since.Elapsed > OneRequest)
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
