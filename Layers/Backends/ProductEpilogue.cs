namespace Sequor.Layers;

/// <summary>How a GPU adds the bias of a <see cref="Linear"/> layer, or of one within a block, and sums up its gradient.</summary>
public enum ProductEpilogue
{
    /// <summary>By a launch of a kernel of Sequor's behind cuBLAS's product, or beside it.</summary>
    Kernels,

    /// <summary>Within the product, by cuBLASLt: CUBLASLT_EPILOGUE_BIAS and CUBLASLT_EPILOGUE_BGRADB.</summary>
    Library,
}
