using System.Globalization;
using Sequor.Layers;
using Sequor.Tool;
using Sequor.VirtualGpu.Ptxas;

namespace Sequor.Counts;

/// <summary>What a GPU can do at most, by its maker's figures, read from a file of the folder Gpus or from a user's own.</summary>
/// <param name="Key">What --gpu was given.</param>
/// <param name="Name">Its name.</param>
/// <param name="Capability">Compute capability, major * 10 + minor.</param>
/// <param name="Multiprocessors">How many it has.</param>
/// <param name="MemoryBytes">Device memory, bytes.</param>
/// <param name="BytesPerSecond">The most that device memory gives and takes.</param>
/// <param name="Float32">Operations a second with floats of 32 bits.</param>
/// <param name="Float64">The same with floats of 64 bits.</param>
/// <param name="Tf32">The same of products of factors that are rounded to TF32.</param>
/// <param name="Float16">The same of products of factors of 16 bits whose sums are floats of 32; null where the file does not say.</param>
/// <param name="MeasuredCopy">Bytes a second that a copy was seen to read and write; null where none was.</param>
internal sealed record Gpu(
    string Key,
    string Name,
    int Capability,
    int Multiprocessors,
    long MemoryBytes,
    double BytesPerSecond,
    double Float32,
    double Float64,
    double Tf32,
    double? Float16,
    double? MeasuredCopy
)
{
    private const string Folder = "gpus/";
    private const int MostBytes = 1 << 16;

    private const double Giga = 1e9;
    private const double Tera = 1e12;

    // What an entry is, and its range.
    private static readonly Dictionary<string, (string Unit, double Least, double Most)> Numbers =
        new()
        {
            ["multiprocessors"] = ("", 1, 1024),
            ["memory"] = ("GB", 1, 10_000),
            ["bandwidth"] = ("GB/s", 1, 1_000_000),
            ["float32"] = ("TFLOP/s", 0.001, 100_000),
            ["float64"] = ("TFLOP/s", 0.001, 100_000),
            ["tf32"] = ("TFLOP/s", 0.001, 100_000),
            ["float16"] = ("TFLOP/s", 0.001, 100_000),
            ["measured copy"] = ("GB/s", 1, 1_000_000),
        };

    private const string NameEntry = "name";
    private const string CapabilityEntry = "compute capability";
    private static readonly string[] Optional = ["float16", "measured copy"];

    private static IEnumerable<string> Entries => [NameEntry, CapabilityEntry, .. Numbers.Keys];

    private Multiprocessor Each { get; } = Multiprocessor.Of(Capability);

    /// <summary>Names of those that are known.</summary>
    public static IReadOnlyList<string> Known { get; } =
    [
        .. typeof(Gpu)
            .Assembly.GetManifestResourceNames()
            .Where(name => name.StartsWith(Folder, StringComparison.Ordinal))
            .Select(name => name[Folder.Length..])
            .Order(StringComparer.Ordinal),
    ];

    /// <summary>One of those that are known, or that of a file.</summary>
    /// <exception cref="UsageException">There is neither.</exception>
    /// <exception cref="FailureException">The file cannot be read, or is not as it should be.</exception>
    public static Gpu Get(string option, string given)
    {
        if (Known.Contains(given))
        {
            using Stream stream = typeof(Gpu).Assembly.GetManifestResourceStream(Folder + given)!;
            using var reader = new StreamReader(stream);
            return Parse(given, reader.ReadToEnd());
        }
        if (!Path.Exists(given))
            throw new UsageException(
                $"{option} must be {string.Join(", ", Known)} or a file, and there is no '{Printable.Shortened(given)}'{ParseErrors.Suggest(given, Known)}"
            );
        try
        {
            if (new FileInfo(given).Length > MostBytes)
                throw new FormatException(
                    $"it has more than {MostBytes} bytes, which no such file has"
                );
            return Parse(given, File.ReadAllText(given));
        }
        catch (Exception e)
            when (e is IOException or UnauthorizedAccessException or FormatException)
        {
            throw new FailureException($"{option}: '{given}': {e.Message}", e);
        }
    }

    /// <summary>Blocks of a kernel that are resident on a multiprocessor at a time, and the part of its warps that they are.</summary>
    public (int Blocks, double Occupancy) Residents(int threads, int registers, long sharedBytes)
    {
        int blocks = Each.ResidentBlocks(threads, registers, sharedBytes);
        return (blocks, Each.Occupancy(threads, blocks));
    }

    /// <summary>
    /// The least time for some bytes and operations, in microseconds: what the slowest of device memory and arithmetic takes, if
    /// it does nothing else. A rate that is not known bounds nothing.
    /// </summary>
    public double Floor(
        long bytes,
        long float32,
        long float64 = 0,
        long tf32 = 0,
        long float16 = 0
    ) =>
        1e6
        * new[]
        {
            bytes / BytesPerSecond,
            float32 / Float32,
            float64 / Float64,
            tf32 / Tf32,
            float16 / (Float16 ?? double.PositiveInfinity),
        }.Max();

    /// <summary>Reads a description: a line "entry = value" each, and comments behind #.</summary>
    /// <exception cref="FormatException">A line is not as it should be; the message has its number.</exception>
    public static Gpu Parse(string key, string text)
    {
        var values = new Dictionary<string, string>();
        int number = 0;
        foreach (string whole in text.ReplaceLineEndings("\n").Split('\n'))
        {
            number++;
            string line = whole.Split('#')[0].Trim();
            if (line.Length == 0)
                continue;
            string[] parts = line.Split('=', 2, StringSplitOptions.TrimEntries);
            if (parts.Length != 2 || parts[1].Length == 0)
                throw Wrong($"'{Printable.Shortened(line)}' is not of the form \"entry = value\"");
            string entry = parts[0];
            if (!Entries.Contains(entry))
                throw Wrong(
                    $"'{Printable.Shortened(entry)}' is no entry; there are {string.Join(", ", Entries)}"
                );
            if (!values.TryAdd(entry, parts[1]))
                throw Wrong($"{entry} is there twice");
            Check(entry, parts[1]);
        }
        if (
            Entries.FirstOrDefault(e => !Optional.Contains(e) && !values.ContainsKey(e)) is
            { } missing
        )
            throw new FormatException(
                $"{missing} is missing; all of {string.Join(", ", Entries.Where(e => !Optional.Contains(e)))} are needed"
            );
        return new(
            key,
            values[NameEntry],
            (int)Math.Round(10 * Number(CapabilityEntry)),
            (int)Number("multiprocessors"),
            (long)(Number("memory") * Giga),
            Number("bandwidth") * Giga,
            Number("float32") * Tera,
            Number("float64") * Tera,
            Number("tf32") * Tera,
            values.ContainsKey("float16") ? Number("float16") * Tera : null,
            values.ContainsKey("measured copy") ? Number("measured copy") * Giga : null
        );

        double Number(string entry) => double.Parse(values[entry], CultureInfo.InvariantCulture);

        FormatException Wrong(string what) => new($"line {number}: {what}");

        void Check(string entry, string value)
        {
            bool isNumber = double.TryParse(
                value,
                NumberStyles.AllowDecimalPoint,
                CultureInfo.InvariantCulture,
                out double parsed
            );
            if (entry == CapabilityEntry)
            {
                string[] known =
                [
                    .. Multiprocessor.All.Select(m =>
                        string.Create(
                            CultureInfo.InvariantCulture,
                            $"{m.Capability / 10}.{m.Capability % 10}"
                        )
                    ),
                ];
                if (!known.Contains(value))
                    throw Wrong(
                        $"{entry} must be one of {string.Join(", ", known)}, for which the registers of kernels are known, not '{Printable.Shortened(value)}'"
                    );
                return;
            }
            if (!Numbers.TryGetValue(entry, out (string Unit, double Least, double Most) range))
                return;
            bool whole = entry == "multiprocessors";
            if (
                !isNumber
                || !(parsed >= range.Least && parsed <= range.Most)
                || (whole && parsed != Math.Floor(parsed))
            )
                throw Wrong(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{entry} must be a {(whole ? "whole " : "")}number from {range.Least} to {range.Most}{(range.Unit.Length == 0 ? "" : $" ({range.Unit})")}, not '{Printable.Shortened(value)}'"
                    )
                );
        }
    }
}
