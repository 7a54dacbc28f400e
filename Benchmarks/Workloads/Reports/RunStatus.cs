namespace Sequor.Workloads;

/// <summary>How a run ended that a report is of.</summary>
public static class RunStatus
{
    /// <summary>All that was asked for is done.</summary>
    public const string Finished = "finished";

    /// <summary>A signal ended it.</summary>
    public const string Interrupted = "interrupted";

    /// <summary>A loss, a gradient or a parameter was no finite number any more.</summary>
    public const string Diverged = "diverged";

    /// <summary>Something else went wrong.</summary>
    public const string Failed = "failed";
}
