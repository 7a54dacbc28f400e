namespace Sequor.FirstContact;

/// <summary>`bench` of all architectures, each variant twice, in turn.</summary>
internal sealed class BenchCheck : Check
{
    private const int Rounds = 2;

    public override string Name => "bench";

    public override string Proves =>
        "what a training step of each architecture takes, with graphs and without";

    public override TimeSpan Limit => TimeSpan.FromSeconds(150);

    public override CheckOutcome Run(CheckContext context)
    {
        string json = Path.Combine(context.Folder, FirstContactReport.BenchName);
        var best = new Dictionary<string, double>();
        // The first one warms the GPU up; what comes of it does not count.
        for (
            int round = context.IsVirtual ? 1 : 0;
            round <= (context.IsVirtual ? 1 : Rounds);
            round++
        )
        {
            foreach ((string name, string[] arguments) in BenchArguments.Variants)
            {
                FinishedProcess bench = context.Sequor(
                    BenchArguments.Of(arguments, context.IsVirtual, json)
                );
                if (bench.ExitCode != 0)
                    return CheckOutcome.Failed($"{name}: {bench.LastWords}");
                if (round == 0)
                    break;
                foreach (BenchReading reading in BenchReading.Read(json))
                {
                    string key = $"{reading.Arch}, {name}";
                    best[key] = Math.Min(
                        best.GetValueOrDefault(key, double.PositiveInfinity),
                        reading.Milliseconds
                    );
                }
            }
        }
        return CheckOutcome.Held([.. best.Select(b => new Figure(b.Key, b.Value, "ms"))]);
    }
}
