// A gate for CI: what a training step of one's own model is counted to do, beside what it did when the baseline was written. Counts are
// the same on every machine, so it needs no quiet one. Exit code 1 where one has grown.
//   dotnet run 12-gate.cs gates/model.txt --update       once, and again where a count is meant to change
//   dotnet run 12-gate.cs gates/model.txt                in CI; docs/ci/README.md of Sequor has the workflow
#:package Sequor.Workloads@*-*
using System.Globalization;
using Sequor.Layers;
using Sequor.Workloads;

if (args is not ([{ Length: > 0 }] or [{ Length: > 0 }, "--update"]))
{
    Console.Error.WriteLine("usage: dotnet run 12-gate.cs BASELINE [--update]");
    return 2;
}
SortedDictionary<string, long> now = Count();
try
{
    if (args.Length == 2)
    {
        File.WriteAllLines(args[0], now.Select(count => $"{count.Key} {count.Value}"));
        Console.WriteLine($"{args[0]} has {now.Count} counts; commit it");
        return 0;
    }
    return Compare(File.ReadAllLines(args[0]), now);
}
catch (FileNotFoundException)
{
    Console.Error.WriteLine($"There is no baseline {args[0]}; --update writes it.");
    return 1;
}
catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
{
    Console.Error.WriteLine(e.Message);
    return 1;
}

// Your model, in a step as you train it. Threads and the width of vectors are set, or machines would count differently.
static SortedDictionary<string, long> Count()
{
    using var backend = Backend.Create(
        Device.Cpu,
        new CpuOptions { Threads = 2, VectorBits = 256 }
    );
    using var model = new Sequential(
        new Lru(2, 32, 32, blocks: 2),
        new Mean(32),
        new Linear(32, 1)
    );
    var task = new AddingProblem(100);
    using Plan plan = model.Plan(backend, task.Length, maxBatch: 8, Mode.Training);
    using var loss = new MeanSquaredError(plan);
    using var adam = new Adam(plan, learningRate: 1e-3f) { MaxGradientNorm = 1f };
    var batch = new SequenceBatch(task, 8);
    Step(0);
    Step(1);

    // The runtime takes memory at times of its own, so the least of several steps counts.
    long managed = long.MaxValue;
    long native = backend.Memory.Allocations;
    for (int i = 2; i < 12; i++)
    {
        long before = GC.GetAllocatedBytesForCurrentThread();
        Step(i);
        managed = Math.Min(managed, GC.GetAllocatedBytesForCurrentThread() - before);
    }
    native = backend.Memory.Allocations - native;
    using Profile profile = Profile.Start(plan);
    using (profile.Step())
        Step(12);
    ProfiledStep step = profile.Read();
    return new SortedDictionary<string, long>(StringComparer.Ordinal)
    {
        ["parameters"] = model.ParameterCount,
        ["native_allocations"] = native,
        ["managed_bytes"] = managed,
        ["peak_bytes"] = backend.Memory.PeakBytes,
        ["operations"] = step.Operations.Count(row => row.Operation != ProfiledOperation.Between),
        ["flops"] = step.Operations.Sum(row => row.Flops ?? 0),
        ["bytes_moved"] = step.Operations.Sum(row => row.BytesMoved ?? 0),
    };

    void Step(int number)
    {
        batch.Load(task, number * 8L, 8);
        plan.Forward(batch.X, batch.Length, batch.Size);
        plan.Backward(loss.Compute(batch.Targets));
        adam.Step();
    }
}

static int Compare(string[] lines, SortedDictionary<string, long> now)
{
    var baseline = new Dictionary<string, long>();
    for (int i = 0; i < lines.Length; i++)
    {
        string[] words = lines[i].Split(' ');
        if (
            words.Length != 2
            || !long.TryParse(
                words[1],
                NumberStyles.None,
                CultureInfo.InvariantCulture,
                out long count
            )
        )
            throw new FormatException(
                $"Line {i + 1} of the baseline must be a name and a count, not '{lines[i]}'."
            );
        baseline[words[0]] = count;
    }
    int worse = 0;
    foreach ((string name, long count) in now)
    {
        string verdict =
            !baseline.TryGetValue(name, out long before)
                ? "is not in the baseline; --update adds it"
            : count > before ? $"was {before}: it has grown"
            : count < before ? $"was {before}: it is less; --update keeps it so"
            : "as before";
        Console.WriteLine($"{name} {count} {verdict}");
        worse += !baseline.ContainsKey(name) || count > before ? 1 : 0;
    }
    foreach (string gone in baseline.Keys.Except(now.Keys))
    {
        Console.WriteLine($"{gone} is in the baseline and is no longer counted");
        worse++;
    }
    return worse > 0 ? 1 : 0;
}
