namespace Sequor.VirtualGpu;

/// <summary>Bytes that an allocation has from elsewhere: from another process, or from another API.</summary>
internal abstract unsafe class ForeignBytes
{
    /// <summary>Whether they are there still.</summary>
    public abstract bool IsAlive { get; }

    /// <summary>Why they are not.</summary>
    public abstract string Gone { get; }

    /// <summary>Where they are.</summary>
    public abstract byte* Data { get; }

    /// <summary>Which of them were written.</summary>
    public abstract InitialisedWords Words { get; }

    /// <summary>The allocation that has them is freed.</summary>
    public virtual void Release() { }
}
