namespace Sequor.Layers;

/// <summary>How <see cref="Branches"/> join their outputs.</summary>
public enum BranchJoin
{
    /// <summary>The outputs are added; all have the same number of channels.</summary>
    Add,

    /// <summary>The outputs are concatenated along the channels, in the order of the branches.</summary>
    Concatenate,
}
