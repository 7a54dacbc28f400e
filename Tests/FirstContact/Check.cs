namespace Sequor.FirstContact;

/// <summary>Something that is tried on a GPU, in a process of its own.</summary>
internal abstract class Check
{
    /// <summary>A word for tables and options.</summary>
    public abstract string Name { get; }

    /// <summary>What is known where it holds.</summary>
    public abstract string Proves { get; }

    /// <summary>When its process is ended.</summary>
    public abstract TimeSpan Limit { get; }

    /// <summary>Whether the processes that it starts find the GPU, so that it opens none itself.</summary>
    public virtual bool IsOfOtherProcesses => false;

    /// <summary>Tries it. What is thrown is a failure.</summary>
    public abstract CheckOutcome Run(CheckContext context);
}
