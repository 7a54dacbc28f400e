using System.Text.Json.Nodes;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tool;
using Sequor.VirtualGpu;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.Counts;

/// <summary>
/// A command of which the gate counts: threads, width of vectors, arithmetic and shape are said, so that every machine
/// counts the same.
/// </summary>
/// <param name="File">The name of its baseline.</param>
/// <param name="Verb">The command.</param>
/// <param name="Options">Its options, without the architectures.</param>
/// <param name="IsOnGpu">Whether a virtual GPU has to stand in for the machine's.</param>
internal sealed record GateMeasurement(string File, string Verb, string Options, bool IsOnGpu)
{
    private const string Shape = "--length 40 --batch 6 --hidden 12";

    // Steps are replayed as a graph from the third on.
    private const string Steps = "--warmup 4 --steps 3";

    private const int MostRuns = 4;

    /// <summary>All of them.</summary>
    public static IReadOnlyList<GateMeasurement> All { get; } =
    [
        new(
            "cpu.json",
            "bench",
            $"--device cpu --threads 2 --vector-bits 256 {Shape} {Steps}",
            false
        ),
        new(
            "virtual-gpu.json",
            "bench",
            $"--device cuda --math fp32 --graph on --autotune off --self-check off {Shape} {Steps}",
            true
        ),
        new("counts.json", "counts", $"--gpu h200 --math fp32 {Shape}", false),
    ];

    /// <summary>Where its baseline lies.</summary>
    public string PathIn(string folder) => Path.Combine(folder, File);

    /// <summary>The command line for people.</summary>
    public string Line(IReadOnlyList<string> architectures) =>
        $"./build.sh {string.Join(' ', Words(architectures))}";

    /// <summary>Runs it in this process, and gives what is counted.</summary>
    /// <param name="architectures">Names of the architectures.</param>
    /// <exception cref="FailureException">The command failed.</exception>
    public byte[] Run(IReadOnlyList<string> architectures)
    {
        JsonObject counted = RunOnce(architectures);
        // The runtime allocates at times of its own, a step at each run.
        for (int run = 1; run < MostRuns && CountBaseline.HasManaged(counted); run++)
            CountBaseline.TakeLeast(counted, RunOnce(architectures));
        return CountBaseline.ToUtf8(counted);
    }

    private JsonObject RunOnce(IReadOnlyList<string> architectures)
    {
        string json = Path.GetTempFileName();
        (TextWriter output, TextWriter error) = (Console.Out, Console.Error);
        using var told = new StringWriter();
        try
        {
            Console.SetOut(TextWriter.Null);
            Console.SetError(told);
            int code = WithDevice(() =>
                Cli.Run(
                    [.. Words(architectures), "--json", json],
                    Verb == "counts" ? CountsCommand.CreateRoot : null
                )
            );
            return code == 0
                ? CountBaseline.Of(System.IO.File.ReadAllBytes(json))
                : throw new FailureException($"{Line(architectures)} failed: {told}");
        }
        finally
        {
            Console.SetOut(output);
            Console.SetError(error);
            System.IO.File.Delete(json);
        }
    }

    private string[] Words(IReadOnlyList<string> architectures) =>
        [Verb, "--arch", string.Join(',', architectures), .. Options.Split(' ')];

    private int WithDevice(Func<int> run)
    {
        if (!IsOnGpu)
            return run();
        using var device = VirtualDevice.Start(
            new VirtualOptions
            {
                // No block then waits for another, and nothing depends on which is faster.
                Kernels = new PtxEngine { Configure = launch => launch with { BlocksAtOnce = 1 } },
            }
        );
        int code;
        using (
            CudaLibraries.StandIn(
                CudaLibraries.From(
                    device.Symbols(LibraryKind.CudaDriver),
                    device.Symbols(LibraryKind.CuDnn),
                    device.Symbols(LibraryKind.CuBlas),
                    cuBlasLt: device.Symbols(LibraryKind.CuBlasLt)
                )
            )
        )
            code = run();
        device.AssertClean();
        return code;
    }
}
