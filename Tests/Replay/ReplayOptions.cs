using System.Globalization;

namespace Sequor.Replay;

/// <summary>What the program is to do.</summary>
internal enum ReplayAction
{
    Replay,
    Record,
    Child,
    Help,
}

/// <summary>The command line is wrong, or names a file that cannot be read.</summary>
internal sealed class UsageException(string message) : Exception(message);

/// <summary>The command line.</summary>
internal sealed record ReplayOptions
{
    public const string Help = """
        Usage: replay [FILE] [OPTIONS]

        Launches recorded kernels on the GPU, and compares what each leaves in memory with
        what the virtual GPU left: bit for bit, or within the bound that the head of a
        kernel's source says. Without FILE it takes the recording beside the program, which
        is made where it is missing.

          --kernel NAME    this kernel only; may be given more than once
          --json FILE      a report as JSON; - is standard output
          --limit SECONDS  how long a kernel may take before it is ended (60)
          --virtual        on the virtual GPU, also where there is a real one
          record FILE      makes a recording of what the tests of the kernels launch

        Without a GPU the virtual one takes its place, unless SEQUOR_REQUIRE_GPU is 1.
        Exit code: 0 if all is equal, 1 if something differs or failed, 2 for wrong usage
        and recordings that cannot be read.
        """;

    public ReplayAction Action { get; init; }

    /// <summary>The recording; null for the one beside the program.</summary>
    public string? File { get; init; }

    /// <summary>The kernels asked for; none for all.</summary>
    public IReadOnlyList<string> Kernels { get; init; } = [];

    public string? Json { get; init; }

    public bool Virtual { get; init; }

    public TimeSpan Limit { get; init; } = TimeSpan.FromSeconds(60);

    /// <exception cref="UsageException">An argument is none.</exception>
    public static ReplayOptions Parse(string[] args)
    {
        var options = new ReplayOptions();
        var kernels = new List<string>();
        for (int i = 0; i < args.Length; i++)
        {
            string Value() =>
                i + 1 < args.Length
                    ? args[++i]
                    : throw new UsageException($"{args[i]} needs a value");
            switch (args[i])
            {
                case "--help" or "-h":
                    return options with { Action = ReplayAction.Help };
                case "record" when i == 0:
                    options = options with { Action = ReplayAction.Record };
                    break;
                case "--child":
                    options = options with { Action = ReplayAction.Child };
                    break;
                case "--kernel":
                    kernels.Add(Value());
                    break;
                case "--json":
                    options = options with { Json = Value() };
                    break;
                case "--virtual":
                    options = options with { Virtual = true };
                    break;
                case "--limit":
                    options = options with { Limit = Seconds(Value()) };
                    break;
                case var word when word.StartsWith('-'):
                    throw new UsageException($"'{word}' is no option; replay --help lists them");
                case var word when options.File is not null:
                    throw new UsageException($"'{word}' is one file too many");
                case var word:
                    options = options with { File = word };
                    break;
            }
        }
        if (options is { Action: ReplayAction.Record, File: null })
            throw new UsageException("record needs the file that it is to write");
        return options with { Kernels = kernels };
    }

    private static TimeSpan Seconds(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double seconds)
        && seconds is > 0 and <= 86400
            ? TimeSpan.FromSeconds(seconds)
            : throw new UsageException($"--limit takes seconds above 0, up to 86400, not '{text}'");
}
