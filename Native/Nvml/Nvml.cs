namespace Sequor.Native;

/// <summary>NVML (nvml.h), which tells the state of GPUs.</summary>
/// <param name="library">The library.</param>
public sealed unsafe partial class Nvml(INativeSymbols library) : FunctionTable(library, Functions);
