namespace Sequor.Layers;

/// <summary>
/// A file is not a valid safetensors file, or does not hold what was asked of it. The message names the file, the tensor or byte, and what
/// was expected.
/// </summary>
public sealed class SafetensorsException : Exception
{
    /// <summary>Makes an error without a reason.</summary>
    public SafetensorsException()
        : this("The safetensors file is damaged.") { }

    /// <summary>Makes an error with its reason.</summary>
    public SafetensorsException(string message)
        : base(message) { }

    /// <summary>Makes an error with its reason and its cause.</summary>
    public SafetensorsException(string message, Exception inner)
        : base(message, inner) { }
}
