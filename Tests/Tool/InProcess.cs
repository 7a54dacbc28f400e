using System.CommandLine;

namespace Sequor.Tests.Tool;

/// <summary>
/// The sequor command called in this process, which takes no third of a second to start and sees what tests put in place.
/// It writes to the process's console: no other test may run meanwhile.
/// </summary>
internal static class InProcess
{
    /// <summary>Runs the command as its program would, and takes what it writes.</summary>
    public static ProgramResult Run(params string[] arguments) =>
        Run((Func<RootCommand>?)null, arguments);

    /// <summary>The same of another program's commands.</summary>
    public static ProgramResult Run(Func<RootCommand>? create, string[] arguments)
    {
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using var newOutput = new StringWriter { NewLine = "\n" };
        using var newError = new StringWriter { NewLine = "\n" };
        try
        {
            Console.SetOut(newOutput);
            Console.SetError(newError);
            int code = global::Sequor.Tool.Cli.Run(arguments, create);
            return new ProgramResult(code, newOutput.ToString(), newError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
        }
    }

    /// <summary>A command line whose words have no blanks, and further words.</summary>
    public static ProgramResult Run(string line, params string[] more) =>
        Run([.. line.Split(' '), .. more]);
}
