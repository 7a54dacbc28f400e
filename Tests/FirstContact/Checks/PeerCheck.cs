using System.Text.Json;

namespace Sequor.FirstContact;

/// <summary>A training step beside PyTorch's, in turn, where Python has it.</summary>
internal sealed class PeerCheck : Check
{
    private const int Rounds = 2;

    public override string Name => "peers";

    public override string Proves => "a training step beside PyTorch's, both in true float32";

    public override TimeSpan Limit => TimeSpan.FromSeconds(150);

    public override CheckOutcome Run(CheckContext context)
    {
        if (context.IsVirtual)
            return CheckOutcome.Skipped("PyTorch does not run on the virtual GPU");
        if (OtherProcess.Find("python3") is not { } python)
            return CheckOutcome.Skipped("there is no python3 on PATH");
        string script = Path.Combine(AppContext.BaseDirectory, "torch_peer.py");
        if (!File.Exists(script))
            return CheckOutcome.Skipped($"there is no {script}");
        FinishedProcess torch = OtherProcess.Run(
            python,
            ["-c", "import torch; print(torch.__version__, torch.cuda.is_available())"]
        );
        if (torch.ExitCode != 0 || !torch.Output.Contains("True", StringComparison.Ordinal))
            return CheckOutcome.Skipped($"PyTorch sees no GPU: {torch.LastWords}");
        string json = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}.json");
        var ours = new Dictionary<string, double>();
        var theirs = new Dictionary<string, double>();
        try
        {
            for (int round = 0; round < Rounds; round++)
            {
                FinishedProcess bench = context.Sequor(
                    BenchArguments.Of(["--graph", "off"], false, json)
                );
                if (bench.ExitCode != 0)
                    return CheckOutcome.Failed(bench.LastWords);
                foreach (BenchReading reading in BenchReading.Read(json))
                {
                    Keep(ours, reading.Arch, reading.Milliseconds);
                    if (Peer(python, script, reading) is { } milliseconds)
                        Keep(theirs, reading.Arch, milliseconds);
                }
            }
        }
        finally
        {
            File.Delete(json);
        }
        return theirs.Count == 0
            ? CheckOutcome.Failed("no step of PyTorch's ran; the log says why")
            : CheckOutcome.Held([
                .. theirs.Keys.SelectMany(arch =>
                    new[]
                    {
                        new Figure($"{arch}, ours without graphs", ours[arch], "ms"),
                        new Figure($"{arch}, PyTorch eager", theirs[arch], "ms"),
                        new Figure($"{arch}, ratio", ours[arch] / theirs[arch], ""),
                    }
                ),
            ]);
    }

    private static double? Peer(string python, string script, BenchReading reading)
    {
        FinishedProcess peer = OtherProcess.Run(
            python,
            [
                script,
                "--arch",
                reading.Arch,
                "--hidden",
                $"{reading.Hidden}",
                "--layers",
                $"{reading.Layers}",
                "--length",
                $"{reading.Length}",
                "--batch",
                $"{reading.Batch}",
                "--device",
                "cuda",
                "--steps",
                "30",
                "--warmup",
                "30",
                "--warmup-seconds",
                "0.6",
            ]
        );
        if (peer.ExitCode != 0)
            return null;
        using JsonDocument result = JsonDocument.Parse(peer.Output);
        return result.RootElement.GetProperty("step_ms").GetDouble();
    }

    private static void Keep(Dictionary<string, double> best, string arch, double value) =>
        best[arch] = Math.Min(best.GetValueOrDefault(arch, double.PositiveInfinity), value);
}
