using System.CommandLine;
using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

namespace Sequor.Tool;

// What a checkpoint to resume says, and that options do not contradict it.
internal sealed partial class TrainOptions
{
    // All that its texts say is checked before any of it is obeyed or shown.
    private static (CheckpointInfo, TrainingSetup, int? Threads, string? Device) ReadCheckpoint(
        string path,
        Func<TaskEntry, TaskData?> load
    )
    {
        try
        {
            CheckpointInfo info = Checkpoint.ReadInfo(path);
            CheckpointTexts texts = CheckpointTexts.Of(path, info);
            var setup = TrainingSetup.FromMetadata(texts, load);
            return info.Position <= Limits.Steps
                ? (info, setup, texts.Threads, texts.Device)
                : throw new CheckpointException(
                    FormattableString.Invariant(
                        $"'{path}' has {Amount.Of(info.Position, "step")} behind it; allowed: at most {Limits.Steps}"
                    )
                );
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

    // Options may repeat what the checkpoint says, and no more.
    private void RequireSame(ParseResult result, TrainingSetup setup)
    {
        Dictionary<string, string> saved = setup.ToMetadata();
        PresetModel sizes = setup.Workload.Sizes;
        saved.TryAdd(
            "form",
            Architecture.Get(setup.Arch).Forms is [var usual, ..] ? usual : "none"
        );
        saved.TryAdd("bidirectional", "false");
        saved.TryAdd("states", sizes.States.ToString(CultureInfo.InvariantCulture));
        Check(_architecture, result.GetValue(_architecture));
        Check(_workload.Task, result.GetValue(_workload.Task));
        saved.TryAdd("vocabulary", "all");
        Check(_workload.Vocabulary, result.GetValue(_workload.Vocabulary));
        saved.TryAdd("carry", "false");
        Check(_carry, result.GetValue(_carry) ? "true" : null);
        saved.TryAdd("context", "0");
        Check(_context, result.GetValue(_context));
        Check(_workload.Length, result.GetValue(_workload.Length));
        Check(_workload.Batch, result.GetValue(_workload.Batch));
        Check(_workload.Hidden, result.GetValue(_workload.Hidden));
        Check(_workload.Layers, result.GetValue(_workload.Layers));
        Check(_workload.Form, result.GetValue(_workload.Form));
        Check(_workload.Bidirectional, result.GetValue(_workload.Bidirectional) ? "true" : null);
        Check(_workload.States, result.GetValue(_workload.States));
        Check(_optimizer, result.GetValue(_optimizer));
        Check(_rate, result.GetValue(_rate));
        float? clip = result.GetValue(_clip);
        Check(_clip, clip is float.PositiveInfinity ? "none" : clip);
        Check(_workload.Seed, result.GetValue(_workload.Seed));
        if (result.GetValue(_workload.Parameters) is null)
            return;
        Workload asked = _workload.Size(
            result,
            Architecture.Get(setup.Arch),
            setup.Workload.Task,
            setup.Batch
        );
        if (asked.Sizes != sizes)
        {
            throw new UsageException(
                Differs(
                    "--params",
                    $"{asked.Parameters} (width {asked.Width})",
                    $"{setup.Workload.Parameters} (width {setup.Hidden})"
                )
            );
        }

        void Check(Option option, object? given)
        {
            string text = Convert.ToString(given, CultureInfo.InvariantCulture) ?? "";
            string was = saved[option.Name.TrimStart('-')];
            if (text.Length > 0 && text != was)
                throw new UsageException(Differs(option.Name, text, was));
        }
    }

    private static string Differs(string option, string given, string saved) =>
        $"{option} is {given}, but the checkpoint to resume was made with {saved}; leave the option out or begin anew";
}
