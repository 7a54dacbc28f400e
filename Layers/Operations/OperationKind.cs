namespace Sequor.Layers;

/// <summary>What a plan, a loss or an optimizer is going to do, as far as a backend has to load something for it.</summary>
internal enum OperationKind
{
    /// <summary>Matrix products, and rows that are added to them.</summary>
    Products,

    /// <summary>Operations on single values.</summary>
    Pointwise,

    /// <summary>Sums of columns.</summary>
    Sums,

    /// <summary>Copies of columns.</summary>
    Columns,

    /// <summary>Packing, and pooling over time.</summary>
    Sequences,

    /// <summary>Random numbers.</summary>
    Random,

    /// <summary>Weight norms.</summary>
    WeightNorm,

    /// <summary>An LRU's eigenvalues and matrices.</summary>
    LruParametrization,

    /// <summary>The eigenvalues and matrices of other diagonal recurrences.</summary>
    DiagonalParametrization,
    /// <summary>A state space's eigenvalues and outputs.</summary>
    StateSpaceParametrization,

    /// <summary>Losses, and weights of their rows.</summary>
    Loss,

    /// <summary>Norms of gradients, and updates.</summary>
    Update,
}
