namespace Sequor.Tool;

/// <summary>
/// Whether the code of a process that measures is what it will stay. The runtime compiles a method plainly first and counts its
/// calls once nothing new was compiled for 100 ms; after 30 of them it compiles it anew, in the background, and a step is then
/// three times as fast. So steps count that begin some time after the last method was compiled, and there have to be as many as
/// would have had anything compiled that they call. On a loaded machine that may take minutes, which processes reach at
/// different times: what they take before says nothing of the program. Once it has settled it stays so, since what is compiled
/// afterwards is what a process does beside its steps.
/// </summary>
internal sealed class SettledCode
{
    /// <summary>Steps that compile nothing until code has settled.</summary>
    public const int Steps = 64;

    /// <summary>Or fewer of them, if they take this long together: a step that is long itself calls all that matters often.</summary>
    public const double Milliseconds = 1000;

    // Twice what the runtime waits until it begins to count.
    private static readonly TimeSpan Delay = TimeSpan.FromMilliseconds(200);

    private long _methods;
    private TimeSpan _compiled;
    private int _steps;
    private double _milliseconds;

    /// <summary>Whether it has settled.</summary>
    public bool Is { get; private set; }

    /// <summary>Counts a step.</summary>
    /// <param name="methods">Methods that were compiled until its end; 0 throughout where all was compiled before.</param>
    /// <param name="began">When it began, on any clock.</param>
    /// <param name="ended">When it ended.</param>
    /// <param name="milliseconds">What it took, of the processor's time where that is known.</param>
    public void Step(long methods, TimeSpan began, TimeSpan ended, double milliseconds)
    {
        if (methods != _methods)
        {
            (_methods, _compiled) = (methods, ended);
            (_steps, _milliseconds) = (0, 0);
        }
        else if (began - _compiled >= Delay)
        {
            _steps++;
            _milliseconds += milliseconds;
            Is |= _steps >= Steps || _milliseconds >= Milliseconds;
        }
    }
}
