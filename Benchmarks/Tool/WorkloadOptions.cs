using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The options that say what model runs on what task, shared by bench, profile and train.</summary>
internal sealed class WorkloadOptions
{
    public const int DefaultLength = 600;
    public const int DefaultBatch = 32;
    public const long DefaultParameters = 70_000;

    public Option<string?> Task { get; } =
        Options.Choice("--task", $"what to learn ({Tasks.Default})", Tasks.Names);

    public Option<long?> Length { get; } =
        Options.Whole(
            "--length",
            $"T: {string.Join(", ", Tasks.All.Select(t => t.LengthNote).OfType<string>().Prepend("steps of a sequence"))} (600); not for {string.Join(", ", Tasks.Names.Except(Tasks.StreamNames))}",
            "T",
            1,
            Limits.Length
        );

    public Option<string?> Data { get; } =
        Options.Text("--data", DataPaths.Describe(Tasks.All, folders: true), "PATH");

    public Option<long?> Vocabulary { get; } =
        Options.Whole(
            "--vocabulary",
            $"the most characters or words of {WithWindows}, of which rarer words are one (all)",
            "N",
            2,
            Embedding.MostClasses
        );

    // Lengths may be those of the data, which are read once.
    private (string Path, TaskData Data)? _loaded;

    public Option<long?> Batch { get; } =
        Options.Whole("--batch", "sequences a step (32)", "B", 1, Limits.Batch);

    public Option<long?> Parameters { get; } =
        Options.Whole(
            "--params",
            "parameters that each model comes nearest to, within 5% (70000)",
            "N",
            1,
            Budget.Largest
        );

    public Option<long?> Layers { get; } =
        Options.Whole(
            "--layers",
            string.Join(", ", Depths()),
            "N",
            1,
            Architecture.All.Max(a => a.MaxDepth)
        );

    public Option<long?> Hidden { get; } =
        Options.Whole(
            "--hidden",
            "hidden units or channels, instead of --params",
            "N",
            1,
            Limits.Width
        );

    public Option<string?> Form { get; } =
        Options.Text(
            "--form",
            $"the variant of a model: {FormNote} (its first)",
            "NAME",
            $"one of {FormNote}"
        );

    public Option<bool> Bidirectional { get; } =
        new("--bidirectional")
        {
            Description = $"also runs from each sequence's end: {With(ModelDetails.Bidirectional)}",
        };

    public Option<long?> States { get; } =
        Options.Whole(
            "--states",
            $"states of {With(ModelDetails.States)} (as is usual for the width)",
            "N",
            1,
            Limits.Width
        );

    public BackendOptionSet Backend { get; } = new();

    public Option<long?> Seed { get; } = Options.Seed();

    /// <summary>Those that say what model runs on what, and nothing of where.</summary>
    public IEnumerable<Option> Model =>
        [
            Task,
            Data,
            Vocabulary,
            Length,
            Batch,
            Parameters,
            Layers,
            Hidden,
            Form,
            Bidirectional,
            States,
        ];

    public void AddTo(Command command)
    {
        foreach (Option option in (Option[])[.. Model, .. Backend.All, Seed])
            command.Options.Add(option);
    }

    /// <summary>T, as the task counts it: what is asked for, or that of the longest sequence of the data.</summary>
    /// <exception cref="UsageException">One is asked for where the data decide it.</exception>
    public int LengthOf(ParseResult result)
    {
        TaskEntry task = TaskOf(result);
        long? length = result.GetValue(Length);
        if (task.IsStream)
            return (int)(length ?? DefaultLength);
        if (length is not null)
            throw NoLength(task, Length.Name);
        return CreateTask(task, DataOf(result, task), 0).Length;
    }

    /// <summary>What is said of a length where the data decide it.</summary>
    public static UsageException NoLength(TaskEntry task, string option) =>
        new(
            $"{option} is not for the task {task}, whose data decide how long sequences are; leave it out"
        );

    /// <summary>The task of a length; see <see cref="LengthOf"/>.</summary>
    public static SequenceTask CreateTask(
        TaskEntry task,
        TaskData? data,
        int length,
        string option = "--length"
    )
    {
        int asked = task.IsStream ? length : 0;
        if (task.IsStream && !task.Allows(length, data is null))
            throw new UsageException(
                $"{option} must be {task.Lengths(data is null)} for the task {task}, not {length}"
            );
        DataPaths.RequireFit(task, asked, data);
        return task.CreateStream(asked, data);
    }

    /// <summary>The task that is asked for.</summary>
    public TaskEntry TaskOf(ParseResult result) =>
        Tasks.Get(result.GetValue(Task) ?? Tasks.Default.Name);

    /// <summary>The data of a task; null where they are drawn.</summary>
    public TaskData? DataOf(ParseResult result, TaskEntry task)
    {
        int? vocabulary = (int?)result.GetValue(Vocabulary);
        if (vocabulary is not null)
            RequireWindows(task, Vocabulary.Name);
        return PathOf(result, task) is { } path
            ? DataPaths.Limit(task, Load(task, path), vocabulary)
            : null;
    }

    /// <summary>Whether a task has windows of a text.</summary>
    /// <exception cref="UsageException">It has none.</exception>
    public static void RequireWindows(TaskEntry task, string option)
    {
        if (!task.HasWindows)
            throw new UsageException(
                $"{option} is for texts, the tasks {WithWindows}, and not for {task}"
            );
    }

    /// <summary>The tasks that have windows of a text.</summary>
    public static string WithWindows =>
        string.Join(", ", Sequor.Workloads.Tasks.All.Where(task => task.HasWindows));

    /// <summary>The files of these data, which no result may overwrite.</summary>
    public IEnumerable<string> DataFilesOf(ParseResult result, TaskEntry task) =>
        PathOf(result, task) is { } path ? DataPaths.FilesOf(task, path) : [];

    /// <summary>The parameters asked for; null where models are sized by width.</summary>
    public long? BudgetOf(ParseResult result) =>
        result.GetValue(Hidden) is null ? result.GetValue(Parameters) ?? DefaultParameters : null;

    private string? PathOf(ParseResult result, TaskEntry task) =>
        DataPaths.Resolve([task], result.GetValue(Data), Tasks.All).Values.SingleOrDefault();

    private TaskData Load(TaskEntry task, string path)
    {
        if (_loaded is not { } loaded || loaded.Path != path)
            _loaded = loaded = (path, DataPaths.Load(task, path));
        return loaded.Data;
    }

    // As in "s4d: inv, lin; dss: softmax, exp".
    private static string FormNote =>
        string.Join(
            "; ",
            Architecture
                .All.Where(a => a.Forms.Count > 0)
                .Select(a => $"{a.Name}: {string.Join(", ", a.Forms)}")
        );

    private static string With(ModelDetails detail) =>
        string.Join(", ", Architecture.All.Where(a => a.Details.HasFlag(detail)));

    // As in "layers of rnn, lstm, gru (1)".
    private static IEnumerable<string> Depths() =>
        Architecture
            .All.GroupBy(a => (a.DepthName, a.DefaultDepth))
            .Select(g => $"{g.Key.DepthName}s of {string.Join(", ", g)} ({g.Key.DefaultDepth})");

    /// <summary>What is asked for of a model beside width and depth.</summary>
    /// <exception cref="UsageException">The architecture has it not.</exception>
    public ModelVariant VariantOf(ParseResult result, Architecture architecture)
    {
        var variant = new ModelVariant(
            result.GetValue(Form),
            result.GetValue(Bidirectional),
            (int?)result.GetValue(States)
        );
        return architecture.WhyNot(variant) is { } reason
            ? throw new UsageException($"--{architecture.Lacks(variant)}: {reason}")
            : variant;
    }

    /// <summary>A model of the size asked for: by width, or else by budget.</summary>
    /// <param name="result">The command line.</param>
    /// <param name="architecture">Of which architecture.</param>
    /// <param name="task">What it learns.</param>
    /// <param name="batch">Sequences a step.</param>
    /// <param name="width">A width that another option says; null for what --hidden or --params says.</param>
    /// <param name="widthOption">That option.</param>
    public Workload Size(
        ParseResult result,
        Architecture architecture,
        SequenceTask task,
        int batch,
        int? width = null,
        string widthOption = "--hidden"
    )
    {
        int? layers = (int?)result.GetValue(Layers);
        int depth = layers ?? architecture.DefaultDepth;
        if (depth > architecture.MaxDepth)
        {
            throw new UsageException(
                $"--layers must be 1 to {architecture.MaxDepth} for {architecture.Name}, not {depth}"
            );
        }
        ModelVariant variant = VariantOf(result, architecture);
        PresetModel least = architecture.Sized(architecture.WidthStep, depth, variant);
        if (architecture.WhyNot(TaskOf(result), least) is { } reason)
            throw new UsageException(
                $"{(variant.Bidirectional ? Bidirectional.Name : "--arch")}: {reason}"
            );
        if ((width ?? result.GetValue(Hidden)) is { } hidden)
        {
            if (result.GetValue(Parameters) is not null)
                throw new UsageException(
                    "--hidden and --params exclude each other; give one of them"
                );
            return Make(architecture.Sized((int)hidden, depth, variant), widthOption);
        }
        try
        {
            long budget = result.GetValue(Parameters) ?? DefaultParameters;
            return Make(Budget.Find(architecture, task, budget, layers, variant), "--params");
        }
        catch (BudgetException e)
        {
            throw new UsageException($"--params: {e.Message}");
        }
        catch (ArgumentException e)
        {
            throw TooLarge("--layers", e);
        }

        Workload Make(PresetModel sizes, string option)
        {
            try
            {
                return new Workload(architecture, task, batch, sizes);
            }
            catch (ArgumentException e)
            {
                throw TooLarge(option, e);
            }
        }

        // Without the name of an argument that is none of the command line's.
        UsageException TooLarge(string option, ArgumentException e) =>
            new($"{option}: {architecture.Name}: {e.Message.Split(" (Parameter")[0]}");
    }
}
