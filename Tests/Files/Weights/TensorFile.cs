using System.Buffers.Binary;
using System.Text;
using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>A safetensors file in pieces, to be changed and written with any dtype.</summary>
internal sealed class TensorFile
{
    public Dictionary<string, (string Type, long[] Shape, byte[] Bytes)> Tensors { get; } = [];

    public static TensorFile Read(string path)
    {
        using SafetensorsFile file = Safetensors.Open(path);
        var read = new TensorFile();
        foreach (SafetensorsEntry entry in file.Entries)
        {
            read.Tensors.Add(
                entry.Name,
                (entry.TypeName, [.. entry.Shape], file.ReadBytes(entry.Name))
            );
        }
        return read;
    }

    public void Rename(Func<string, string> rename)
    {
        var old = Tensors.ToArray();
        Tensors.Clear();
        foreach ((string name, var tensor) in old)
            Tensors.Add(rename(name), tensor);
    }

    /// <summary>Turns single precision into another type.</summary>
    public void Convert(string type, Func<float, byte[]> convert)
    {
        foreach ((string name, (_, long[] shape, byte[] bytes)) in Tensors.ToArray())
        {
            IEnumerable<byte> converted = Enumerable
                .Range(0, bytes.Length / 4)
                .SelectMany(i =>
                    convert(BinaryPrimitives.ReadSingleLittleEndian(bytes.AsSpan(4 * i)))
                );
            Tensors[name] = (type, shape, [.. converted]);
        }
    }

    public void Write(string path)
    {
        var entries = new List<string>();
        var data = new List<byte>();
        foreach ((string name, (string type, long[] shape, byte[] bytes)) in Tensors)
        {
            string sizes = string.Join(",", shape);
            string places = $"{data.Count},{data.Count + bytes.Length}";
            entries.Add(
                $"\"{name}\":{{\"dtype\":\"{type}\",\"shape\":[{sizes}],\"data_offsets\":[{places}]}}"
            );
            data.AddRange(bytes);
        }
        byte[] header = Encoding.UTF8.GetBytes($"{{{string.Join(",", entries)}}}");
        byte[] length = new byte[8];
        BinaryPrimitives.WriteInt64LittleEndian(length, header.Length);
        File.WriteAllBytes(path, [.. length, .. header, .. data]);
    }
}
