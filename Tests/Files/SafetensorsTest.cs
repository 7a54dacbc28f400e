using System.Buffers.Binary;
using System.Text;
using Sequor.Tests.Support;

namespace Sequor.Tests.Files;

/// <summary>Tests of files that are made by hand.</summary>
public abstract class SafetensorsTest : FolderTest
{
    /// <summary>A file's bytes: the header's length, the header, the data.</summary>
    protected static byte[] File(string header, params byte[] data)
    {
        byte[] text = Encoding.UTF8.GetBytes(header);
        byte[] bytes = new byte[8 + text.Length + data.Length];
        BinaryPrimitives.WriteInt64LittleEndian(bytes, text.Length);
        text.CopyTo(bytes, 8);
        data.CopyTo(bytes, 8 + text.Length);
        return bytes;
    }

    protected string Put(byte[] bytes)
    {
        string path = PathOf("made.safetensors");
        System.IO.File.WriteAllBytes(path, bytes);
        return path;
    }
}
