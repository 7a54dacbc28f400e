namespace Sequor.C;

/// <summary>A call that is refused, with the code that its caller gets. It never leaves this library.</summary>
/// <param name="status">The code.</param>
/// <param name="message">What was wrong, where, and what is allowed.</param>
internal sealed class RefusedException(Status status, string message) : Exception(message)
{
    /// <summary>The code.</summary>
    public Status Status { get; } = status;
}
