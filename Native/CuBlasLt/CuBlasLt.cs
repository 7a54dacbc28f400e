namespace Sequor.Native;

/// <summary>cuBLASLt 12 and 13 (cublasLt.h): matrix products whose algorithm is chosen beforehand, and what can follow them at once.</summary>
/// <param name="library">The library.</param>
public sealed unsafe partial class CuBlasLt(INativeSymbols library)
    : FunctionTable(library, Functions);
