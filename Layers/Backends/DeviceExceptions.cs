namespace Sequor.Layers;

/// <summary>A device that was asked for is not there.</summary>
public sealed class DeviceUnavailableException : Exception
{
    /// <summary>An error without a reason.</summary>
    public DeviceUnavailableException()
        : this("The device is not available.") { }

    /// <summary>An error with its reason.</summary>
    public DeviceUnavailableException(string message)
        : base(message) { }

    /// <summary>An error with its reason and what caused it.</summary>
    public DeviceUnavailableException(string message, Exception inner)
        : base(message, inner) { }
}

/// <summary>A device does not have the memory that was asked for.</summary>
public sealed class DeviceMemoryException : Exception
{
    /// <summary>An error without a reason.</summary>
    public DeviceMemoryException()
        : this("The device has no more memory.") { }

    /// <summary>An error with its reason.</summary>
    public DeviceMemoryException(string message)
        : base(message) { }

    /// <summary>An error with its reason and what caused it.</summary>
    public DeviceMemoryException(string message, Exception inner)
        : base(message, inner) { }

    /// <summary>An error with its reason and with a table of what takes how much memory, which is part of the message too.</summary>
    public DeviceMemoryException(string message, MemoryTable table, Exception? inner = null)
        : base($"{message}\n{table}", inner)
    {
        Table = table;
    }

    /// <summary>What takes how much memory; null if sizes were too large to be counted.</summary>
    public MemoryTable? Table { get; }
}
