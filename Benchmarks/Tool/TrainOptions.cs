using System.CommandLine;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>The options of train, and the setup that they and a checkpoint to resume make together.</summary>
internal sealed partial class TrainOptions
{
    public const int DefaultSteps = 2000;
    private const int DefaultCheckpointEvery = 500;
    private const int MostLogged = 100_000;
    private const float DefaultRate = 2e-3f;
    private const float DefaultClip = 1f;

    private readonly WorkloadOptions _workload = new();

    private readonly Option<string?> _architecture = Options.Choice(
        "--arch",
        "what to train (needed, but when resuming)",
        Architecture.Names
    );

    private readonly Option<long?> _steps = Options.Whole(
        "--steps",
        "steps in all, those before a resumption included (2000)",
        "N",
        1,
        Limits.Steps
    );

    private readonly Option<string?> _optimizer = Options.Choice(
        "--optimizer",
        $"{string.Join("; ", Optimizers.All.Select(o => o.Note).OfType<string>().Prepend("rule of the updates"))} ({Optimizers.Default})",
        Optimizers.Names
    );

    private readonly Option<float?> _rate = Options.Number("--lr", "learning rate (0.002)");

    private readonly Option<float?> _clip = Options.Number(
        "--clip",
        "largest norm of all gradients together, or none (1)",
        none: true
    );

    private readonly Option<bool> _carry = new("--carry")
    {
        Description =
            $"goes through the text in its order and carries states from window to window: {WorkloadOptions.WithWindows}",
    };

    private readonly Option<long?> _context = Options.Whole(
        "--context",
        $"outputs at the beginning of each window that do not count, since the model saw little before them: {WorkloadOptions.WithWindows} (0)",
        "N",
        0,
        Limits.Length
    );

    private readonly Option<string?> _checkpoint = Options.Text(
        "--checkpoint",
        "saves here at the end, on Ctrl-C and on the way",
        "FILE"
    );

    private readonly Option<long?> _checkpointEvery = Options.Whole(
        "--checkpoint-every",
        "steps between checkpoints (500)",
        "N",
        1,
        Limits.Steps
    );

    private readonly Option<long?> _keep = Options.Kept();

    private readonly Option<string?> _resume = Options.Text(
        "--resume",
        "goes on from a checkpoint, which says what is trained and how",
        "FILE"
    );

    private readonly Option<long?> _evaluateEvery = Options.Whole(
        "--eval-every",
        "steps between evaluations on the held-out set (at the end only)",
        "N",
        1,
        Limits.Steps
    );

    private readonly Option<long?> _logEvery = Options.Whole(
        "--log-every",
        "most steps whose losses are read together; once a second they are read anyway (100)",
        "N",
        1,
        MostLogged
    );

    private readonly Option<string?> _json = Options.Json();

    public void AddTo(Command command)
    {
        command.Options.Add(_architecture);
        _workload.AddTo(command);
        foreach (
            Option option in (Option[])
                [
                    _steps,
                    _optimizer,
                    _rate,
                    _clip,
                    _carry,
                    _context,
                    _checkpoint,
                    _checkpointEvery,
                    _keep,
                    _resume,
                    _evaluateEvery,
                    _logEvery,
                    _json,
                ]
        )
            command.Options.Add(option);
    }

    /// <summary>What a command line asks for; files that it names have been tried.</summary>
    public TrainJob Read(ParseResult result)
    {
        string? checkpoint = result.GetValue(_checkpoint);
        if (checkpoint is null && result.GetValue(_checkpointEvery) is not null)
            throw new UsageException("--checkpoint-every needs --checkpoint FILE");
        if (checkpoint is null && result.GetValue(_keep) is not null)
            throw new UsageException("--keep needs --checkpoint FILE");
        OutputFile? file = OutputFile.ForCheckpoint(_checkpoint.Name, checkpoint);
        // Before anything is read of a checkpoint that a run which is about to end may save once more.
        CheckpointLock? held = checkpoint is null ? null : Checkpoints.Take(checkpoint);
        try
        {
            return Read(result, checkpoint, file, held);
        }
        catch
        {
            held?.Dispose();
            throw;
        }
    }

    private TrainJob Read(
        ParseResult result,
        string? checkpoint,
        OutputFile? checkpointFile,
        CheckpointLock? held
    )
    {
        string? resume = result.GetValue(_resume);
        TrainingSetup setup;
        int? threads = null;
        string? device = null;
        if (resume is null)
        {
            setup = FromOptions(result);
        }
        else
        {
            (CheckpointInfo info, setup, threads, device) = ReadCheckpoint(
                resume,
                entry => _workload.DataOf(result, entry)
            );
            RequireSame(result, setup);
            if (info.Position > (result.GetValue(_steps) ?? DefaultSteps))
            {
                throw new UsageException(
                    $"--steps must be at least {info.Position}, the steps that the checkpoint to resume has behind it"
                );
            }
        }
        OutputFile? json = OutputFile.For(_json.Name, result.GetValue(_json));
        OutputFile.RequireApart(json, checkpointFile);
        OutputFile.RequireApartFrom(_resume.Name, resume, json);
        if (setup.Data is not null)
        {
            foreach (string data in DataPaths.FilesOf(Tasks.Get(setup.Task), setup.Data.Path))
                OutputFile.RequireApartFrom(_workload.Data.Name, data, json, checkpointFile);
        }
        // The bits depend on the threads: a run goes on with as many.
        Backend backend = _workload.Backend.Create(result, threads);
        try
        {
            Measurement.RequireMemory([setup.Workload], backend);
            return new TrainJob
            {
                Setup = setup,
                Backend = backend,
                ResumeDevice = device,
                ResumeThreads = threads,
                Steps = result.GetValue(_steps) ?? DefaultSteps,
                Resume = resume,
                Checkpoint = checkpoint,
                CheckpointEvery = result.GetValue(_checkpointEvery) ?? DefaultCheckpointEvery,
                Keep = (int)(result.GetValue(_keep) ?? Checkpoints.DefaultKept),
                EvaluateEvery = result.GetValue(_evaluateEvery),
                LogEvery = (int)(result.GetValue(_logEvery) ?? TrainingOptions.DefaultLogEvery),
                Json = json,
                CheckpointFile = checkpointFile,
                Lock = held,
            };
        }
        catch
        {
            backend.Dispose();
            throw;
        }
    }

    private TrainingSetup FromOptions(ParseResult result)
    {
        string arch =
            result.GetValue(_architecture)
            ?? throw new UsageException(
                $"--arch is needed: {string.Join(", ", Architecture.Names)}; or --resume FILE"
            );
        TaskEntry entry = _workload.TaskOf(result);
        TaskData? data = _workload.DataOf(result, entry);
        if (result.GetValue(_carry))
            WorkloadOptions.RequireWindows(entry, _carry.Name);
        int length = _workload.LengthOf(result);
        int context = ContextOf(result, entry, length);
        int batch = (int)(result.GetValue(_workload.Batch) ?? WorkloadOptions.DefaultBatch);
        SequenceTask task = WorkloadOptions.CreateTask(entry, data, length);
        Workload workload = _workload.Size(result, Architecture.Get(arch), task, batch);
        return new TrainingSetup
        {
            Arch = arch,
            Task = entry.Name,
            Data = data,
            Vocabulary = (int?)result.GetValue(_workload.Vocabulary),
            Carry = result.GetValue(_carry),
            Context = context,
            Length = length,
            Batch = batch,
            Hidden = workload.Width,
            Layers = workload.Depth,
            Variant = workload.Variant,
            Optimizer = result.GetValue(_optimizer) ?? Optimizers.Default.Name,
            Lr = result.GetValue(_rate) ?? DefaultRate,
            Clip = result.GetValue(_clip) ?? DefaultClip,
            Seed = (ulong)(result.GetValue(_workload.Seed) ?? 1),
        };
    }

    private int ContextOf(ParseResult result, TaskEntry task, int length)
    {
        if (result.GetValue(_context) is not { } context)
            return 0;
        WorkloadOptions.RequireWindows(task, _context.Name);
        if (context >= length)
            throw new UsageException(
                $"{_context.Name} must be below the {Amount.Of(length, "step")} of a window, not {context}"
            );
        return context > 0 && result.GetValue(_carry)
            ? throw new UsageException(
                $"{_context.Name} and {_carry.Name} exclude each other: states that are carried have seen what was before; give one of them"
            )
            : (int)context;
    }
}
