using System.Diagnostics;
using System.Text.Json;

namespace Sequor.FirstContact;

/// <summary>
/// A training step beside PyTorch's, eager, as a CUDA graph and compiled, and the LRU's beside JAX's, in turn, where Python has them.
/// </summary>
internal sealed class PeerCheck : Check
{
    // What is begun later may be ended by the limit.
    private static readonly TimeSpan LastStart = TimeSpan.FromSeconds(150);

    public override string Name => "peers";

    public override string Proves =>
        "a training step beside PyTorch's and JAX's, all in true float32";

    public override TimeSpan Limit => TimeSpan.FromSeconds(200);

    public override CheckOutcome Run(CheckContext context)
    {
        if (context.IsVirtual)
            return CheckOutcome.Skipped("PyTorch and JAX do not run on the virtual GPU");
        if (context.Find("python3") is not { } python)
            return CheckOutcome.Skipped("there is no python3 on PATH");
        string json = Path.Combine(Path.GetTempPath(), $"sequor-{Guid.NewGuid():N}.json");
        var clock = Stopwatch.StartNew();
        var found = PythonPeer.All.Select(p => (Peer: p, Missing: p.Missing(python))).ToList();
        string[] missing = [.. found.Select(f => f.Missing).OfType<string>()];
        if (missing.Length == found.Count)
            return CheckOutcome.Skipped(string.Join("; ", missing));
        // What compiles for long comes last, so that the others have their turn.
        PeerMode[] modes =
        [
            .. found
                .Where(f => f.Missing is null)
                .SelectMany(f => f.Peer.Modes)
                .OrderBy(m => m.Name == "compiled"),
        ];
        try
        {
            return new PeerRuns(
                modes,
                missing,
                mode =>
                {
                    string[] only = mode.Only is { } arch ? ["--arch", arch] : [];
                    FinishedProcess bench = context.Sequor(
                        BenchArguments.Of(
                            [.. BenchArguments.Variant(tuned: true, mode.Graph), .. only],
                            isVirtual: false,
                            json
                        )
                    );
                    return bench.ExitCode == 0 ? BenchReading.Read(json) : [];
                },
                (mode, reading) => Step(python, mode, reading),
                () => clock.Elapsed < LastStart
            ).Run();
        }
        finally
        {
            File.Delete(json);
        }
    }

    private static PeerStep? Step(string python, PeerMode mode, BenchReading reading)
    {
        string[] way = mode.Script == "torch_peer.py" ? ["--mode", mode.Name] : [];
        FinishedProcess peer = OtherProcess.Run(
            python,
            [
                PythonPeer.PathOf(mode.Script),
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
                .. way,
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
