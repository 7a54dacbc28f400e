using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>Changes what is in a file, in its right form.</summary>
internal static class SafetensorsEdit
{
    /// <summary>Writes a file of floats anew with other values or texts.</summary>
    /// <param name="path">The file.</param>
    /// <param name="values">Given each tensor's name and values, to be changed.</param>
    /// <param name="texts">Given the metadata, to be changed.</param>
    public static void Change(
        string path,
        Action<string, float[]>? values = null,
        Action<Dictionary<string, string>>? texts = null
    )
    {
        var tensors = new List<SafetensorsTensor>();
        Dictionary<string, string> metadata;
        using (SafetensorsFile file = Safetensors.Open(path))
        {
            metadata = new(file.Metadata);
            texts?.Invoke(metadata);
            foreach (SafetensorsEntry entry in file.Entries)
            {
                float[] content = file.ReadFloats(entry.Name);
                values?.Invoke(entry.Name, content);
                tensors.Add(SafetensorsTensor.Of(entry.Name, content, [.. entry.Shape]));
            }
        }
        Safetensors.WriteChecked(path, tensors, metadata);
    }
}
