using System.CommandLine;
using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The options of reproduce, and the runs that they come to.</summary>
internal sealed class ReproduceOptions
{
    private const string All = "all";
    private const int DefaultSaveEvery = 30;
    private const int MostSeeds = 1000;
    private const float LongestBudget = 1_000_000;
    private const int SecondsOfDay = 24 * 60 * 60;

    // A file that has no name of its own is named for its task alone.
    private static IReadOnlyList<string> AllTasks =>
        [.. Tasks.Unnamed.Select(t => t.Name).Intersect(Presets.TaskNames)];

    private static IEnumerable<string> PresetNames => Presets.All.Select(p => p.Name).Distinct();

    private static string Choice
    {
        get
        {
            string names = string.Join(", ", Presets.TaskNames);
            string without = string.Join(", ", Presets.TaskNames.Except(AllTasks));
            return $"{names}, or all" + (without.Length > 0 ? $" without {without}" : "");
        }
    }

    private readonly Option<string[]?> _tasks = Options.Choices(
        "--task",
        $"what to learn (needed): {Choice}",
        [.. Presets.TaskNames, All]
    );

    private readonly Option<string[]?> _architectures = Options.Choices(
        "--arch",
        $"what to train (all): {string.Join(", ", Presets.ArchNames)}",
        [.. Presets.ArchNames, All]
    );

    private readonly Option<string[]?> _presets = Options.Choices(
        "--preset",
        $"the models' size: {string.Join(", ", PresetNames)}, or all (each task's and model's first; with --total-budget all)",
        [.. PresetNames, All]
    );

    private readonly Option<string?> _data = Options.Text(
        "--data",
        DataPaths.Describe([.. Presets.TaskNames.Select(Tasks.Get)], folders: true),
        "PATH"
    );

    private readonly Option<float?> _budget = Options.Number(
        "--budget",
        "minutes of training and validation for each run, of one model with one seed; time before an interruption counts (no limit)"
    );

    private readonly Option<TimeSpan?> _totalBudget = Options.Time(
        "--total-budget",
        "time of all runs together, as 8h, 90m or 30s: the shortest come first, what is over in --checkpoint FOLDER is not run again, and what there was no time for is told"
    );

    private readonly Option<long?> _seeds = Options.Whole(
        "--seeds",
        "runs of each model, with seeds from --seed on (1)",
        "N",
        1,
        MostSeeds
    );

    private readonly Option<long?> _seed = Options.Seed();

    private readonly Option<string?> _checkpoint = Options.Text(
        "--checkpoint",
        "saves each run in a file here, and goes on from those that are here already",
        "FOLDER"
    );

    private readonly Option<long?> _checkpointEvery = Options.Whole(
        "--checkpoint-every",
        "seconds of training between two savings; Ctrl-C saves as well (30)",
        "SECONDS",
        0,
        SecondsOfDay
    );

    private readonly Option<long?> _keep = Options.Kept();

    private readonly BackendOptionSet _backend = new();

    private readonly Option<string?> _json = Options.Json();

    private readonly Option<string?> _html = Options.Html();

    public void AddTo(Command command)
    {
        _budget.HelpName = "MINUTES";
        foreach (
            Option option in (Option[])
                [
                    _tasks,
                    _architectures,
                    _presets,
                    _data,
                    _budget,
                    _totalBudget,
                    _seeds,
                    _seed,
                    _checkpoint,
                    _checkpointEvery,
                    _keep,
                    .. _backend.All,
                    _json,
                    _html,
                ]
        )
            command.Options.Add(option);
    }

    /// <summary>What a command line asks for. Wrong usage is told before anything is read or made.</summary>
    public ReproduceJob Read(ParseResult result)
    {
        TimeSpan? total = result.GetValue(_totalBudget);
        IReadOnlyList<Preset> presets = ReadPresets(result, total is not null);
        TimeSpan? budget = ReadBudget(result);
        string? checkpoint = result.GetValue(_checkpoint);
        if (checkpoint is null && result.GetValue(_checkpointEvery) is not null)
            throw new UsageException("--checkpoint-every needs --checkpoint FOLDER");
        if (checkpoint is null && result.GetValue(_keep) is not null)
            throw new UsageException("--keep needs --checkpoint FOLDER");
        int seeds = (int)(result.GetValue(_seeds) ?? 1);
        ulong first = (ulong)(result.GetValue(_seed) ?? 1);
        TaskEntry[] tasks = [.. presets.Select(p => p.TaskEntry).Distinct()];
        // Where all tasks share some time, those whose data are not here are told with what there was no time for.
        IReadOnlyDictionary<TaskEntry, string> missing =
            total is not null && Words(result, _tasks).Contains(All)
                ? DataPaths.Missing(tasks, result.GetValue(_data))
                : new Dictionary<TaskEntry, string>();
        if (missing.Count < tasks.Length)
            tasks = [.. tasks.Except(missing.Keys)];
        LeftRun[] left =
        [
            .. presets
                .Where(p => !tasks.Contains(p.TaskEntry))
                .SelectMany(p =>
                    Enumerable
                        .Range(0, seeds)
                        .Select(i => new LeftRun(
                            p.Task,
                            p.Arch,
                            p.Name,
                            first + (ulong)i,
                            missing[p.TaskEntry],
                            Seconds: null,
                            Measured: false
                        ))
                ),
        ];
        presets = [.. presets.Where(p => tasks.Contains(p.TaskEntry))];
        Dictionary<string, string> files = DataPaths.Resolve(
            tasks,
            result.GetValue(_data),
            [.. Presets.TaskNames.Select(Tasks.Get)]
        );

        BackendInfo device;
        using (Backend backend = _backend.Create(result))
            device = backend.Info;
        OutputFile? jsonFile = OutputFile.For("--json", result.GetValue(_json));
        OutputFile? htmlFile = OutputFile.For("--html", result.GetValue(_html));
        OutputFile.RequireApart(jsonFile, htmlFile);
        foreach ((string task, string path) in files)
        {
            foreach (string file in DataPaths.FilesOf(Tasks.Get(task), path))
                OutputFile.RequireApartFrom(_data.Name, file, jsonFile, htmlFile);
        }
        Dictionary<string, TaskData> data = files.ToDictionary(
            pair => pair.Key,
            pair => DataPaths.Load(Tasks.Get(pair.Key), pair.Value)
        );
        foreach (Preset preset in presets)
            DataPaths.RequireFit(
                preset.TaskEntry,
                preset.Length,
                data.GetValueOrDefault(preset.Task),
                preset.Windows
            );
        MakeFolder(checkpoint);
        var runs = new List<ReproduceRun>();
        List<OutputFile?> outputs = [jsonFile, htmlFile];
        try
        {
            foreach (Preset preset in presets)
            {
                for (int i = 0; i < seeds; i++)
                {
                    TaskData? its = data.GetValueOrDefault(preset.Task);
                    runs.Add(Prepare(preset, its, first + (ulong)i, checkpoint, outputs));
                }
            }
            OutputFile.RequireApart(outputs);
        }
        catch
        {
            runs.ForEach(run => run.Lock?.Dispose());
            throw;
        }
        return new ReproduceJob
        {
            Runs = runs,
            Seeds = seeds,
            Budget = budget,
            TotalBudget = total,
            Left = left,
            Checkpoint = checkpoint,
            SaveEvery = TimeSpan.FromSeconds(result.GetValue(_checkpointEvery) ?? DefaultSaveEvery),
            Keep = (int)(result.GetValue(_keep) ?? Checkpoints.DefaultKept),
            Device = device,
            Threads = (int?)result.GetValue(_backend.Threads),
            // The bits depend on the threads: a run goes on with as many.
            CreateBackend = run => _backend.Create(result, run.SavedThreads),
            Json = jsonFile,
            Html = htmlFile,
        };
    }

    private IReadOnlyList<Preset> ReadPresets(ParseResult result, bool every)
    {
        string[] tasks = Words(result, _tasks);
        if (tasks.Length == 0)
            throw new UsageException($"--task is needed: {Choice}");
        string[] archs = Words(result, _architectures);
        string[] names = Words(result, _presets);
        bool allTasks = tasks.Contains(All);
        var choice = new PresetChoice(
            allTasks ? AllTasks : tasks,
            allTasks,
            archs.Contains(All) ? [] : archs,
            names.Contains(All) ? [] : names,
            names.Contains(All) || (every && names.Length == 0)
        );
        try
        {
            return choice.Find();
        }
        catch (PresetException e)
        {
            throw new UsageException($"--preset: {e.Message}");
        }
    }

    // Without the option this is an empty array.
    private static string[] Words(ParseResult result, Option<string[]?> option) =>
        result.GetValue(option) ?? [];

    private TimeSpan? ReadBudget(ParseResult result)
    {
        if (result.GetValue(_budget) is not { } minutes)
            return null;
        return minutes <= LongestBudget
            ? TimeSpan.FromMinutes(minutes)
            : throw new UsageException($"--budget must be at most {LongestBudget:0} minutes");
    }

    // Another run's checkpoint is refused before the first run, and not when its turn has come.
    private static ReproduceRun Prepare(
        Preset preset,
        TaskData? data,
        ulong seed,
        string? folder,
        List<OutputFile?> outputs
    )
    {
        if (folder is null)
            return new ReproduceRun(preset, data, seed, null, null, null, null);
        string file = string.Create(
            CultureInfo.InvariantCulture,
            $"{preset.Task}-{preset.Arch}-{preset.Name}-seed{seed}.safetensors"
        );
        string path = Path.Combine(folder, file);
        outputs.Add(OutputFile.ForCheckpoint("--checkpoint", path));
        CheckpointLock held = Checkpoints.Take(path);
        try
        {
            CheckpointInfo? saved = File.Exists(path)
                ? Reproduction.ReadCheckpoint(path, preset, data, seed)
                : null;
            int? threads = saved is null ? null : CheckpointTexts.Of(path, saved).Threads;
            return new ReproduceRun(preset, data, seed, path, saved, threads, held);
        }
        catch (Exception e)
            when (e is CheckpointException or IOException or UnauthorizedAccessException)
        {
            held.Dispose();
            throw new FailureException($"--checkpoint: {e.Message}", e);
        }
    }

    private static void MakeFolder(string? folder)
    {
        if (folder is null)
            return;
        try
        {
            Directory.CreateDirectory(folder);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new FailureException(
                $"--checkpoint: '{folder}' cannot be made a folder: {e.Message}",
                e
            );
        }
    }
}
