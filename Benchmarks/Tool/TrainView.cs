using System.Diagnostics;
using Sequor.Layers;
using Sequor.Workloads;
using static Sequor.Workloads.Figures;

namespace Sequor.Tool;

/// <summary>How a training run looks to people.</summary>
internal sealed class TrainView(Screen screen, TrainJob job, Workload workload)
{
    private const int PlainLines = 20;

    // How much of the average of losses stays at a step.
    private const double Memory = 0.98;

    private readonly Stopwatch _clock = Stopwatch.StartNew();
    private double _sum;
    private double _weight;
    private long _first = -1;

    private static string Variant(TrainingSetup setup) =>
        setup.Variant.InWords is { } words ? $", {words}" : "";

    private static string Windows(TrainingSetup setup) =>
        setup.Carry ? ", states carried"
        : setup.Context > 0 ? Text($", context {setup.Context}")
        : "";

    public void Header(Machine machine, long step)
    {
        TrainingSetup s = job.Setup;
        BackendInfo here = job.Backend.Info;
        screen.Line(BenchView.MachineLine(machine));
        screen.Line($"device {here.Device}: {here.Description} ({here.Reason})");
        string clip = float.IsFinite(s.Clip) ? Text($"clip {s.Clip}") : "no clipping";
        screen.Line(
            Text(
                $"{workload.Task}; {s.Arch}, width {s.Hidden}, {Several(s.Layers, workload.Architecture.DepthName)}{Variant(s)}{Windows(s)}, {Several(workload.Parameters, "parameter")}; {s.Optimizer} {s.Lr}, {clip}, B={s.Batch}, seed {s.Seed}; {Several(job.Steps, "step")}"
            )
        );
        foreach (string line in ChoiceReport.Lines(job.Backend.Choices))
            screen.Line(line);
        if (job.Resume is not null)
            screen.Line(Text($"goes on after step {step} of {job.Resume}"));
        if (job.ResumeDevice is { } device && device != here.Device)
        {
            screen.Line(
                $"note: the checkpoint is of a run on {device}; on {here.Device} the results agree but for rounding"
            );
        }
        else if (job.ResumeThreads is { } threads && threads != here.Threads)
        {
            screen.Line(
                Text(
                    $"note: the checkpoint is of a run on {Several(threads, "thread")}; on {here.Threads} the results agree but for rounding"
                )
            );
        }
        screen.Line();
    }

    /// <param name="progress">Where it is shown between lines.</param>
    /// <param name="step">The step.</param>
    /// <param name="loss">Its loss.</param>
    /// <param name="done">Steps done by now, which may be more.</param>
    public void Step(ProgressLine progress, long step, float loss, long done)
    {
        if (_first < 0)
        {
            _first = done;
            _clock.Restart();
        }
        _sum = (Memory * _sum) + ((1 - Memory) * loss);
        _weight = (Memory * _weight) + (1 - Memory);
        progress.Show((double)step / job.Steps, () => Line(step, done));
        long every = Math.Max(1, job.Steps / PlainLines);
        if (!screen.KeepsLines || (step % every != 0 && step != job.Steps))
            return;
        progress.Clear();
        screen.Line(Line(step, done));
    }

    public void Evaluated(long step, double value) =>
        screen.Line(Text($"step {step}  held-out {workload.Task.Metric} {Number(value)}"));

    public void End(long step, Evaluation? final, bool saved, TimeSpan time)
    {
        string metric = workload.Task.Metric;
        if (final is { } found)
        {
            double value = found.Loss;
            TaskScore score = job.Setup.TaskEntry.Score;
            string told = score.Name == metric ? "" : $", {score} {Number(score.Of(found))}";
            string without = workload.Task.Baseline is { } baseline
                ? $" (without learning: {Number(baseline)})"
                : "";
            screen.Line(
                Text(
                    $"held-out {metric} {Number(value)}{told} after {Several(step, "step")}{without}; {Duration(time)}"
                )
            );
        }
        else
        {
            screen.Line(Text($"interrupted after step {step}; {Duration(time)}"));
        }
        if (!saved)
            return;
        if (job.Checkpoint is { } path)
        {
            screen.Line(
                final is null
                    ? $"saved to {path}; --resume {path} goes on from there"
                    : $"saved to {path}"
            );
        }
        else if (final is null)
        {
            screen.Line("nothing is saved: --checkpoint FILE would");
        }
    }

    private string Line(long step, long done)
    {
        double seconds = _clock.Elapsed.TotalSeconds;
        // The steps of the first reading are not in the time.
        double rate = done > _first && seconds > 0 ? (done - _first) / seconds : 0;
        string speed =
            rate > 0
                ? Text($"  {rate:0.0} steps/s  ")
                    + $"{Duration(TimeSpan.FromSeconds((job.Steps - done) / rate))} left"
                : "";
        return Text($"step {step}/{job.Steps}  loss {Number(_sum / _weight)}") + speed;
    }

    private static string Number(double value) =>
        value == 0 ? "0"
        : Math.Abs(value) is >= 1e-3 and < 1e4 ? Text($"{value:0.0000}")
        : Text($"{value:0.00e+0}");

    /// <summary>"1:02:03", "2:03" or "3.4 s".</summary>
    public static string Duration(TimeSpan time) =>
        time.TotalHours >= 1 ? Text($"{(int)time.TotalHours}:{time.Minutes:00}:{time.Seconds:00}")
        : time.TotalMinutes >= 1 ? Text($"{time.Minutes}:{time.Seconds:00}")
        : Text($"{time.TotalSeconds:0.0} s");
}
