namespace Sequor.Layers;

/// <summary>
/// A file is no sound safetensors file, or does not hold what was asked of it. The message names the file, the tensor or
/// byte, and what was expected.
/// </summary>
public sealed class SafetensorsException : Exception
{
    /// <summary>An error without a reason.</summary>
    public SafetensorsException()
        : this("The safetensors file is damaged.") { }

    /// <summary>An error with its reason.</summary>
    public SafetensorsException(string message)
        : base(message) { }

    /// <summary>An error with its reason and what caused it.</summary>
    public SafetensorsException(string message, Exception inner)
        : base(message, inner) { }
}
