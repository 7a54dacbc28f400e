namespace Sequor.Native;

/// <summary>cuBLAS 12 and 13 (cublas_v2.h).</summary>
/// <param name="library">The library.</param>
public sealed unsafe partial class CuBlas(INativeSymbols library)
    : FunctionTable(library, Functions);
