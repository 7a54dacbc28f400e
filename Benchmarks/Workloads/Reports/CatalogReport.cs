namespace Sequor.Workloads;

/// <summary>What can be named in options, as a file: schema sequor.list/1.</summary>
public sealed record CatalogReport
{
    /// <summary>Names the format.</summary>
    public string Schema { get; init; } = "sequor.list/1";

    /// <summary>What --arch takes.</summary>
    public required IReadOnlyList<ListedArchitecture> Architectures { get; init; }

    /// <summary>What --task takes.</summary>
    public required IReadOnlyList<ListedTask> Tasks { get; init; }

    /// <summary>What --optimizer takes.</summary>
    public required IReadOnlyList<ListedOptimizer> Optimizers { get; init; }

    /// <summary>What reproduce runs.</summary>
    public required IReadOnlyList<ListedPreset> Presets { get; init; }

    /// <summary>All that the catalogue has.</summary>
    public static CatalogReport Make() =>
        new()
        {
            Architectures =
            [
                .. Architecture.All.Select(a => new ListedArchitecture(
                    a.Name,
                    a.Title,
                    a.DepthName,
                    a.DefaultDepth,
                    a.IsCompared,
                    a.Forms
                )),
            ],
            Tasks =
            [
                .. Workloads.Tasks.All.Select(t => new ListedTask(
                    t.Name,
                    t.Metric,
                    t.IsStream,
                    t.Files.Count == 0
                        ? null
                        : (t.IsDrawn ? "drawn, or " : "") + DataFile.Describe(t.Files)
                )
                {
                    Score = t.Score.Name,
                    HigherIsBetter = t.Score.HigherIsBetter,
                    Causal = t.NeedsCausal,
                    Files =
                    [
                        .. t.Files.Select(file => new ListedFile(
                            file.Name,
                            file.Bytes,
                            file.Source
                        )),
                    ],
                }),
            ],
            Optimizers =
            [
                .. Workloads.Optimizers.All.Select(o => new ListedOptimizer(o.Name, o.Decay)),
            ],
            Presets =
            [
                .. Workloads.Presets.All.Select(p => new ListedPreset(
                    p.Task,
                    p.Arch,
                    p.Name,
                    p.Budget,
                    p.Paper
                )),
            ],
        };
}

/// <summary>An architecture.</summary>
/// <param name="Name">Its name in options.</param>
/// <param name="Title">What people call it.</param>
/// <param name="DepthName">What its depth counts.</param>
/// <param name="DefaultDepth">The depth where none is asked for.</param>
/// <param name="Compared">It is measured where none is asked for.</param>
/// <param name="Forms">What --form takes, the usual one first; empty where it has none.</param>
public sealed record ListedArchitecture(
    string Name,
    string Title,
    string DepthName,
    int DefaultDepth,
    bool Compared,
    IReadOnlyList<string> Forms
);

/// <summary>A task.</summary>
/// <param name="Name">Its name in options.</param>
/// <param name="Metric">What its loss is called.</param>
/// <param name="AnyLength">bench, profile and train take it at any length, and not at that of its data alone.</param>
/// <param name="Data">The files that its data come from, and where these are to be had; null where they are drawn.</param>
public sealed record ListedTask(string Name, string Metric, bool AnyLength, string? Data)
{
    /// <summary>What results are told in.</summary>
    public required string Score { get; init; }

    /// <summary>Whether the larger one of two scores is the better one.</summary>
    public required bool HigherIsBetter { get; init; }

    /// <summary>Whether it refuses models that look ahead.</summary>
    public required bool Causal { get; init; }

    /// <summary>The files of its data one by one.</summary>
    public required IReadOnlyList<ListedFile> Files { get; init; }
}

/// <summary>A file of a task's data.</summary>
/// <param name="Name">Its name; null where it is called as its owner likes.</param>
/// <param name="Bytes">Its size; null where that is not known.</param>
/// <param name="Source">Where it is to be had.</param>
public sealed record ListedFile(string? Name, long? Bytes, string Source);

/// <summary>An optimizer.</summary>
/// <param name="Name">Its name in options.</param>
/// <param name="Decay">The weight decay where none is asked for; null for a rule that has none.</param>
public sealed record ListedOptimizer(string Name, float? Decay);

/// <summary>A preset.</summary>
/// <param name="Task">Its task.</param>
/// <param name="Arch">Its architecture.</param>
/// <param name="Name">Its name among those of the task and the architecture.</param>
/// <param name="Budget">Parameters that the paper's model has.</param>
/// <param name="Paper">What the paper measured; null where it tells no number.</param>
public sealed record ListedPreset(
    string Task,
    string Arch,
    string Name,
    long Budget,
    double? Paper
);
