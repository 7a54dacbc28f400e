namespace Sequor.Native;

/// <summary>
/// Versions and flags of DLPack (dlpack.h), by which libraries hand each other tensors in place. It has no functions: the structs that
/// are handed over carry what is called.
/// </summary>
public static partial class DlPackConstants;
