using System.Buffers.Binary;
using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>Files damaged at random: refused, or read without harm.</summary>
[TestFixture]
public sealed class SafetensorsRandomDamageTests : SafetensorsTest
{
    [Test]
    public void Random_damage_is_told_or_harmless()
    {
        string whole = PathOf("whole.safetensors");
        Safetensors.Write(
            whole,
            [
                SafetensorsTensor.Of("model.0.weight", new float[] { 1, 2, 3, 4, 5, 6 }, 2, 3),
                SafetensorsTensor.Of("steps", new long[] { 1L << 40 }),
                SafetensorsTensor.Of("d", new[] { 0.25 }, 1, 1),
                SafetensorsTensor.Of("mask", new byte[] { 1, 0, 1 }, 3),
                SafetensorsTensor.Of("none", Array.Empty<float>(), 0),
            ],
            new Dictionary<string, string> { ["format"] = "x", ["ä"] = "\u0001" }
        );
        byte[] sound = System.IO.File.ReadAllBytes(whole);
        var random = new Random(20260);
        Task work = Task.Run(() =>
        {
            int refused = 0;
            for (int length = 0; length < sound.Length; length++)
                refused += Try(sound[..length]);
            Assert.That(refused, Is.EqualTo(sound.Length), "every file cut short is refused");
            for (int at = 0; at < sound.Length; at++)
            {
                for (int bit = 0; bit < 8; bit++)
                {
                    byte[] bytes = [.. sound];
                    bytes[at] ^= (byte)(1 << bit);
                    refused += Try(bytes);
                }
            }
            for (int i = 0; i < 4000; i++)
                refused += Try(Damage(sound, random));
            Assert.That(refused, Is.GreaterThan(6000));
        });
        Assert.That(work.Wait(TimeSpan.FromMinutes(2)), "it hangs");
    }

    private static byte[] Damage(byte[] sound, Random random)
    {
        List<byte> bytes = [.. sound];
        for (int edit = random.Next(1, 5); edit > 0; edit--)
        {
            // Mostly the header, which is where damage can lead astray.
            int at = random.Next(random.Next(4) == 0 ? bytes.Count : bytes.Count * 3 / 4);
            int count = Math.Min(random.Next(1, 9), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0:
                    bytes.RemoveRange(at, count);
                    break;
                case 1:
                    bytes.InsertRange(at, bytes.GetRange(random.Next(bytes.Count - 8), 8));
                    break;
                case 2:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 3:
                    bytes[at] = "0123456789-.eE[]{}\",:\\ntu"u8[random.Next(25)];
                    break;
                case 4:
                    bytes.InsertRange(at, Enumerable.Repeat((byte)'9', random.Next(1, 20)));
                    break;
                default:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
            }
            if (bytes.Count < 16)
                break;
        }
        // Half of them with a length that fits, so that the header itself is read.
        if (bytes.Count > 16 && random.Next(2) == 0)
            BinaryPrimitives.WriteInt64LittleEndian(
                System.Runtime.InteropServices.CollectionsMarshal.AsSpan(bytes),
                Math.Max(2, bytes.Count - 8 - 43 - random.Next(8) * random.Next(2))
            );
        return [.. bytes];
    }

    // 1 where the file was refused.
    private int Try(byte[] bytes)
    {
        string path = Put(bytes);
        long before = GC.GetAllocatedBytesForCurrentThread();
        try
        {
            using SafetensorsFile file = Safetensors.Open(path);
            foreach (SafetensorsEntry entry in file.Entries)
            {
                Assert.That(file.ReadBytes(entry.Name), Has.Length.EqualTo(entry.ByteCount));
                Assert.That(file.ReadFloats(entry.Name), Has.Length.EqualTo(entry.Count));
            }
            return 0;
        }
        catch (SafetensorsException)
        {
            return 1;
        }
        finally
        {
            long allocated = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.That(allocated, Is.LessThan(4 << 20));
        }
    }
}
