using System.Runtime.InteropServices;

namespace Sequor.Tool;

/// <summary>Notes the first Ctrl-C or termination request; a second one ends the program at once.</summary>
internal sealed class StopSignal : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations;
    private readonly CancellationTokenSource _source = new();
    private volatile int _exitCode;

    public StopSignal()
    {
        _registrations =
        [
            PosixSignalRegistration.Create(
                PosixSignal.SIGINT,
                context => Note(context, ExitCode.Interrupted)
            ),
            PosixSignalRegistration.Create(
                PosixSignal.SIGTERM,
                context => Note(context, ExitCode.Terminated)
            ),
        ];
    }

    /// <summary>The exit code of a program ended by the signal that came; 0 while none has.</summary>
    public int Code => _exitCode;

    public bool IsRequested => _exitCode != 0;

    /// <summary>The same for loops that take a token.</summary>
    public CancellationToken Token => _source.Token;

    private void Note(PosixSignalContext context, int code)
    {
        if (_exitCode != 0)
            return;
        context.Cancel = true;
        _exitCode = code;
        _source.Cancel();
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
        _source.Dispose();
    }
}
