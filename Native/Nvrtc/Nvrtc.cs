namespace Sequor.Native;

/// <summary>NVRTC (nvrtc.h), with which cuDNN compiles kernels.</summary>
/// <param name="library">The library.</param>
public sealed unsafe partial class Nvrtc(INativeSymbols library)
    : FunctionTable(library, Functions);
