namespace Sequor.Tests.Tool;

internal static partial class Program
{
    /// <summary>
    /// Calls the command in this process and takes what it writes: for fixtures that have the process to themselves. A process
    /// of its own takes a third of a second to begin.
    /// </summary>
    public static ProgramResult RunHere(params string[] arguments)
    {
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using var newOutput = new StringWriter { NewLine = "\n" };
        using var newError = new StringWriter { NewLine = "\n" };
        // Where the tests run on a terminal, the command would find one too.
        const string plain = "NO_COLOR";
        string? colours = Environment.GetEnvironmentVariable(plain);
        try
        {
            if (!Console.IsOutputRedirected)
                Environment.SetEnvironmentVariable(plain, "1");
            Console.SetOut(newOutput);
            Console.SetError(newError);
            int code = global::Sequor.Tool.Cli.Run(arguments);
            return new ProgramResult(code, newOutput.ToString(), newError.ToString());
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
            Environment.SetEnvironmentVariable(plain, colours);
        }
    }
}
