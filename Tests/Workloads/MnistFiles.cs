using System.Buffers.Binary;
using System.IO.Compression;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Workloads;

/// <summary>Small sets in MNIST's form, made up: each digit is a bar at a place of its own, with noise.</summary>
internal static class MnistFiles
{
    /// <summary>Writes the four files.</summary>
    public static void Write(string folder, int train, int test, bool gzip)
    {
        (byte[] Images, byte[] Classes)[] sets = [Draw(train, 1), Draw(test, 2)];
        for (int i = 0; i < 2; i++)
        {
            WriteFile(2 * i, Idx(8, [sets[i].Classes.Length, 28, 28], sets[i].Images));
            WriteFile((2 * i) + 1, Idx(8, [sets[i].Classes.Length], sets[i].Classes));
        }

        void WriteFile(int name, byte[] bytes) =>
            File.WriteAllBytes(
                Path.Combine(folder, MnistDataset.FileNames[name] + (gzip ? ".gz" : "")),
                gzip ? Gzip(bytes) : bytes
            );
    }

    /// <summary>An IDX file.</summary>
    public static byte[] Idx(byte type, int[] dimensions, byte[] values)
    {
        byte[] header = new byte[4 + (4 * dimensions.Length)];
        (header[2], header[3]) = (type, (byte)dimensions.Length);
        for (int i = 0; i < dimensions.Length; i++)
            BinaryPrimitives.WriteInt32BigEndian(header.AsSpan(4 + (4 * i)), dimensions[i]);
        return [.. header, .. values];
    }

    public static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var stream = new GZipStream(packed, CompressionLevel.Fastest))
            stream.Write(bytes);
        return packed.ToArray();
    }

    private static (byte[] Images, byte[] Classes) Draw(int count, ulong seed)
    {
        var draw = new Draw(seed);
        byte[] images = new byte[count * 28 * 28];
        byte[] classes = new byte[count];
        for (int i = 0; i < count; i++)
        {
            classes[i] = (byte)draw.Next(10);
            for (int row = 0; row < 28; row++)
            {
                for (int column = 0; column < 28; column++)
                    images[(((i * 28) + row) * 28) + column] = (byte)(
                        column / 2 == classes[i] + 2 ? 200 + draw.Next(50) : draw.Next(20)
                    );
            }
        }
        return (images, classes);
    }
}
