namespace Sequor.Layers;

/// <summary>A requested device is not available.</summary>
public sealed class DeviceUnavailableException : Exception
{
    /// <summary>Makes an error without a reason.</summary>
    public DeviceUnavailableException()
        : this("The device is not available.") { }

    /// <summary>Makes an error with its reason.</summary>
    public DeviceUnavailableException(string message)
        : base(message) { }

    /// <summary>Makes an error with its reason and its cause.</summary>
    public DeviceUnavailableException(string message, Exception inner)
        : base(message, inner) { }
}

/// <summary>A device does not have the requested memory.</summary>
public sealed class DeviceMemoryException : Exception
{
    /// <summary>Makes an error without a reason.</summary>
    public DeviceMemoryException()
        : this("The device has no more memory.") { }

    /// <summary>Makes an error with its reason.</summary>
    public DeviceMemoryException(string message)
        : base(message) { }

    /// <summary>Makes an error with its reason and its cause.</summary>
    public DeviceMemoryException(string message, Exception inner)
        : base(message, inner) { }

    /// <summary>Makes an error with its reason and a table of what takes how much memory, which also becomes part of the message.</summary>
    public DeviceMemoryException(string message, MemoryTable table, Exception? inner = null)
        : base($"{message}\n{table}", inner)
    {
        Table = table;
    }

    /// <summary>What takes how much memory; null if sizes were too large to be counted.</summary>
    public MemoryTable? Table { get; }
}
