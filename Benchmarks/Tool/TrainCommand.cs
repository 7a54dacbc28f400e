using System.CommandLine;
using System.Diagnostics;
using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

/// <summary>sequor train: trains one architecture on a task.</summary>
internal static class TrainCommand
{
    private static readonly TimeSpan ReadEvery = TimeSpan.FromSeconds(1);

    public static Command Create()
    {
        var options = new TrainOptions();
        var command = new Command(
            "train",
            "Trains one architecture on a task and evaluates it on held-out sequences."
        );
        options.AddTo(command);
        command.SetAction(result =>
        {
            using var stop = new StopSignal();
            using TrainJob job = options.Read(result);
            return Run(job, new Screen(job.Json), stop);
        });
        return command;
    }

    private static int Run(TrainJob job, Screen screen, StopSignal stop)
    {
        DateTimeOffset begin = DateTimeOffset.UtcNow;
        Workload workload = job.Setup.Workload;
        using Sequential model = workload.CreateModel();
        TrainingSets sets = job.Setup.CreateSets();
        TaskScore score = job.Setup.TaskEntry.Score;
        using Trainer trainer = CreateTrainer(job, model, sets);
        if (job.Resume is { } resume)
            Load(trainer, resume);
        Machine machine = Machine.Read(job.Backend.Info);
        var view = new TrainView(screen, job, workload);
        stop.Hold();
        view.Header(machine, trainer.Step);

        var clock = Stopwatch.StartNew();
        long resumedAt = trainer.Step;
        var losses = new LossHistory();
        var heldOut = new List<double[]>();
        Evaluation? final = null;
        Exception? failure = null;
        using var progress = new ProgressLine(screen);
        CheckpointSaver? saver = Saver(trainer, job, progress);
        using GpuWatch? watch = GpuWatch.Of(job.Backend, new MeasurementOptions());
        var steps = new QueuedSteps();
        watch?.Begin();
        // Reading waits for the device: many steps at once, but as often as people look.
        var unread = Stopwatch.StartNew();
        trainer.LossRead = (step, loss) =>
        {
            steps.End();
            losses.Add(step, loss);
            view.Step(progress, step, loss, trainer.Step);
            unread.Restart();
        };
        Action train = () =>
        {
            steps.Begin();
            if (trainer.TrainStep() is { Valid: { } valid })
                Evaluated(valid);
        };
        Action read = trainer.ReadLosses;
        try
        {
            while (trainer.Step < job.Steps && !stop.IsRequested)
            {
                Diverging(train, job, saver);
                if (unread.Elapsed >= ReadEvery)
                    Diverging(read, job, saver);
                if (trainer.Step % job.CheckpointEvery == 0 || saver?.IsDueAgain == true)
                    Save(trainer, job, saver);
                if (
                    trainer.Step % job.EvaluateEvery == 0
                    && trainer.Step < job.Steps
                    && !IsEvaluated()
                )
                    Evaluated(Evaluate(trainer, sets, false, job, saver).Loss);
            }
            Diverging(read, job, saver);
            progress.Clear();
            Save(trainer, job, saver);
            if (trainer.Step == job.Steps)
                final = Evaluate(trainer, sets, score.CountsAnswers, job, saver);
            if (final is { } last && !IsEvaluated())
                heldOut.Add([trainer.Step, last.Loss]);
            // Where it failed before, the evaluation has given it some time.
            bool saved = Save(trainer, job, saver);
            view.End(trainer.Step, final, saved, clock.Elapsed);
            if (!saved)
            {
                throw new FailureException(
                    $"--checkpoint: {CheckpointSaver.Reason(saver!.Failure!)}; the state after step {trainer.Step} is lost; {Kept(job, saver)}",
                    saver.Failure
                );
            }
        }
        catch (Exception e)
        {
            failure = e;
        }
        watch?.End();
        var conditions = GpuConditionsReport.Of(watch?.Conditions(steps.Windows));
        progress.Clear();
        foreach (
            string line in GpuConditionsView.Lines([
                (job.Setup.Arch, (int)Math.Min(steps.Count, int.MaxValue), conditions),
            ])
        )
            screen.Line(line);
        bool interrupted = stop.IsRequested && trainer.Step < job.Steps;
        ResultFiles.Write(failure, (job.Json, () => ReportWriter.ToUtf8(Report())));
        return interrupted ? stop.Code : ExitCode.Success;

        // At the end of an epoch the trainer evaluates by itself.
        void Evaluated(double value)
        {
            heldOut.Add([trainer.Step, value]);
            progress.Clear();
            view.Evaluated(trainer.Step, value);
        }

        bool IsEvaluated() => heldOut.Count > 0 && heldOut[^1][0] == trainer.Step;

        TrainReport Report() =>
            Describe(job, workload, machine, begin) with
            {
                Status =
                    interrupted && failure is null
                        ? RunStatus.Interrupted
                        : Failures.StatusOf(failure),
                Reason = failure is null ? null : Failures.Describe(failure),
                // Those after a step that diverged count for nothing.
                Steps = (failure?.InnerException as DivergedException)?.Step ?? trainer.Step,
                ResumedAt = resumedAt,
                TrainLoss = losses.ToArrays(),
                HeldOut = heldOut,
                Final = final?.Loss,
                FinalScore = final is { } end ? score.Of(end) : null,
                Interrupted = interrupted,
                GraphNodes = trainer.Graph.Nodes,
                EagerReason = trainer.Graph.EagerReason,
                Fallbacks = trainer.Plan.Fallbacks.Count > 0 ? trainer.Plan.Fallbacks : null,
                Choices = ChoiceReport.Of(job.Backend.Choices),
                GpuConditions = conditions,
                Seconds = Math.Round(clock.Elapsed.TotalSeconds, 3),
            };
    }

    private static Trainer CreateTrainer(TrainJob job, Layer model, TrainingSets sets)
    {
        try
        {
            return job.Setup.CreateTrainer(model, sets, job.Backend, job.LogEvery);
        }
        catch (NotSupportedException e) when (job.Setup.Carry)
        {
            throw new UsageException(
                $"--carry: {job.Setup.Arch}: {e.Message.TrimEnd('.')}; --context N is for models that carry nothing"
            );
        }
    }

    // What is known before the first step.
    private static TrainReport Describe(
        TrainJob job,
        Workload workload,
        Machine machine,
        DateTimeOffset begin
    ) =>
        new()
        {
            Machine = machine,
            Date = ReportWriter.Date(begin),
            Gpu = GpuReport.Of(job.Backend.Info),
            Device = job.Backend.Info.Device,
            Threads = job.Backend.Info.Threads,
            Task = job.Setup.Task,
            Arch = job.Setup.Arch,
            Length = job.Setup.Length,
            Carry = job.Setup.Carry ? true : null,
            Context = job.Setup.Context > 0 ? job.Setup.Context : null,
            Batch = job.Setup.Batch,
            Hidden = job.Setup.Hidden,
            Layers = job.Setup.Layers,
            Variant = job.Setup.Variant.InWords,
            Parameters = workload.Parameters,
            Optimizer = job.Setup.Optimizer,
            Lr = job.Setup.Lr,
            Clip = float.IsFinite(job.Setup.Clip) ? job.Setup.Clip : null,
            StepsAsked = job.Steps,
            Seed = job.Setup.Seed,
            Metric = workload.Task.Metric,
            Score = job.Setup.TaskEntry.Score.Name,
        };

    private static Evaluation Evaluate(
        Trainer trainer,
        TrainingSets sets,
        bool answers,
        TrainJob job,
        CheckpointSaver? saver
    )
    {
        Evaluation value = default;
        Diverging(() => value = trainer.Assess(sets.HeldOut, answers), job, saver);
        return double.IsFinite(value.Loss)
            ? value
            : throw Diverged(
                $"after step {trainer.Step} the loss on the held-out set is {value.Loss}",
                job,
                saver
            );
    }

    private static void Load(Trainer trainer, string path)
    {
        try
        {
            trainer.Resume(path);
        }
        catch (Exception e)
            when (e
                    is CheckpointException
                        or SafetensorsException
                        or IOException
                        or UnauthorizedAccessException
            )
        {
            throw new FailureException($"--resume: {e.Message}", e);
        }
    }

    private static void Diverging(Action train, TrainJob job, CheckpointSaver? saver)
    {
        try
        {
            train();
        }
        catch (DivergedException e)
        {
            throw Diverged(e.Message, job, saver, e);
        }
    }

    private static CheckpointSaver? Saver(Trainer trainer, TrainJob job, ProgressLine progress)
    {
        if (job.Checkpoint is not { } path)
            return null;
        var saver = new CheckpointSaver(
            () => trainer.Save(path, job.Metadata(), job.Keep),
            text => Checkpoints.Tell("train", progress, text)
        );
        if (job.Resume == path)
            saver.Resumed(trainer.Step);
        return saver;
    }

    /// <summary>Whether all that there was to save is saved.</summary>
    private static bool Save(Trainer trainer, TrainJob job, CheckpointSaver? saver)
    {
        if (saver is null || saver.SavedAt == trainer.Step)
            return true;
        Diverging(trainer.ReadLosses, job, saver);
        // A checkpoint must be one to go on from: parameters that an update has broken are not saved over good ones.
        if (trainer.Plan.FirstNonFinite() is { } broken)
            throw Diverged($"after step {trainer.Step} not finite: {broken}", job, saver);
        try
        {
            return saver.TrySave(trainer.Step);
        }
        catch (DivergedException e)
        {
            throw Diverged($"after step {trainer.Step} {e.Message}", job, saver, e);
        }
    }

    private static TrainingDivergedException Diverged(
        string how,
        TrainJob job,
        CheckpointSaver? saver,
        Exception? inner = null
    ) => new($"training diverged: {how}; {Kept(job, saver)}", inner);

    private static string Kept(TrainJob job, CheckpointSaver? saver) =>
        saver is { SavedAt: >= 0 }
            ? $"the checkpoint of step {saver.SavedAt} is in {job.Checkpoint}"
            : "no checkpoint had been saved";
}
