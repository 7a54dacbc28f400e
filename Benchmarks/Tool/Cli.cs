using System.CommandLine;
using System.CommandLine.Invocation;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The command line: what there is, and how errors are told.</summary>
internal static class Cli
{
    /// <summary>Runs a command as a program; text that cannot be printed is a failure when all else is done.</summary>
    public static int RunProgram(string[] args)
    {
        StandardStreams.Open();
        int code = Run(args);
        return code == ExitCode.Success && StandardStreams.Failure is { } failure
            ? Tell(
                "",
                new FailureException($"standard output: {failure.Message}"),
                ExitCode.Failure
            )
            : code;
    }

    /// <summary>Runs a command.</summary>
    public static int Run(string[] args)
    {
        // The common question, answered before anything else is set up.
        if (args is ["--version"])
        {
            Console.Out.WriteLine(Machine.VersionAndCommit);
            return ExitCode.Success;
        }
        string verb = "";
        try
        {
            var root = new RootCommand(
                "Trains and measures sequence models: tanh RNN, LSTM, GRU, TCN and LRU."
            );
            root.Subcommands.Add(BenchCommand.Create());
            root.Subcommands.Add(TrainCommand.Create());
            root.Subcommands.Add(ReproduceCommand.Create());
            root.Subcommands.Add(DoctorCommand.Create());
            ParseResult result = root.Parse(
                args,
                new ParserConfiguration { ResponseFileTokenReplacer = null }
            );
            if (result.CommandResult.Command != root)
                verb = " " + result.CommandResult.Command.Name;
            if (result.Action is ParseErrorAction)
                throw new UsageException(ParseErrors.Describe(result, root));
            return result.Invoke(
                new InvocationConfiguration
                {
                    EnableDefaultExceptionHandler = false,
                    ProcessTerminationTimeout = null,
                }
            );
        }
        catch (UsageException e)
        {
            return Tell(verb, e, ExitCode.Usage);
        }
        catch (Exception e)
        {
            return Tell(verb, e, ExitCode.Failure);
        }
    }

    private static int Tell(string verb, Exception e, int code)
    {
        string message = Failures.Describe(e);
        // Of memory that is missing there is a table to read.
        Console.Error.WriteLine(
            $"sequor{verb}: {(e is DeviceMemoryException ? message : Failures.OneLine(message))}"
        );
        if (Environment.GetEnvironmentVariable(Failures.DebugVariable) == "1")
            Console.Error.WriteLine(e);
        return code;
    }
}
