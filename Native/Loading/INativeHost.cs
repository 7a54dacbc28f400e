namespace Sequor.Native;

/// <summary>What finding libraries asks of the machine.</summary>
internal interface INativeHost
{
    /// <summary>Windows' names, folders and separators, in place of Linux's.</summary>
    bool Windows { get; }

    /// <summary>An environment variable; null where it is not set or empty.</summary>
    string? Variable(string name);

    bool FileExists(string path);

    bool FolderExists(string path);

    /// <summary>Names of the folders in a folder, in order; none where it cannot be read.</summary>
    IReadOnlyList<string> Folders(string path);

    /// <summary>The site-packages folders of the Python on PATH; none where there is no Python.</summary>
    IReadOnlyList<string> PythonFolders();

    /// <summary>Loads a file, or what the system's loader knows by a name.</summary>
    LoadOutcome Load(string path);

    void Unload(nint library);

    /// <summary>The address of a symbol; 0 if there is none.</summary>
    nint Symbol(nint library, string name);

    /// <summary>Paths of the files that are loaded into this process, links resolved.</summary>
    IReadOnlyList<string> LoadedFiles();
}

/// <summary>A loaded library, or the system's reason why it is not: then the handle is 0.</summary>
internal readonly record struct LoadOutcome(nint Library, string Reason);
