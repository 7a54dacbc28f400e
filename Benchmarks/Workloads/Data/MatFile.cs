using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The variables of a MATLAB level-5 file, as MATLAB writes it with -v6 or -v7: of either byte order, compressed or not.
/// Numbers and cells are read; of other classes only name, class and sizes are known.
/// </summary>
/// <remarks>
/// Source: MAT-File Format, The MathWorks. Every length is held against the bytes that are there before anything is
/// allocated for it.
/// </remarks>
public sealed class MatFile
{
    /// <summary>The largest file that is read, in bytes, and the most that its compressed variables may grow to.</summary>
    public const int LargestBytes = 1 << 28;

    private readonly Dictionary<string, MatArray> _variables;

    private MatFile(string path, Dictionary<string, MatArray> variables)
    {
        Path = path;
        _variables = variables;
    }

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The variables by name.</summary>
    public IReadOnlyDictionary<string, MatArray> Variables => _variables;

    /// <summary>Reads a file whole.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="MatFileException">It is damaged, or no level-5 file, or too large.</exception>
    /// <exception cref="IOException">It is not there or cannot be read.</exception>
    public static MatFile Read(string path) =>
        Parse(WholeFile.Read(path, LargestBytes, message => new MatFileException(message)), path);

    /// <summary>Reads what a file holds.</summary>
    /// <param name="bytes">All of the file; not to be changed afterwards.</param>
    /// <param name="path">What messages call it.</param>
    /// <exception cref="MatFileException">It is damaged, or no level-5 file.</exception>
    public static MatFile Parse(byte[] bytes, string path)
    {
        ArgumentNullException.ThrowIfNull(bytes);
        ArgumentNullException.ThrowIfNull(path);
        return new MatFile(path, MatReader.Read(bytes, path));
    }

    /// <summary>A variable.</summary>
    /// <param name="name">Its name.</param>
    /// <exception cref="MatFileException">There is none of this name; the message lists those that there are.</exception>
    public MatArray Get(string name)
    {
        if (_variables.TryGetValue(name, out MatArray? variable))
            return variable;
        string there =
            _variables.Count == 0
                ? "none"
                : string.Join(
                    ", ",
                    _variables.Keys.Take(20).Select(key => Printable.Shortened(key))
                );
        throw new MatFileException($"'{Path}' has no variable '{name}'; it has: {there}.");
    }
}
