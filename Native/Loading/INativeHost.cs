namespace Sequor.Native;

/// <summary>What the search for libraries asks the machine.</summary>
internal interface INativeHost
{
    /// <summary>Whether names, folders and separators are those of Windows instead of Linux.</summary>
    bool Windows { get; }

    /// <summary>An environment variable; null if it is not set or empty.</summary>
    string? Variable(string name);

    bool FileExists(string path);

    bool FolderExists(string path);

    /// <summary>The names of the folders in a folder, in order; empty if it cannot be read.</summary>
    IReadOnlyList<string> Folders(string path);

    /// <summary>The site-packages folders of the Python on PATH; empty if there is no Python.</summary>
    IReadOnlyList<string> PythonFolders();

    /// <summary>Loads a file, or a library that the system's loader finds by its name.</summary>
    LoadOutcome Load(string path);

    void Unload(nint library);

    /// <summary>The address of a symbol; 0 if there is none.</summary>
    nint Symbol(nint library, string name);

    /// <summary>The paths of the files that are loaded into this process, with links resolved.</summary>
    IReadOnlyList<string> LoadedFiles();
}

/// <summary>A loaded library, or the system's reason why it was not loaded, in which case the handle is 0.</summary>
internal readonly record struct LoadOutcome(nint Library, string Reason);
