namespace Sequor.Workloads;

/// <summary>Results of one run of reproduce, or of several on different days, with measured steps to stand beside them.</summary>
public sealed record ReproductionBook
{
    /// <summary>One a task, architecture and preset.</summary>
    public required IReadOnlyList<ReproductionResult> Results { get; init; }

    /// <summary>Runs that came to no result.</summary>
    public IReadOnlyList<FailedRun> Failed { get; init; } = [];

    /// <summary>Runs that were not begun.</summary>
    public IReadOnlyList<LeftRun> Left { get; init; } = [];

    /// <summary>Steps measured at several lengths, by bench --sweep.</summary>
    public IReadOnlyList<BenchReport> Sweeps { get; init; } = [];

    /// <summary>Steps measured at one length, by bench, whose times stand beside the rungs of a ladder.</summary>
    public IReadOnlyList<BenchReport> Steps { get; init; } = [];

    /// <summary>How sure the order of models is, of those tables whose answers are known one by one.</summary>
    public IReadOnlyList<AnswerDifferences> Differences { get; init; } = [];

    /// <summary>Where the results are from, one a report.</summary>
    public required IReadOnlyList<BookSource> Sources { get; init; }

    /// <summary>How it ended, see <see cref="RunStatus"/>: of several reports the first that did not end as it should.</summary>
    public string Status { get; init; } = RunStatus.Finished;

    /// <summary>Why it did not end as it should.</summary>
    public string? Reason { get; init; }

    /// <summary>The models of each task and preset, in the order of the catalogue; what it does not know comes last.</summary>
    public IReadOnlyList<ResultGroup> Groups =>
        [
            .. Results
                .GroupBy(r => (r.Task, r.Preset))
                .Select(group => new ResultGroup(
                    group.Key.Task,
                    group.Key.Preset,
                    [.. group.OrderBy(r => Architecture.Find(r.Arch)?.Order ?? int.MaxValue)]
                ))
                .OrderBy(group => Tasks.Find(group.Task)?.Order ?? int.MaxValue)
                .ThenBy(group => PlaceOf(group)),
        ];

    /// <summary>
    /// Those groups that have three rungs at least of the ladder from a tanh network to the LRU, rung by rung, see
    /// <see cref="Architecture.OnLadder"/>.
    /// </summary>
    public IReadOnlyList<ResultGroup> Ladders =>
        [
            .. Groups
                .Select(group =>
                    group with
                    {
                        Results =
                        [
                            .. group
                                .Results.Where(r => Architecture.Find(r.Arch)?.OnLadder is not null)
                                .OrderBy(r => Architecture.Get(r.Arch).OnLadder!.Number),
                        ],
                    }
                )
                .Where(group => group.Results.Count >= 3),
        ];

    /// <summary>
    /// Results that tell how much was recalled, of models of one size and a task, where these are of two lengths at least; by length.
    /// </summary>
    public IReadOnlyList<ResultGroup> Recalls =>
        [
            .. Results
                .Where(r => r.Recalled is not null && r.Length is not null)
                .GroupBy(r => (r.Task, r.Budget))
                .Where(group => group.Select(r => r.Length).Distinct().Count() > 1)
                .Select(group => new ResultGroup(
                    group.Key.Task,
                    Figures.Several(group.Key.Budget, "parameter"),
                    [.. group.OrderBy(r => r.Length)]
                )),
        ];

    /// <summary>The book of one report.</summary>
    public static ReproductionBook Of(ReproductionReport report)
    {
        ArgumentNullException.ThrowIfNull(report);
        return new ReproductionBook
        {
            Results = report.Results,
            Failed = report.Failed ?? [],
            Left = report.Left ?? [],
            Sources =
            [
                new BookSource(report.Date, report.Machine.Describe(), report.Machine.Cpu)
                {
                    Device = report.Device,
                    Threads = report.Threads,
                    Cores = report.Machine.Cores,
                },
            ],
            Status = report.Status,
            Reason = report.Reason,
        };
    }

    /// <summary>Several books as one. Of what two have a result of, the later one's counts.</summary>
    /// <param name="books">The books, in the order of their days.</param>
    public static ReproductionBook Join(IReadOnlyList<ReproductionBook> books)
    {
        ArgumentNullException.ThrowIfNull(books);
        ReproductionBook? ended = books.FirstOrDefault(b => b.Status != RunStatus.Finished);
        ReproductionResult[] results =
        [
            .. books
                .SelectMany(b => b.Results)
                .GroupBy(r => (r.Task, r.Arch, r.Preset))
                .Select(same => same.Last()),
        ];
        // What an earlier day had no time for, a later one may have.
        bool Has(string task, string arch, string preset, ulong seed) =>
            results.Any(r =>
                (r.Task, r.Arch, r.Preset) == (task, arch, preset)
                && r.Runs.Any(run => run.Seed == seed)
            );
        return new ReproductionBook
        {
            Results = results,
            Failed =
            [
                .. books
                    .SelectMany(b => b.Failed)
                    .Where(f => !Has(f.Task, f.Arch, f.Preset, f.Seed)),
            ],
            Left =
            [
                .. books
                    .SelectMany(b => b.Left)
                    .Where(l => !Has(l.Task, l.Arch, l.Preset, l.Seed))
                    .GroupBy(l => (l.Task, l.Arch, l.Preset, l.Seed))
                    .Select(same => same.Last()),
            ],
            Sweeps = [.. books.SelectMany(b => b.Sweeps)],
            Steps = [.. books.SelectMany(b => b.Steps)],
            Sources = [.. books.SelectMany(b => b.Sources)],
            Status = ended?.Status ?? RunStatus.Finished,
            Reason = ended?.Reason,
        };
    }

    /// <summary>Those of a table; null where the answers are not known.</summary>
    internal AnswerDifferences? DifferencesOf(ResultGroup group) =>
        Differences.FirstOrDefault(d => (d.Task, d.Preset) == (group.Task, group.Preset));

    /// <summary>The median time of a training step of a result's model, of about as many parameters, in ms; null where it was not measured.</summary>
    public double? StepOf(ReproductionResult result) =>
        Steps
            .Where(report => report.Task == result.Task)
            .SelectMany(report => report.Results)
            .LastOrDefault(step =>
                step.Arch == result.Arch
                && Math.Abs(step.Parameters - result.Parameters) <= 0.1 * result.Parameters
            )
            ?.StepMs.Median;

    private static int PlaceOf(ResultGroup group)
    {
        int place = 0;
        foreach (Preset preset in Presets.All.Where(p => p.Task == group.Task))
        {
            if (preset.Name == group.Preset)
                return place;
            place++;
        }
        return int.MaxValue;
    }
}

/// <summary>Results that stand in one table.</summary>
/// <param name="Task">Their task.</param>
/// <param name="Preset">Their preset, or what they have in common instead.</param>
/// <param name="Results">The results.</param>
public sealed record ResultGroup(
    string Task,
    string Preset,
    IReadOnlyList<ReproductionResult> Results
)
{
    /// <summary>What all of them are told in; several of them with commas.</summary>
    public string Metric => string.Join(", ", Results.Select(r => r.Metric).Distinct());

    /// <summary>T, where it is the same for all of them; else null.</summary>
    public int? Length =>
        Results.Select(r => r.Length).Distinct().ToArray() is [{ } length] ? length : null;
}

/// <summary>Where results are from.</summary>
/// <param name="Date">When the run began; null where its report does not say.</param>
/// <param name="Version">Sequor's version and commit.</param>
/// <param name="Cpu">The processor.</param>
public sealed record BookSource(string? Date, string Version, string Cpu)
{
    /// <summary>Cores of the processor; null where its report does not say.</summary>
    public int? Cores { get; init; }

    /// <summary>The device's name; null where its report does not say.</summary>
    public string? Device { get; init; }

    /// <summary>Host threads that computed; null where its report does not say.</summary>
    public int? Threads { get; init; }

    /// <summary>All of it in a line.</summary>
    public override string ToString() =>
        string.Join(
            ", ",
            (
                (string?[])
                    [
                        Cpu,
                        Cores is { } cores ? Figures.Several(cores, "core") : null,
                        Device,
                        Threads is { } threads ? Figures.Several(threads, "thread") : null,
                        $"Sequor {Version}",
                        Date,
                    ]
            ).OfType<string>()
        );
}
