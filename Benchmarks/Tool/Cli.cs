using System.CommandLine;
using System.CommandLine.Invocation;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The command line: what there is, and how errors are told.</summary>
internal static class Cli
{
    private const string DebugVariable = "SEQUOR_DEBUG";

    public static int Run(string[] args)
    {
        // The common question, answered before anything else is set up.
        if (args is ["--version"])
        {
            Console.Out.WriteLine(Machine.Version);
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
        string message = e switch
        {
            UsageException
            or FailureException
            or DeviceUnavailableException
            or DeviceMemoryException
            or CudaException
            or CudnnException
            or CublasException
            or NotSupportedException
            or DivergedException
            or CheckpointException
            or SafetensorsException
            or IOException
            or UnauthorizedAccessException => e.Message,
            OutOfMemoryException =>
                "out of memory; a smaller --length, --batch or --params needs less",
            OverflowException =>
                "a tensor would have more than 2147483647 values; make --length, --batch or the model smaller",
            _ => $"unexpected {e.GetType().Name}: {e.Message} ({DebugVariable}=1 shows where)",
        };
        // Of memory that is missing there is a table to read.
        Console.Error.WriteLine(
            $"sequor{verb}: {(e is DeviceMemoryException ? message : OneLine(message))}"
        );
        if (Environment.GetEnvironmentVariable(DebugVariable) == "1")
            Console.Error.WriteLine(e);
        return code;
    }

    private static string OneLine(string text) =>
        string.Join(
            ' ',
            text.Split(
                ['\r', '\n'],
                StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
            )
        );
}
