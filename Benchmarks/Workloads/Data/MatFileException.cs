namespace Sequor.Workloads;

/// <summary>
/// A file is no MATLAB level-5 file, or damaged, or does not hold what was asked for. The message names the file, the byte
/// or the variable, and what was expected there.
/// </summary>
public sealed class MatFileException : TaskDataException
{
    /// <summary>An error without a reason.</summary>
    public MatFileException()
        : this("The MAT-file cannot be read.") { }

    /// <summary>An error with its reason.</summary>
    public MatFileException(string message)
        : base(message) { }

    /// <summary>An error with its reason and what caused it.</summary>
    public MatFileException(string message, Exception inner)
        : base(message, inner) { }
}
