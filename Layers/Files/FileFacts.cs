namespace Sequor.Layers;

/// <summary>What a path leads to.</summary>
internal enum FileKind
{
    /// <summary>Nothing yet.</summary>
    None,
    Regular,
    Folder,
    Link,

    /// <summary>A FIFO or a socket: written to, never replaced.</summary>
    Stream,

    /// <summary>A character device, such as a terminal or /dev/null: written to as well, by any number of outputs.</summary>
    Device,

    /// <summary>A disk.</summary>
    BlockDevice,
}

/// <summary>What the system says of a file.</summary>
/// <param name="Kind">What it is.</param>
/// <param name="Mode">Permissions, as chmod takes them.</param>
/// <param name="Owner">The user's number.</param>
/// <param name="Group">The group's number.</param>
/// <param name="Identity">Two paths with the same identity lead to the same file.</param>
/// <param name="Links">Names that the file has.</param>
/// <param name="Changed">When its content, its names or its permissions changed last.</param>
internal readonly record struct FileFacts(
    FileKind Kind,
    uint Mode,
    uint Owner,
    uint Group,
    FileIdentity Identity,
    ulong Links,
    DateTime Changed
);

/// <summary>A file's device and its number there.</summary>
internal readonly record struct FileIdentity(ulong Device, ulong Node);
