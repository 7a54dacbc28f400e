namespace Sequor.Layers;

/// <summary>How the parameters of a recurrent network begin.</summary>
public enum RecurrentInitialization
{
    /// <summary>All uniform in ±1/sqrt(H), biases too, as in PyTorch.</summary>
    Uniform,

    /// <summary>
    /// Weights normal with a deviation of 1/sqrt(columns), so that W_hh is N(0, 1/H), which is Glorot and Bengio's (2010) for a square
    /// matrix, and its eigenvalues begin in the unit disk; biases 0. Orvieto et al. (2023), section 3.1, begin dense recurrences so.
    /// </summary>
    Normal,
}
