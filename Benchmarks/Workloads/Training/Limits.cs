namespace Sequor.Workloads;

/// <summary>What options and the texts of checkpoints may say at most.</summary>
public static class Limits
{
    /// <summary>T of a task.</summary>
    public const int Length = 100_000_000;

    /// <summary>Sequences a step.</summary>
    public const int Batch = 1_000_000;

    /// <summary>Hidden units or channels.</summary>
    public const int Width = 1_000_000;

    /// <summary>Steps of a training run.</summary>
    public const int Steps = 1_000_000_000;

    /// <summary>Threads of the CPU.</summary>
    public const int Threads = 1024;
}
