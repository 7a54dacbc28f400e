namespace Sequor.Native;

/// <summary>cuDNN 9 (cudnn.h).</summary>
/// <param name="library">The library.</param>
public sealed unsafe partial class CuDnn(INativeSymbols library)
    : FunctionTable(library, Functions);
