namespace Sequor.Layers;

/// <summary>cuBLAS's mode for products of float32 numbers.</summary>
public enum ProductMath
{
    /// <summary>Float32, by whichever kernel cuBLAS takes: CUBLAS_DEFAULT_MATH.</summary>
    Default,

    /// <summary>Float32, with a prescribed order of operations: CUBLAS_PEDANTIC_MATH.</summary>
    Pedantic,

    /// <summary>Factors rounded to TF32; only where <see cref="FloatMath.Tf32"/> is asked for: CUBLAS_TF32_TENSOR_OP_MATH.</summary>
    Tf32,
}
