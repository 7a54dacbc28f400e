using System.Diagnostics;
using System.Text.Json;

namespace Sequor.FirstContact;

/// <summary>A training step beside PyTorch's, eager, as a CUDA graph and compiled, in turn, where Python has it.</summary>
internal sealed class PeerCheck : Check
{
    // What is begun later may be ended by the limit.
    private static readonly TimeSpan LastStart = TimeSpan.FromSeconds(150);

    public override string Name => "peers";

    public override string Proves => "a training step beside PyTorch's, both in true float32";

    public override TimeSpan Limit => TimeSpan.FromSeconds(200);

    public override CheckOutcome Run(CheckContext context)
    {
        if (context.IsVirtual)
            return CheckOutcome.Skipped("PyTorch does not run on the virtual GPU");
        if (context.Find("python3") is not { } python)
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
        var clock = Stopwatch.StartNew();
        try
        {
            return new PeerRuns(
                graph =>
                {
                    FinishedProcess bench = context.Sequor(
                        BenchArguments.Of(
                            BenchArguments.Variant(tuned: true, graph),
                            isVirtual: false,
                            json
                        )
                    );
                    return bench.ExitCode == 0 ? BenchReading.Read(json) : [];
                },
                (mode, reading) => Peer(python, script, mode, reading),
                () => clock.Elapsed < LastStart
            ).Run();
        }
        finally
        {
            File.Delete(json);
        }
    }

    private static PeerStep? Peer(string python, string script, string mode, BenchReading reading)
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
                "--mode",
                mode,
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
        return new PeerStep(
            result.RootElement.GetProperty("step_ms").GetDouble(),
            result.RootElement.GetProperty("tf32").GetBoolean()
        );
    }
}
