using System.CommandLine;
using System.Globalization;

namespace Sequor.Peers;

/// <summary>The command line of a peer's program, whose values are checked as they are read.</summary>
internal sealed class PeerOptions
{
    private const int Most = 1_000_000_000;
    private const int MostSteps = 10_000_000;

    // Where a convolution's last tap looks back 7 * 2^23 steps; Sequor's TCN has no more levels either.
    private const int MostLayers = 24;

    private readonly Option<bool> _list = new("--list")
    {
        Description = "loads the library, prints the architectures that there are, and ends",
    };

    private readonly Option<string?> _arch;
    private readonly Option<string?> _measure;
    private readonly Option<int?> _hidden = Whole(
        "--hidden",
        "hidden units or channels, as bench tells them",
        1,
        65_536
    );
    private readonly Option<int?> _layers = Whole(
        "--layers",
        "layers, levels or blocks",
        1,
        MostLayers
    );
    private readonly Option<int?> _length = Whole("--length", "T: steps of a sequence (600)", 1);
    private readonly Option<int?> _batch = Whole("--batch", "sequences a step (32)", 1);
    private readonly Option<int?> _steps = Whole("--steps", "measured steps (10)", 1, MostSteps);
    private readonly Option<int?> _warmup = Whole(
        "--warmup",
        "steps before them (3)",
        0,
        MostSteps
    );
    private readonly Option<int?> _classes = Whole(
        "--classes",
        "words of a language model, in place of the adding problem",
        2
    );
    private readonly Option<int?> _threads = Whole("--threads", "threads (all cores)", 1, 4096);
    private readonly Option<int?> _seed = Whole("--seed", "seed of parameters and data (1)", 0);

    public PeerOptions(Peer peer)
    {
        _arch = Choice("--arch", "the architecture", peer.Architectures);
        _measure = Choice("--measure", $"what a step is ({peer.Measures[0]})", peer.Measures);
        Default = peer.Measures[0];
        LanguageModels = peer.LanguageModels;
        Command = new RootCommand(peer.Description);
        foreach (
            Option option in (Option[])
                [
                    _list,
                    _arch,
                    _measure,
                    _hidden,
                    _layers,
                    _length,
                    _batch,
                    _steps,
                    _warmup,
                    _classes,
                    _threads,
                    _seed,
                ]
        )
            Command.Options.Add(option);
    }

    /// <summary>The command that has the options.</summary>
    public RootCommand Command { get; }

    private string Default { get; }

    private IReadOnlyList<string> LanguageModels { get; }

    /// <summary>Whether the architectures are asked for.</summary>
    public bool IsList(ParseResult result) => result.GetValue(_list);

    /// <summary>What is to be measured.</summary>
    /// <exception cref="PeerUsageException">An option that is needed is not there, or makes no sense.</exception>
    public PeerSettings Read(ParseResult result)
    {
        string measure = result.GetValue(_measure) ?? Default;
        bool streams = measure == PeerSettings.Stream;
        foreach (Option<int?> option in (Option<int?>[])[_length, _batch])
        {
            if (streams && result.GetValue(option) is not (null or 1))
                throw new PeerUsageException(
                    $"{option.Name} must be 1 or left out for a stream, which is one sequence, step by step"
                );
        }
        int length = streams ? 1 : result.GetValue(_length) ?? 600;
        int batch = streams ? 1 : result.GetValue(_batch) ?? 32;
        if ((long)length * batch > Array.MaxLength / PeerSettings.Inputs)
            throw new PeerUsageException(
                $"{_length.Name} {length} with {_batch.Name} {batch} is too large: a batch has at most {Array.MaxLength / PeerSettings.Inputs} steps"
            );
        string arch = result.GetValue(_arch) ?? throw Needed(_arch);
        int classes = result.GetValue(_classes) ?? 0;
        if (classes > 0 && !LanguageModels.Contains(arch))
            throw new PeerUsageException(
                LanguageModels.Count == 0
                    ? $"{_classes.Name} makes no sense here: there is no model of words"
                    : $"{_classes.Name} makes no sense with {arch}: there are models of words of {string.Join(", ", LanguageModels)}"
            );
        return new PeerSettings(
            arch,
            measure,
            result.GetValue(_hidden) ?? throw Needed(_hidden),
            result.GetValue(_layers) ?? throw Needed(_layers),
            length,
            batch,
            result.GetValue(_steps) ?? 10,
            result.GetValue(_warmup) ?? 3,
            classes,
            result.GetValue(_threads) ?? Environment.ProcessorCount,
            result.GetValue(_seed) ?? 1
        );
    }

    private static PeerUsageException Needed(Option option) =>
        new($"{option.Name} is needed: {option.Description}");

    private static Option<int?> Whole(
        string name,
        string description,
        int least,
        int most = Most
    ) =>
        Create<int?>(
            name,
            description,
            "N",
            $"a whole number from {least} to {most}",
            text =>
                int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number)
                && number >= least
                && number <= most
                    ? number
                    : null
        );

    private static Option<string?> Choice(
        string name,
        string description,
        IReadOnlyList<string> allowed
    ) =>
        Create(
            name,
            description,
            string.Join('|', allowed),
            $"one of {string.Join(", ", allowed)}",
            text => allowed.Contains(text) ? text : null
        );

    private static Option<T?> Create<T>(
        string name,
        string description,
        string value,
        string allowed,
        Func<string, T?> parse
    ) =>
        new(name)
        {
            Description = description,
            HelpName = value,
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                T? parsed = parse(text);
                if (parsed is null)
                    result.AddError($"{name} must be {allowed}, not '{text}'");
                return parsed;
            },
        };
}

/// <summary>A command line that makes no sense.</summary>
internal sealed class PeerUsageException(string message) : Exception(message);
