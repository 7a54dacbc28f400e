namespace Sequor.Workloads;

/// <summary>Data of a file.</summary>
public abstract class TaskData
{
    private readonly Lazy<string> _fingerprint;

    private protected TaskData(string path)
    {
        Path = path;
        _fingerprint = new Lazy<string>(ComputeFingerprint);
    }

    /// <summary>The file that they were read from.</summary>
    public string Path { get; }

    /// <summary>16 hexadecimal digits that the data decide: other data have others. They are computed once, as texts may be large.</summary>
    public string Fingerprint() => _fingerprint.Value;

    private protected abstract string ComputeFingerprint();
}

/// <summary>A file has not the data that were looked for in it. The message names the file and says what is wrong.</summary>
public class TaskDataException : Exception
{
    /// <summary>An error without a reason.</summary>
    public TaskDataException()
        : this("The data cannot be read.") { }

    /// <summary>An error with its reason.</summary>
    public TaskDataException(string message)
        : base(message) { }

    /// <summary>An error with its reason and what caused it.</summary>
    public TaskDataException(string message, Exception inner)
        : base(message, inner) { }
}
