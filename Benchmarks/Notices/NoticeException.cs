namespace Sequor.Notices;

/// <summary>A licence, or the origin of a file, that was not found.</summary>
public sealed class NoticeException(string message) : Exception(message);
