namespace Sequor.Layers;

/// <summary>What a simple recurrent network applies to the sum of its products.</summary>
public enum RnnActivation
{
    /// <summary>The hyperbolic tangent: Elman (1990).</summary>
    Tanh,

    /// <summary>max(x, 0).</summary>
    Relu,

    /// <summary>
    /// Nothing: a linear dense recurrence, as in Orvieto et al. (2023), section 3.1. Neither PyTorch nor cuDNN has it; on CUDA it runs on
    /// kernels of Sequor's own.
    /// </summary>
    Linear,
}
