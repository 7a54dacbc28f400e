using System.Collections.Concurrent;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Where answers are kept: in the file that was named or in the user's own, and in this process, which does without the file
/// where it cannot be read or written. Each trouble is told once.
/// </summary>
internal sealed class ChoiceStore
{
    private static readonly ConcurrentDictionary<
        (string File, (string, string, string, CudaIdentity)),
        ChoiceEntry
    > Known = new();

    private static readonly ConcurrentDictionary<string, bool> Told = new();

    private readonly string _name;
    private readonly ChoiceFile? _file;
    private readonly Action<string> _tell;
    private readonly Dictionary<(string, string, string, CudaIdentity), ChoiceEntry> _read = [];
    private readonly List<ChoiceEntry> _new = [];

    /// <param name="path">The file; null for the user's own.</param>
    /// <param name="identity">What is asked for.</param>
    /// <param name="tell">Given a line for each trouble.</param>
    /// <param name="calls">The operating system's calls; null for its own.</param>
    public ChoiceStore(
        string? path,
        CudaIdentity identity,
        Action<string> tell,
        FileCalls? calls = null
    )
    {
        _tell = tell;
        if (path is not null)
        {
            _name = Path.GetFullPath(path);
            _file = new ChoiceFile(_name, null, calls);
        }
        else
        {
            CacheFolder folder = CacheFolder.Find();
            _name = folder.Path is null ? "" : Path.Join(folder.Path, ChoiceFile.Name);
            if (folder.Path is null)
                Tell($"choices are not kept: {folder.Refusal}");
            else
                _file = new ChoiceFile(_name, folder.Create, calls);
        }
        if (_file is not null)
            Read(_file, identity, isNamed: path is not null);
    }

    /// <summary>An answer and whether it is from the file; null where there is none.</summary>
    public (ChoiceEntry Entry, bool FromFile)? Find((string, string, string, CudaIdentity) key) =>
        _read.TryGetValue(key, out ChoiceEntry? entry) ? (entry, true)
        : Known.TryGetValue((_name, key), out entry) ? (entry, false)
        : null;

    /// <summary>Keeps an answer: in this process, and with the next <see cref="Save"/> in the file if it holds for other runs.</summary>
    public void Add(ChoiceEntry entry, bool forOthers)
    {
        Known[(_name, entry.Key)] = entry;
        if (forOthers)
            _new.Add(entry);
    }

    /// <summary>Writes what is new. It throws nothing.</summary>
    public void Save()
    {
        if (_new.Count == 0 || _file is null)
            return;
        if (_file.Add(_new) is { } why)
            Tell($"'{Printable.Of(_name)}': choices are not kept: {Printable.Of(why)}");
        _new.Clear();
    }

    private void Read(ChoiceFile file, CudaIdentity identity, bool isNamed)
    {
        ChoiceFile.Content content = file.Read();
        string name = Printable.Of(_name);
        if (content.Problem is { } problem)
            Tell($"'{name}' is not read: {Printable.Of(problem)}");
        if (content.Damaged > 0)
            Tell($"'{name}': {Amount.Of(content.Damaged, "line")} that are no choices are ignored");
        foreach (ChoiceEntry entry in content.Entries.Where(e => e.Identity == identity))
            _read[entry.Key] = entry;
        // In the user's own file entries of other devices are as they should be.
        int foreign = content.Entries.Count - _read.Count;
        if (foreign > 0 && (isNamed || _read.Count == 0))
            Tell(
                $"'{name}': {Amount.Of(foreign, "choice")} of other devices, drivers or versions are ignored; this is {identity}"
            );
    }

    private void Tell(string line)
    {
        if (Told.TryAdd(line, true))
            _tell(line);
    }
}
