using System.Globalization;

namespace Sequor.FirstContact;

/// <summary>The backend starts: once with an empty cache of the driver's, so that all kernels are compiled, and once again.</summary>
internal sealed class BackendCheck : Check
{
    public override string Name => "backend";

    public override string Proves => "the driver compiles and loads every kernel, and caches them";

    public override TimeSpan Limit => TimeSpan.FromSeconds(90);

    public override CheckOutcome Run(CheckContext context)
    {
        string cache = Directory.CreateTempSubdirectory("sequor-cache").FullName;
        try
        {
            var figures = new List<Figure>();
            foreach (string name in (string[])["cold", "warm"])
            {
                FinishedProcess made = context.Probe(
                    ["backend"],
                    false,
                    ("CUDA_CACHE_PATH", cache)
                );
                if (made.ExitCode != 0)
                    return CheckOutcome.Failed($"{name}: {made.LastWords}", [.. figures]);
                figures.Add(
                    new Figure(
                        name,
                        double.Parse(made.Output.Trim(), CultureInfo.InvariantCulture),
                        "s"
                    )
                );
            }
            figures.Add(
                new Figure(
                    "cache",
                    new DirectoryInfo(cache)
                        .EnumerateFiles("*", SearchOption.AllDirectories)
                        .Sum(f => f.Length),
                    "bytes"
                )
            );
            return CheckOutcome.Held([.. figures]);
        }
        finally
        {
            Directory.Delete(cache, recursive: true);
        }
    }
}
