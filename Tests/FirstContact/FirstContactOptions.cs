using System.Globalization;
using Sequor.Replay;

namespace Sequor.FirstContact;

/// <summary>The command line.</summary>
internal sealed record FirstContactOptions
{
    public const string Help = """
        Usage: first-contact FOLDER [OPTIONS]

        Tries on this machine's GPU whatever was only tried on a virtual one, cheapest first:
        each check in a process of its own, with a time limit. FOLDER gets page.txt, which is
        printed as well, first-contact.json, and logs.

          --only NAME,...       these checks only
          --limit-factor X      time limits times X (1)
          --virtual             a dry run on the virtual GPU
          --list                names the checks and what they prove

        Without a GPU it is a dry run, unless SEQUOR_REQUIRE_GPU is 1. Exit code: 0 if all
        checks held or were skipped, 1 if not, 2 for wrong usage.
        """;

    /// <summary>Where results go.</summary>
    public string? Folder { get; init; }

    public IReadOnlyList<string> Only { get; init; } = [];

    public double LimitFactor { get; init; } = 1;

    public bool Virtual { get; init; }

    public bool List { get; init; }

    public bool ShowHelp { get; init; }

    /// <summary>In a process of a check: its name.</summary>
    public string? Check { get; init; }

    /// <summary>In a process of a check: where its outcome goes.</summary>
    public string? Out { get; init; }

    /// <summary>In a process that a check started: what it is to try.</summary>
    public string[] Probe { get; init; } = [];

    /// <exception cref="UsageException">An argument is none.</exception>
    public static FirstContactOptions Parse(string[] args)
    {
        var options = new FirstContactOptions();
        for (int i = 0; i < args.Length; i++)
        {
            string Value() =>
                i + 1 < args.Length
                    ? args[++i]
                    : throw new UsageException($"{args[i]} needs a value");
            switch (args[i])
            {
                case "--help" or "-h":
                    return options with { ShowHelp = true };
                case "--list":
                    options = options with { List = true };
                    break;
                case "--virtual":
                    options = options with { Virtual = true };
                    break;
                case "--only":
                    options = options with { Only = Value().Split(',') };
                    break;
                case "--limit-factor":
                    options = options with { LimitFactor = Factor(Value()) };
                    break;
                case "--check":
                    options = options with { Check = Value() };
                    break;
                case "--out":
                    options = options with { Out = Value() };
                    break;
                case "--probe":
                    return options with { Probe = args[(i + 1)..] };
                case var word when word.StartsWith('-'):
                    throw new UsageException(
                        $"'{word}' is no option; first-contact --help lists them"
                    );
                case var word when options.Folder is not null:
                    throw new UsageException($"'{word}' is one folder too many");
                case var word:
                    options = options with { Folder = word };
                    break;
            }
        }
        string[] names = [.. AllChecks.InOrder.Select(c => c.Name)];
        string[] unknown = [.. options.Only.Except(names)];
        if (unknown.Length > 0)
            throw new UsageException(
                $"there is no check {string.Join(", ", unknown)}; there are {string.Join(", ", names)}"
            );
        return options.Folder is null && options.Check is null && !options.List
            ? throw new UsageException("it needs the folder for its results")
            : options;
    }

    private static double Factor(string text) =>
        double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out double factor)
        && factor is > 0 and <= 1000
            ? factor
            : throw new UsageException($"--limit-factor takes a number above 0, not '{text}'");
}
