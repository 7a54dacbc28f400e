using System.Text.Json;
using Sequor.Replay;

namespace Sequor.FirstContact;

/// <summary>All kernels leave what was recorded.</summary>
internal sealed class ReplayCheck : Check
{
    public override string Name => "kernels";

    public override string Proves => "recorded launches of every kernel leave the same bits";

    public override TimeSpan Limit => TimeSpan.FromSeconds(120);

    public override CheckOutcome Run(CheckContext context)
    {
        string json = Path.Combine(context.Folder, FirstContactReport.ReplayName);
        FinishedProcess replay = OtherProcess.Run(
            SisterProgram.Path("Sequor.Replay"),
            ["--json", json, .. context.IsVirtual ? new[] { "--virtual" } : []]
        );
        if (!File.Exists(json))
            return CheckOutcome.Failed(replay.LastWords);
        ReplayReport report = JsonSerializer.Deserialize(
            File.ReadAllBytes(json),
            ReplayJson.Default.ReplayReport
        )!;
        Figure[] figures =
        [
            new("kernels", report.Kernels.Length, ""),
            new("launches", report.Kernels.Sum(k => k.Launches), ""),
            new("compared", report.Kernels.Sum(k => k.ComparedBytes), "bytes"),
        ];
        KernelResult[] wrong = [.. report.Kernels.Where(k => !k.IsRight)];
        if (report.Reason is { } reason)
            return CheckOutcome.Failed(reason, figures);
        return wrong.Length == 0
            ? CheckOutcome.Held(figures)
            : CheckOutcome.Differed(
                $"{string.Join(", ", wrong.Select(k => $"{k.Name} ({k.Verdict})"))}: {wrong[0].Reason}",
                figures
            );
    }
}
