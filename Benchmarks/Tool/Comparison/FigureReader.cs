using System.Globalization;

namespace Sequor.Tool;

/// <summary>What a file tells.</summary>
/// <param name="Conditions">What its figures depend on.</param>
/// <param name="Figures">The figures.</param>
internal sealed record FigureFile(
    IReadOnlyList<Condition> Conditions,
    IReadOnlyList<Figure> Figures
)
{
    /// <summary>How the run ended that wrote it; null where it finished, or does not tell.</summary>
    public string? Partial { get; init; }

    /// <summary>The name of the run that wrote it, of which there may be another file; null where it has none.</summary>
    public string? Run { get; init; }
}

/// <summary>
/// Reads the figures of one format. A reader is found by being there: a new format is a class that derives from this, in a file of
/// this folder; the build makes the list of them, see Found.targets.
/// </summary>
internal abstract class FigureReader
{
    /// <summary>All of them, by name.</summary>
    public static IReadOnlyList<FigureReader> All { get; } =
    [.. FigureReaders.Found().OrderBy(reader => reader.Format, StringComparer.Ordinal)];

    /// <summary>The format's name with its version, as in sequor.bench/1.</summary>
    public abstract string Format { get; }

    /// <summary>Whether a file is of this format; by the schema that it names where a reader knows nothing better.</summary>
    public virtual bool Reads(FigureJson file) => Schema(file) == Format;

    /// <summary>The figures of a file of this format.</summary>
    /// <exception cref="FigureException">Something is missing, or is no number.</exception>
    public abstract FigureFile Read(FigureJson file);

    /// <summary>The schema that a file names; null where it names none.</summary>
    public static string? Schema(FigureJson file) => file.Maybe("schema")?.Text();

    /// <summary>What figures depend on of the section machine of a report.</summary>
    protected static IEnumerable<Condition> MachineOf(FigureJson file)
    {
        FigureJson machine = file["machine"];
        foreach (string key in (string[])["cpu", "cores", "architecture", "instructions"])
        {
            if (machine.Maybe(key)?.Value() is { } value)
                yield return new Condition(key, value, Agreement.Times);
        }
        // What tells none is older than the choice.
        yield return new Condition(
            "compiler",
            machine.Maybe("compiler")?.Value() ?? Workloads.Machine.Jit,
            Agreement.Times
        );
        // Which width it is decides how kernels lay out their scratch, so bytes depend on it; but not those on a GPU.
        if (machine.Maybe("vector_bits")?.Value() is { } bits)
            yield return new Condition(
                "vector width",
                bits,
                file.Maybe("gpu") is null ? Agreement.Always : Agreement.Times
            );
        foreach (string key in (string[])["dotnet", "os", "commit"])
        {
            if (machine.Maybe(key)?.Value() is { } value)
                yield return new Condition(key, value, Agreement.Told);
        }
        if (machine.Maybe("runtime_settings") is not { } settings)
            yield break;
        foreach ((string name, FigureJson value) in settings.Properties())
            yield return new Condition(name, value.Value(), Agreement.Times);
    }

    /// <summary>What figures depend on of threads and of the section gpu of a report.</summary>
    protected static IEnumerable<Condition> BackendOf(FigureJson file)
    {
        if (file.Maybe("threads")?.Value() is { } threads)
            yield return new Condition("threads", threads, Agreement.Always);
        if (file.Maybe("gpu") is not { } gpu)
            yield break;
        foreach (
            string key in (string[])
                ["name", "compute_capability", "driver", "cuda", "cudnn", "cublas"]
        )
        {
            if (gpu.Maybe(key)?.Value() is { } value)
                yield return new Condition(key == "name" ? "GPU" : key, value, Agreement.Times);
        }
        foreach (string key in (string[])["arithmetic", "convolution"])
        {
            if (gpu.Maybe(key)?.Value() is { } value)
                yield return new Condition(key, value, Agreement.Always);
        }
    }

    /// <summary>cpu or cuda: which of several equal GPUs it was changes nothing.</summary>
    protected static Condition DeviceOf(string device) =>
        new("backend", device.Split(':')[0], Agreement.Always);

    /// <summary>The subject of an item of results that has arch, length and batch.</summary>
    protected static Subject SubjectOf(FigureJson result, params ReadOnlySpan<string> sizes)
    {
        var size = new List<string>();
        foreach (string key in sizes)
        {
            if (result.Maybe(key)?.Count() is { } value)
                size.Add(string.Create(CultureInfo.InvariantCulture, $"{key} {value}"));
        }
        if (result.Maybe("variant")?.Text() is { } variant)
            size.Add(variant);
        return new Subject(
            result["arch"].Text(),
            string.Create(
                CultureInfo.InvariantCulture,
                $"T={result["length"].Count()} B={result["batch"].Count()}"
            ),
            string.Join(", ", size)
        );
    }

    /// <summary>How a run ended that did not finish, where its file tells.</summary>
    protected static string? PartialOf(FigureJson file) =>
        file.Maybe("status")?.Text() is { } status && status != Workloads.RunStatus.Finished
            ? status
            : null;

    /// <summary>Counted figures of those keys that an item has.</summary>
    protected static IEnumerable<Figure> CountedOf(
        FigureJson item,
        Subject subject,
        string? part,
        params IEnumerable<string> keys
    )
    {
        foreach (string key in keys)
        {
            if (item.Maybe(key)?.Count() is { } value)
                yield return new Figure(subject, key, FigureKind.Counted, UnitOf(key), [value])
                {
                    Part = part,
                };
        }
    }

    /// <summary>
    /// The bytes that an item moved. Where a vendor's library computes a part of it, they are of the rest alone, and another algorithm
    /// leaves another rest: then they are those of a part.
    /// </summary>
    protected static IEnumerable<Figure> MovedOf(FigureJson item, Subject subject) =>
        CountedOf(
            item,
            subject,
            item.Maybe("bytes_unknown")?.Count() is > 0 ? "outside libraries" : null,
            "bytes_moved"
        );

    // Keys of the reports end with their units, or are numbers of something.
    private static string UnitOf(string key) =>
        key.Contains("bytes", StringComparison.Ordinal) ? "bytes"
        : key.EndsWith("_us", StringComparison.Ordinal) ? "us"
        : "";
}
