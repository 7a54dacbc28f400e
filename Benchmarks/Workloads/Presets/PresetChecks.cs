using System.Diagnostics.CodeAnalysis;
using System.Globalization;
using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>What must hold for a preset, beside its form.</summary>
internal static class PresetChecks
{
    public static void Check([NotNull] PresetTraining? training, string place)
    {
        if (training is null)
            throw new PresetException($"{place} is null");
        Require(
            Optimizers.Names.Contains(training.Optimizer),
            place,
            "optimizer",
            training.Optimizer,
            string.Join(", ", Optimizers.Names)
        );
        Require(
            training.Rate > 0 && float.IsFinite(training.Rate),
            place,
            "rate",
            training.Rate,
            "above 0"
        );
        Require(training.Batch >= 1, place, "batch", training.Batch, "at least 1");
        Require(training.Epochs >= 1, place, "epochs", training.Epochs, "at least 1");
        Require(training.Clip is null or > 0, place, "clip", training.Clip, "above 0");
        Require(training.Patience >= 0, place, "patience", training.Patience, "at least 0");
        Require(training.Sequences >= 0, place, "sequences", training.Sequences, "at least 0");
        bool decays = Optimizers.Get(training.Optimizer).Decay is not null;
        Require(
            decays ? training.Decay >= 0 && float.IsFinite(training.Decay) : training.Decay == 0,
            place,
            "decay",
            training.Decay,
            decays ? "at least 0" : LeftOut(Optimizers.All.Where(o => o.Decay is not null))
        );
        Require(
            training.RecurrenceRate is null
                || (training.RecurrenceRate >= 0 && float.IsFinite(training.RecurrenceRate.Value)),
            place,
            "recurrence_rate",
            training.RecurrenceRate,
            "at least 0, or left out"
        );
        Require(
            training.Warmup is null or (>= 0 and <= 1),
            place,
            "warmup",
            training.Warmup,
            "0 to 1, a fraction of all steps, or left out"
        );
        if (training.Drop is { } drop)
        {
            Require(
                training.Warmup is null,
                place,
                "warmup",
                training.Warmup,
                "left out with drop"
            );
            Require(drop.Every >= 1, place, "drop.every", drop.Every, "at least 1");
            Require(
                drop.Factor is > 0 and < 1,
                place,
                "drop.factor",
                drop.Factor,
                "above 0 and below 1"
            );
        }
        if (training.Plateau is not { } plateau)
            return;
        Require(
            plateau.Factor is > 0 and < 1,
            place,
            "plateau.factor",
            plateau.Factor,
            "above 0 and below 1"
        );
        Require(plateau.Window >= 1, place, "plateau.window", plateau.Window, "at least 1");
        Require(plateau.After >= 0, place, "plateau.after", plateau.After, "at least 0");
    }

    public static void Check(Preset preset, string place, double tolerance)
    {
        Require(
            Tasks.Find(preset.Task) is not null,
            place,
            "task",
            preset.Task,
            string.Join(", ", Tasks.All)
        );
        Require(
            Architecture.Find(preset.Arch) is not null,
            place,
            "arch",
            preset.Arch,
            string.Join(", ", Architecture.Names)
        );
        Require(preset.Name?.Length > 0, place, "preset", preset.Name, "a name");
        Require(preset.Budget >= 1, place, "budget", preset.Budget, "at least 1");
        Require(
            preset.Paper is null || (preset.Paper > 0 && double.IsFinite(preset.Paper.Value)),
            place,
            "paper",
            preset.Paper,
            "above 0, or left out"
        );
        CheckData(preset, place);
        CheckModel(preset, place, tolerance);
    }

    private static void CheckData(Preset preset, string place)
    {
        TaskEntry task = preset.TaskEntry;
        Require(
            task.IsStream ? task.Allows(preset.Length, task.IsDrawn) : preset.Length == 0,
            place,
            "length",
            preset.Length,
            task.IsStream ? task.Lengths(task.IsDrawn) : LeftOut(Tasks.All.Where(t => t.IsStream))
        );
        CheckWindows(preset, place);
        int sequences = preset.Training.Sequences;
        Require(
            task.IsDrawn ? sequences >= 1 : sequences == 0,
            place,
            "sequences",
            sequences,
            task.IsDrawn
                ? "at least 1 for a task that is drawn"
                : "left out for a task whose data come from a file"
        );
    }

    private static void CheckWindows(Preset preset, string place)
    {
        bool has = preset.TaskEntry.HasWindows;
        Require(
            has == preset.Windows is not null,
            place,
            "windows",
            preset.Windows,
            has ? "vocabulary, context, carry" : LeftOut(Tasks.All.Where(t => t.HasWindows))
        );
        Require(
            preset.Model is null or { Embedding: >= 0 },
            place,
            "embedding",
            preset.Model?.Embedding,
            "at least 1, or left out"
        );
        if (preset.Windows is not { } windows)
        {
            Require(
                preset.Model is null or { Embedding: 0, EmbeddingDropout: 0 },
                place,
                "embedding and embedding_dropout",
                preset.Model?.Embedding,
                LeftOut(Tasks.All.Where(t => t.HasWindows))
            );
            return;
        }
        Require(
            windows.Vocabulary is >= 2 and <= Embedding.MostClasses,
            place,
            "windows.vocabulary",
            windows.Vocabulary,
            FormattableString.Invariant($"2 to {Embedding.MostClasses}")
        );
        Require(
            windows.Context >= 0 && windows.Context < preset.Length,
            place,
            "windows.context",
            windows.Context,
            "at least 0, below the length"
        );
        Require(
            !windows.Carry || windows.Context == 0,
            place,
            "windows.context",
            windows.Context,
            "0 where states are carried"
        );
    }

    private static void CheckModel(Preset preset, string place, double tolerance)
    {
        PresetModel model = preset.Model;
        if (model is null)
            throw new PresetException($"{place}: model is null");
        Architecture architecture = Architecture.Get(preset.Arch);
        Require(model.Hidden >= 1, place, "hidden", model.Hidden, "at least 1");
        Require(
            model.Depth >= 1 && model.Depth <= architecture.MaxDepth,
            place,
            "depth",
            model.Depth,
            FormattableString.Invariant($"1 to {architecture.MaxDepth}")
        );
        RequireSize(ModelDetails.Kernel, "kernel", model.Kernel);
        RequireSize(ModelDetails.States, "states", model.States);
        RequireSize(ModelDetails.Blocks, "blocks", model.Blocks);
        Require(
            model.Form is null || architecture.Forms.Contains(model.Form),
            place,
            "form",
            model.Form,
            architecture.Forms.Count > 0
                ? string.Join(", ", architecture.Forms)
                : LeftOut(Architecture.All.Where(a => a.Forms.Count > 0))
        );
        RequireOnly(ModelDetails.Bidirectional, "bidirectional", model.Bidirectional ? true : null);
        RequireOnly(
            ModelDetails.Ring,
            "min_radius and max_radius",
            model.MinRadius ?? model.MaxRadius
        );
        RequireOnly(
            ModelDetails.SharedDropout,
            "shared_dropout",
            model.SharedDropout ? true : null
        );
        RequireOnly(ModelDetails.States, "recurrence_rate", preset.Training.RecurrenceRate);
        if (architecture.WhyNot(preset.TaskEntry, model) is { } reason)
            throw new PresetException($"{place}: {reason}");
        long count;
        try
        {
            using Sequential built = preset.CreateModel();
            count = built.ParameterCount;
        }
        catch (Exception e) when (e is ArgumentException or OverflowException)
        {
            throw new PresetException($"{place}: {e.Message}", e);
        }
        if (Math.Abs(count - preset.Budget) > tolerance * preset.Budget)
            throw new PresetException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{place}: the model has {Amount.Of(count, "parameter")}, which is not within {100 * tolerance}% of {preset.Budget}"
                )
            );

        void RequireSize(ModelDetails detail, string name, int value)
        {
            bool has = architecture.Details.HasFlag(detail);
            Require(
                has ? value >= 1 : value == 0,
                place,
                name,
                value,
                has ? "at least 1" : LeftOut(Having(detail))
            );
        }

        void RequireOnly(ModelDetails detail, string name, object? value) =>
            Require(
                value is null || architecture.Details.HasFlag(detail),
                place,
                name,
                value,
                LeftOut(Having(detail))
            );
    }

    private static IEnumerable<Architecture> Having(ModelDetails detail) =>
        Architecture.All.Where(a => a.Details.HasFlag(detail));

    private static string LeftOut(IEnumerable<IEntry> but)
    {
        string[] names = [.. but.Select(entry => entry.Name)];
        return names.Length > 0 ? $"left out but for {string.Join(", ", names)}" : "left out";
    }

    private static void Require(
        bool right,
        string place,
        string name,
        object? value,
        string allowed
    )
    {
        if (!right)
            throw new PresetException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{place}: {name} is {value ?? "null"}; allowed: {allowed}"
                )
            );
    }
}
