using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A cuBLASLt handle: for the context that was current when it was made.</summary>
internal sealed class LtHandle(VirtualContext context) : IContextObject
{
    public const string Kind = "cuBLASLt handle";

    public VirtualContext Context => context;

    /// <summary>Whether a product has run, which loads the kernels.</summary>
    public bool Loaded { get; set; }
}

/// <summary>A product's descriptor; what a call is given is what it holds at the time.</summary>
internal sealed class LtDescriptor(cublasComputeType_t compute, cudaDataType scale)
{
    public const string Kind = "cuBLASLt product descriptor";

    public cublasComputeType_t Compute => compute;
    public cudaDataType Scale => scale;
    public cublasOperation_t TransA { get; set; }
    public cublasOperation_t TransB { get; set; }
    public cublasLtEpilogue_t Epilogue { get; set; } = cublasLtEpilogue_t.CUBLASLT_EPILOGUE_DEFAULT;
    public nint Bias { get; set; }
}

/// <summary>A column-major matrix's layout.</summary>
internal sealed record LtLayout(cudaDataType Type, int Rows, int Columns, int Leading)
{
    public const string Kind = "cuBLASLt layout";
}

/// <summary>What algorithms may be proposed.</summary>
internal sealed class LtPreference
{
    public const string Kind = "cuBLASLt preference";

    // CUBLASLT_REDUCTION_SCHEME_MASK
    private const uint AllSchemes = 7;

    private const uint UsualAlignment = 256;

    public ulong MostWorkspaceBytes { get; set; }
    public uint Schemes { get; set; } = AllSchemes;

    /// <summary>Of A, B, C and D.</summary>
    public uint[] Alignments { get; } =
    [UsualAlignment, UsualAlignment, UsualAlignment, UsualAlignment];
}
