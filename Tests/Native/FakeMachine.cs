using Sequor.Native;

namespace Sequor.Tests.Native;

/// <summary>A machine that a test describes: files, folders, variables, and what its loader knows by name.</summary>
internal sealed class FakeMachine : INativeHost
{
    public const string NoFile = "cannot open shared object file: No such file or directory";

    private readonly List<FakeLibrary> _handles = [];
    private readonly HashSet<string> _folders = [];

    public bool Windows { get; init; }

    /// <summary>Environment variables.</summary>
    public Dictionary<string, string> Variables { get; } = [];

    /// <summary>Files by path. Null: a file that is no library.</summary>
    public Dictionary<string, FakeLibrary?> Files { get; } = [];

    /// <summary>The path that the system's loader knows a name by.</summary>
    public Dictionary<string, string> Known { get; } = [];

    /// <summary>The site-packages of the Python on PATH.</summary>
    public List<string> Python { get; } = [];

    /// <summary>How often Python was asked.</summary>
    public int PythonAsked { get; private set; }

    /// <summary>Files loaded into the process, by this machine or before.</summary>
    public List<string> Loaded { get; } = [];

    /// <summary>Paths and names given to the loader, in order.</summary>
    public List<string> Tried { get; } = [];

    /// <summary>Paths of libraries that were unloaded.</summary>
    public List<string> Unloaded { get; } = [];

    /// <summary>Files that stay in the process when they are unloaded.</summary>
    public HashSet<string> Stays { get; } = [];

    /// <summary>Adds a library that is found by its path alone.</summary>
    public FakeMachine With(string path, FakeLibrary? library)
    {
        Files[path] = library;
        for (string folder = Parent(path); folder.Length > 0; folder = Parent(folder))
            _folders.Add(folder);
        return this;
    }

    /// <summary>Adds an empty folder.</summary>
    public FakeMachine WithFolder(string path) => With(path + Separator + "none", null);

    /// <summary>Adds a library that the system's loader knows by name.</summary>
    public FakeMachine Knows(string name, string path, FakeLibrary library)
    {
        Known[name] = path;
        return With(path, library);
    }

    public string? Variable(string name) => Variables.GetValueOrDefault(name);

    public bool FileExists(string path) => Files.ContainsKey(path);

    public bool FolderExists(string path) => _folders.Contains(path.TrimEnd(Separator));

    public IReadOnlyList<string> Folders(string path) =>
        [.. _folders.Where(f => Parent(f) == path).Select(f => f[(path.Length + 1)..]).Order()];

    public IReadOnlyList<string> PythonFolders()
    {
        PythonAsked++;
        return Python;
    }

    public LoadOutcome Load(string path)
    {
        Tried.Add(path);
        string real = Known.GetValueOrDefault(path, path);
        if (!Files.TryGetValue(real, out FakeLibrary? library))
            return new(0, NoFile);
        if (library is null)
            return new(0, "file too short");
        library.Path = real;
        Loaded.Add(library.RealPath ?? real);
        _handles.Add(library);
        return new(_handles.Count, "");
    }

    public void Unload(nint library)
    {
        FakeLibrary unloaded = _handles[(int)library - 1];
        Unloaded.Add(unloaded.Path!);
        if (!Stays.Contains(unloaded.Path!))
            Loaded.Remove(unloaded.RealPath ?? unloaded.Path!);
    }

    public nint Symbol(nint library, string name) =>
        _handles[(int)library - 1].Symbols.GetValueOrDefault(name);

    public IReadOnlyList<string> LoadedFiles() => Loaded;

    private char Separator => Windows ? '\\' : '/';

    private string Parent(string path)
    {
        int at = path.LastIndexOf(Separator);
        return at < 0 ? "" : path[..at];
    }
}

/// <summary>A library of a <see cref="FakeMachine"/>.</summary>
internal sealed class FakeLibrary(Dictionary<string, nint> symbols)
{
    public Dictionary<string, nint> Symbols { get; } = symbols;

    /// <summary>Where it was loaded from.</summary>
    public string? Path { get; set; }

    /// <summary>What a link resolves to; null where it is no link.</summary>
    public string? RealPath { get; init; }
}
