using System.Diagnostics;
using System.Globalization;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Replay;
using Sequor.Tool;
using Sequor.Workloads;

namespace Sequor.FirstContact;

/// <summary>What checks try in a process of its own, whose environment or tools are others.</summary>
internal static class Probes
{
    public static int Run(FirstContactOptions options)
    {
        using var context = new CheckContext(options.Virtual, "");
        string[] words = options.Probe;
        switch (words[0])
        {
            case "libraries":
                Console.Out.WriteLine(LibrariesCheck.Versions(context.Libraries));
                return 0;
            case "backend":
                var watch = Stopwatch.StartNew();
                using (context.CreateBackend())
                {
                    Console.Out.WriteLine(
                        watch.Elapsed.TotalSeconds.ToString("R", CultureInfo.InvariantCulture)
                    );
                }
                return 0;
            case "step":
                using (Backend backend = context.CreateBackend())
                using (
                    var step = new TrainingStep(
                        TinyWorkload.Of(Architecture.Get(words[1])),
                        backend,
                        seed: 1
                    )
                )
                {
                    step.Run();
                }
                return 0;
            case "sequor":
                _ = context.Libraries;
                return Cli.Run(words[1..]);
            default:
                throw new Replay.UsageException($"there is no probe {words[0]}");
        }
    }
}
