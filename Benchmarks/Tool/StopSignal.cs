using System.Runtime.InteropServices;

namespace Sequor.Tool;

/// <summary>Notes the first Ctrl-C or termination request; a second one ends the program at once.</summary>
internal sealed class StopSignal : IDisposable
{
    private readonly PosixSignalRegistration[] _registrations;
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

    private void Note(PosixSignalContext context, int code)
    {
        if (_exitCode != 0)
            return;
        context.Cancel = true;
        _exitCode = code;
    }

    public void Dispose()
    {
        foreach (PosixSignalRegistration registration in _registrations)
            registration.Dispose();
    }
}
