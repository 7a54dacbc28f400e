namespace Sequor.Layers;

/// <summary>What <see cref="Branches"/> make of their outputs.</summary>
public enum BranchJoin
{
    /// <summary>Their sum: all have as many channels.</summary>
    Add,

    /// <summary>The channels of one after those of the other.</summary>
    Concatenate,
}
