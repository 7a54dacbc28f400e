namespace Sequor.Native;

/// <summary>NVRTC (nvrtc.h), which cuDNN compiles kernels with.</summary>
/// <param name="library">The library.</param>
public sealed unsafe partial class Nvrtc(INativeSymbols library)
    : FunctionTable(library, Functions);
