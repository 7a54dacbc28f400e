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
        bool decays = training.Optimizer == "adamw";
        Require(
            decays ? training.Decay >= 0 && float.IsFinite(training.Decay) : training.Decay == 0,
            place,
            "decay",
            training.Decay,
            decays ? "at least 0" : "left out but for adamw"
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
            Presets.TaskNames.Contains(preset.Task),
            place,
            "task",
            preset.Task,
            string.Join(", ", Presets.TaskNames)
        );
        Require(
            Presets.ArchNames.Contains(preset.Arch),
            place,
            "arch",
            preset.Arch,
            string.Join(", ", Presets.ArchNames)
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
        Require(
            preset.Arch == "lru" || preset.Training.RecurrenceRate is null,
            place,
            "recurrence_rate",
            preset.Training.RecurrenceRate,
            "left out but for an lru"
        );
        if (preset.IsMusic)
        {
            Require(preset.Length == 0, place, "length", preset.Length, "left out for music");
            Require(
                preset.Training.Sequences == 0,
                place,
                "sequences",
                preset.Training.Sequences,
                "left out for music"
            );
        }
        else
        {
            Require(preset.Length >= 2, place, "length", preset.Length, "at least 2");
            Require(
                preset.Training.Sequences >= 1,
                place,
                "sequences",
                preset.Training.Sequences,
                "at least 1 for a task that is drawn"
            );
        }
        CheckModel(preset, place, tolerance);
    }

    private static void CheckModel(Preset preset, string place, double tolerance)
    {
        PresetModel model = preset.Model;
        if (model is null)
            throw new PresetException($"{place}: model is null");
        bool tcn = preset.Arch == "tcn";
        bool lru = preset.Arch == "lru";
        Require(model.Hidden >= 1, place, "hidden", model.Hidden, "at least 1");
        Require(model.Depth is >= 1 and <= 30, place, "depth", model.Depth, "1 to 30");
        Require(
            tcn ? model.Kernel >= 1 : model.Kernel == 0,
            place,
            "kernel",
            model.Kernel,
            tcn ? "at least 1" : "left out but for a tcn"
        );
        Require(
            lru ? model.States >= 1 : model.States == 0,
            place,
            "states",
            model.States,
            lru ? "at least 1" : "left out but for an lru"
        );
        Require(
            lru || model is { MinRadius: null, MaxRadius: null },
            place,
            "min_radius and max_radius",
            model.MinRadius ?? model.MaxRadius,
            "left out but for an lru"
        );
        Require(
            lru || !model.SharedDropout,
            place,
            "shared_dropout",
            model.SharedDropout,
            "left out but for an lru"
        );
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
