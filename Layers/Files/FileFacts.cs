namespace Sequor.Layers;

/// <summary>What a path leads to.</summary>
internal enum FileKind
{
    /// <summary>Nothing exists there yet.</summary>
    None,
    Regular,
    Folder,
    Link,

    /// <summary>A FIFO or a socket, which is written to and never replaced.</summary>
    Stream,

    /// <summary>A character device, such as a terminal or /dev/null. It is written to as well, by any number of outputs.</summary>
    Device,

    /// <summary>A block device, such as a disk.</summary>
    BlockDevice,
}

/// <summary>What the system says about a file.</summary>
/// <param name="Kind">The kind of file.</param>
/// <param name="Mode">The permissions, as chmod takes them.</param>
/// <param name="Owner">The owner's user number.</param>
/// <param name="Group">The group's number.</param>
/// <param name="Identity">Two paths with the same identity lead to the same file.</param>
/// <param name="Links">The number of names that the file has.</param>
/// <param name="Changed">When its content, its names or its permissions last changed.</param>
internal readonly record struct FileFacts(
    FileKind Kind,
    uint Mode,
    uint Owner,
    uint Group,
    FileIdentity Identity,
    ulong Links,
    DateTime Changed
);

/// <summary>The number of a file's device and the file's number on it.</summary>
internal readonly record struct FileIdentity(ulong Device, ulong Node);
