using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>Options whose values are checked as they are read, with messages that say what is allowed.</summary>
internal static class Options
{
    public static Option<long?> Whole(
        string name,
        string description,
        string value,
        long least,
        long most
    ) =>
        Create<long?>(
            name,
            description,
            value,
            (text, fail) =>
            {
                bool parsed = long.TryParse(
                    text,
                    NumberStyles.AllowLeadingSign,
                    CultureInfo.InvariantCulture,
                    out long number
                );
                if (parsed && number >= least && number <= most)
                    return number;
                fail($"a whole number from {least} to {most}", "");
                return null;
            }
        );

    /// <param name="none">Whether the word none is allowed, and means infinity.</param>
    public static Option<float?> Number(string name, string description, bool none = false) =>
        Create<float?>(
            name,
            description,
            "X",
            (text, fail) =>
            {
                if (none && text == "none")
                    return float.PositiveInfinity;
                bool parsed = float.TryParse(
                    text,
                    NumberStyles.Float,
                    CultureInfo.InvariantCulture,
                    out float number
                );
                if (parsed && float.IsFinite(number) && number > 0)
                    return number;
                fail("a finite number above 0" + (none ? ", or none" : ""), "");
                return null;
            }
        );

    public static Option<string?> Choice(
        string name,
        string description,
        IReadOnlyList<string> allowed
    ) =>
        Create<string?>(
            name,
            description,
            string.Join('|', allowed),
            (text, fail) =>
            {
                if (allowed.Contains(text))
                    return text;
                fail($"one of {string.Join(", ", allowed)}", ParseErrors.Suggest(text, allowed));
                return null;
            }
        );

    /// <summary>Whole numbers in ascending order, separated by commas.</summary>
    /// <param name="fewest">So many of them at least, 1 or 2.</param>
    public static Option<int[]?> Ascending(
        string name,
        string description,
        string value,
        int least,
        int most,
        int fewest = 2
    ) =>
        Create<int[]?>(
            name,
            description,
            value,
            (text, fail) =>
            {
                var numbers = new List<int>();
                foreach (string word in text.Split(',', StringSplitOptions.TrimEntries))
                {
                    bool parsed = int.TryParse(
                        word,
                        NumberStyles.None,
                        CultureInfo.InvariantCulture,
                        out int number
                    );
                    if (
                        !parsed
                        || number < least
                        || number > most
                        || (numbers.Count > 0 && number <= numbers[^1])
                    )
                    {
                        numbers.Clear();
                        break;
                    }
                    numbers.Add(number);
                }
                if (numbers.Count >= fewest)
                    return [.. numbers];
                fail(
                    $"{(fewest > 1 ? "two" : "one")} or more different whole numbers from {least} to {most} in ascending order, separated by commas",
                    ""
                );
                return null;
            }
        );

    /// <summary>One or more words, separated by commas.</summary>
    public static Option<string[]?> Choices(
        string name,
        string description,
        IReadOnlyList<string> allowed
    ) =>
        Create<string[]?>(
            name,
            description,
            "A,B",
            (text, fail) =>
            {
                string[] words = text.Split(',', StringSplitOptions.TrimEntries);
                string? wrong = words.FirstOrDefault(w => !allowed.Contains(w));
                if (wrong is null)
                    return [.. words.Distinct()];
                fail(
                    $"one or more, separated by commas, of {string.Join(", ", allowed)}",
                    ParseErrors.Suggest(wrong, allowed)
                );
                return null;
            }
        );

    /// <param name="allowed">What must stand there, for messages.</param>
    public static Option<string?> Text(
        string name,
        string description,
        string value,
        string allowed = "the name of a file"
    ) =>
        Create<string?>(
            name,
            description,
            value,
            (text, fail) =>
            {
                if (!string.IsNullOrWhiteSpace(text))
                    return text;
                fail(allowed, "");
                return null;
            }
        );

    /// <summary>A time with its unit; see <see cref="TimeOption"/>.</summary>
    public static Option<TimeSpan?> Time(string name, string description) =>
        Create<TimeSpan?>(
            name,
            description,
            "TIME",
            (text, fail) =>
            {
                TimeSpan? time = TimeOption.Parse(text);
                if (time is null)
                    fail(TimeOption.Allowed, "");
                return time;
            }
        );

    public static Option<Device?> Device() =>
        Create<Device?>(
            "--device",
            "where to run; auto is a GPU that passes its self-check, else the CPU (auto)",
            "auto|cpu|cuda[:N]",
            (text, fail) =>
            {
                if (Layers.Device.TryParse(text, out Device device))
                    return device;
                fail("auto, cpu, cuda or cuda:N", "");
                return null;
            }
        );

    public static Option<string?> Math() =>
        Choice("--math", "arithmetic of a GPU's products (fp32)", ["fp32", "tf32"]);

    public static Option<string?> Convolution() =>
        Choice(
            "--convolution",
            "how a GPU computes the TCN's convolutions (products)",
            ["products", "cudnn"]
        );

    /// <summary>Candidates that are forced: kind=candidate, several separated by commas.</summary>
    /// <param name="kinds">The candidates of each kind.</param>
    public static Option<IReadOnlyDictionary<string, string>?> Forced(
        IReadOnlyDictionary<string, string[]> kinds
    ) =>
        Create<IReadOnlyDictionary<string, string>?>(
            "--choice",
            "ways of computing that a GPU is made to take: recurrent=standard|small-h|persist|dynamic|own, convolution=products|cudnn, math=default|pedantic|tf32, epilogue=kernels|library, scan=wide|tiles-64|tiles-128|tiles-256 (the fastest)",
            "KIND=WAY,...",
            (text, fail) =>
            {
                var forced = new Dictionary<string, string>();
                foreach (string part in text.Split(',', StringSplitOptions.TrimEntries))
                {
                    string[] words = part.Split('=', 2, StringSplitOptions.TrimEntries);
                    if (words.Length < 2 || !kinds.TryGetValue(words[0], out string[]? ways))
                    {
                        fail(
                            $"KIND=WAY, with KIND one of {string.Join(", ", kinds.Keys)}",
                            ParseErrors.Suggest(words[0], [.. kinds.Keys])
                        );
                        return null;
                    }
                    if (!ways.Contains(words[1]))
                    {
                        string none =
                            words[1] == "own"
                                ? $" (no own kernels of {words[0]} are there yet)"
                                : "";
                        fail(
                            $"{words[0]}= one of {string.Join(", ", ways)}",
                            none.Length > 0 ? none : ParseErrors.Suggest(words[1], ways)
                        );
                        return null;
                    }
                    if (!forced.TryAdd(words[0], words[1]))
                    {
                        fail($"a list with {words[0]} once", "");
                        return null;
                    }
                }
                return forced;
            }
        );

    public static Option<string?> Autotune() =>
        Text(
            "--autotune",
            "whether a GPU's ways of computing are measured, once for a shape: off, on (choices are kept in the user's cache folder) or a file to keep them in (on)",
            "on|off|FILE",
            "on, off or the name of a file"
        );

    public static Option<string?> Graph() =>
        Choice(
            "--graph",
            "whether a GPU is given a training step as one CUDA graph (on)",
            ["on", "off"]
        );

    public static Option<string?> UploadStream() =>
        Choice(
            "--upload-stream",
            "whether large batches come to a GPU on a stream of their own while the step before runs (on)",
            ["on", "off"]
        );

    public static Option<string?> SelfCheck() =>
        Choice(
            "--self-check",
            "whether a GPU first shows that it computes what the CPU does: the first time, each time, or not (new)",
            ["new", "always", "off"]
        );

    public static Option<long?> Threads() =>
        Whole("--threads", "threads of the CPU (all cores)", "N", 1, Limits.Threads);

    public static Option<string?> VectorBits() =>
        Choice(
            "--vector-bits",
            "width of the CPU's vectors, which any processor can compute with (the widest that it has)",
            ["128", "256", "512"]
        );

    public static Option<long?> Seed() =>
        Whole("--seed", "seed of parameters and data (1)", "N", 0, long.MaxValue);

    public static Option<long?> Kept() =>
        Whole(
            "--keep",
            "older checkpoints kept beside each, as FILE.1, the newest, and so on (1)",
            "N",
            0,
            Checkpoint.MostKept
        );

    public static Option<string?> Json() =>
        Text(
            "--json",
            "writes the results to a file, as JSON; - is standard output, and text goes to standard error",
            "FILE|-"
        );

    public static Option<string?> Html() =>
        Text("--html", "writes a page with charts of the results to a file, or to -", "FILE|-");

    private static Option<T> Create<T>(
        string name,
        string description,
        string value,
        Func<string, Action<string, string>, T> parse
    ) =>
        new(name)
        {
            Description = description,
            HelpName = value,
            Arity = ArgumentArity.ExactlyOne,
            CustomParser = result =>
            {
                string text = result.Tokens[0].Value;
                return parse(
                    text,
                    (allowed, hint) =>
                        result.AddError(
                            $"{name} must be {allowed}, not '{Printable.Shortened(text)}'{hint}"
                        )
                );
            },
        };
}
