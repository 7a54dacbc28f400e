namespace Sequor.Workloads;

/// <summary>A file of presets makes no sense, or has not the one asked for. The message says where and what is allowed.</summary>
public sealed class PresetException : Exception
{
    /// <summary>An error without a reason.</summary>
    public PresetException()
        : this("The presets cannot be read.") { }

    /// <summary>An error with its reason.</summary>
    public PresetException(string message)
        : base(message) { }

    /// <summary>An error with its reason and what caused it.</summary>
    public PresetException(string message, Exception inner)
        : base(message, inner) { }
}
