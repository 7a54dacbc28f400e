namespace Sequor.Native;

/// <summary>A function's name in the header, and the symbol that the header's macros make of it.</summary>
public readonly record struct FunctionName(string Name, string Symbol);
