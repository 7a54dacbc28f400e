namespace Sequor.FirstContact;

/// <summary>compute-sanitizer over a step of the LRU and of the TCN, whose kernels are all this project's own.</summary>
internal sealed class SanitizerCheck : Check
{
    private const string Tool = "compute-sanitizer";

    public override string Name => "sanitizer";

    public override string Proves =>
        "compute-sanitizer finds no wrong access in steps of LRU and TCN";

    public override TimeSpan Limit => TimeSpan.FromSeconds(150);

    public override CheckOutcome Run(CheckContext context)
    {
        if (context.IsVirtual)
            return CheckOutcome.Skipped(
                $"{Tool} does not see the virtual GPU, which checks the same"
            );
        string? tool =
            context.Find(Tool)
            ?? new[] { "/usr/local/cuda/bin/" + Tool, "/opt/cuda/bin/" + Tool }.FirstOrDefault(
                File.Exists
            );
        if (tool is null)
            return CheckOutcome.Skipped($"{Tool} is not on PATH, nor in /usr/local/cuda/bin");
        foreach (string arch in (string[])["lru", "tcn"])
        {
            FinishedProcess run = OtherProcess.Run(
                tool,
                ["--error-exitcode", "7", Environment.ProcessPath!, "--probe", "step", arch]
            );
            if (run.ExitCode == 7)
                return CheckOutcome.Differed($"{arch}: {run.LastWords}");
            if (run.ExitCode != 0)
                return CheckOutcome.Failed($"{arch}: {run.LastWords}");
        }
        return CheckOutcome.Held();
    }
}
