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

    /// <summary>
    /// As <see cref="Normal"/>, and where an eigenvalue of W_hh is beyond the unit circle, W_hh is divided by its spectral radius. With a
    /// hundred units, nine draws of ten have such an eigenvalue, in the median of 1.05, and a linear recurrence, which nothing else
    /// bounds, overflows over some hundred steps: Bar et al. (2025), arXiv 2505.19827, who scale by the distribution of that radius; here
    /// it is computed. For an <see cref="Rnn"/> only: the matrices of gates are no recurrence by themselves.
    /// </summary>
    NormalWithinCircle,
}
