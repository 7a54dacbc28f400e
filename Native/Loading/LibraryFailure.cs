namespace Sequor.Native;

/// <summary>Why a library cannot be used, as a value.</summary>
/// <param name="Library">The library.</param>
/// <param name="Kind">The kind of reason.</param>
/// <param name="Reason">The reason, as a sentence without a full stop.</param>
public sealed record LibraryFailure(LibraryKind Library, FailureKind Kind, string Reason);
