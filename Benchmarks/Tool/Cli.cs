using System.CommandLine;
using System.CommandLine.Invocation;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The command line: what there is, and how errors are told.</summary>
internal static class Cli
{
    /// <summary>What ends the options of a command line, and stands before operands.</summary>
    public const string Separator = "--";

    /// <summary>Runs a command as a program; text that cannot be printed is a failure when all else is done.</summary>
    /// <param name="args">The command line.</param>
    /// <param name="create">Makes the commands; those of sequor where another program has none.</param>
    public static int RunProgram(string[] args, Func<RootCommand>? create = null)
    {
        StandardStreams.Open();
        int code = Run(args, create);
        return code == ExitCode.Success && StandardStreams.Failure is { } failure
            ? Tell(
                "",
                new FailureException($"standard output: {failure.Message}"),
                Gate.CodeOfFailure(args, ExitCode.Failure)
            )
            : code;
    }

    /// <summary>Runs a command.</summary>
    public static int Run(string[] args, Func<RootCommand>? create = null)
    {
        args = WithoutSeparator(args);
        // The common question, answered before anything else is set up.
        if (args is ["--version"])
        {
            // The form that people have to ask for is told.
            Console.Out.WriteLine(
                Machine.OwnCompiler == Machine.Jit
                    ? Machine.VersionAndCommit
                    : $"{Machine.VersionAndCommit} {Machine.OwnCompiler}"
            );
            return ExitCode.Success;
        }
        string verb = "";
        try
        {
            RootCommand root = (create ?? CreateRoot)();
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
            return Tell(verb, e, Gate.CodeOfFailure(args, ExitCode.Usage));
        }
        catch (Exception e)
        {
            return Tell(verb, e, Gate.CodeOfFailure(args, ExitCode.Failure));
        }
    }

    /// <summary>All commands of sequor.</summary>
    public static RootCommand CreateRoot()
    {
        var root = new RootCommand(
            $"Trains and measures sequence models: {string.Join(", ", Architecture.All.SkipLast(1).Select(a => a.Title))} and {Architecture.All[^1].Title}."
        );
        root.Subcommands.Add(BenchCommand.Create());
        root.Subcommands.Add(ProfileCommand.Create());
        root.Subcommands.Add(TrainCommand.Create());
        root.Subcommands.Add(ReproduceCommand.Create());
        root.Subcommands.Add(CompareCommand.Create());
        root.Subcommands.Add(HistoryCommand.Create());
        root.Subcommands.Add(PageCommand.Create());
        root.Subcommands.Add(ListCommand.Create());
        root.Subcommands.Add(DoctorCommand.Create());
        return root;
    }

    /// <summary>
    /// The words of a command line without a "--" before the options, which who is used to `dotnet run --` or npm may write:
    /// where no command takes words that are no options, there is nothing else it could mean. Behind a command that takes files
    /// it says that they follow.
    /// </summary>
    private static string[] WithoutSeparator(string[] args) =>
        Array.IndexOf(args, Separator) is >= 0 and <= 1 and var at
        && (
            at == 0
            || !(
                args[0].StartsWith('-')
                || args[0] is CompareCommand.Name or HistoryCommand.Name or PageCommand.Name
            )
        )
            ? [.. args[..at], .. args[(at + 1)..]]
            : args;

    private static int Tell(string verb, Exception e, int code)
    {
        string message = $"sequor{verb}: {Failures.Describe(e)}";
        // Of memory that is missing there is a table to read.
        foreach (
            string line in e is DeviceMemoryException
                ? message.Split('\n').Select(text => text.TrimEnd())
                : [Failures.OneLine(message)]
        )
            Screen.Tell(line);
        if (Environment.GetEnvironmentVariable(Failures.DebugVariable) == "1")
            Console.Error.WriteLine(Printable.Of($"{e}", lines: true));
        return code;
    }
}
