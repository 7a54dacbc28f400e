namespace Sequor.Native;

/// <summary>
/// NVTX 3 (nvToolsExt.h), by which a program tells a profiler what it does. It has no library: the functions are the tool's own, which
/// <see cref="NvtxInjection"/> loads. What a tool does not listen to is <see cref="FunctionTable.Missing"/>.
/// </summary>
/// <param name="tool">The tool.</param>
public sealed unsafe partial class Nvtx(INativeSymbols tool) : FunctionTable(tool, Functions);
