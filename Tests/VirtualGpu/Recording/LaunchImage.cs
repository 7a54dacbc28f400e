using System.Buffers.Binary;

namespace Sequor.VirtualGpu.Recording;

/// <summary>
/// The memory of a recorded launch in one block: its regions one behind the other with gaps between, so that a write beside
/// them is seen as well.
/// </summary>
internal sealed class LaunchImage
{
    /// <summary>What fills gaps and all that the launch does not read: a large float, and no number of anything.</summary>
    public const uint Filler = 0x5A5A5A5A;

    /// <summary>Regions begin at multiples of this, as the driver gives memory.</summary>
    private const int Alignment = 256;
    private const int Gap = 1024;

    private readonly RecordedLaunch _launch;
    private readonly long[] _starts;

    public LaunchImage(RecordedLaunch launch)
    {
        _launch = launch;
        _starts = new long[launch.Regions.Count];
        long end = Gap;
        for (int i = 0; i < _starts.Length; i++)
        {
            _starts[i] = end;
            end = (end + 4L * launch.Regions[i] + Gap + Alignment - 1) / Alignment * Alignment;
        }
        Words = checked((int)(end / 4));
    }

    /// <summary>Of the whole block.</summary>
    public int Words { get; }

    /// <summary>The word that a region begins at.</summary>
    public int Start(int region) => (int)(_starts[region] / 4);

    /// <summary>The block before the launch, where it lies at an address.</summary>
    public uint[] Before(ulong address)
    {
        uint[] image = new uint[Words];
        Array.Fill(image, Filler);
        foreach (WordRun run in _launch.Before)
            run.Words.CopyTo(image, Start(run.Region) + run.First);
        foreach (MemoryAddress at in _launch.MemoryAddresses)
        {
            ulong value = Address(at.Target, address);
            image[Start(at.Region) + at.Word] = (uint)value;
            image[Start(at.Region) + at.Word + 1] = (uint)(value >> 32);
        }
        return image;
    }

    /// <summary>The launch's arguments where the block lies at an address.</summary>
    public byte[][] Arguments(ulong address)
    {
        byte[][] values = [.. _launch.Arguments.Select(a => (byte[])a.Clone())];
        foreach (ArgumentAddress at in _launch.ArgumentAddresses)
            BinaryPrimitives.WriteUInt64LittleEndian(
                values[at.Argument].AsSpan(at.At),
                Address(at.Target, address)
            );
        return values;
    }

    private ulong Address(RelocatedAddress target, ulong address) =>
        address + (ulong)(_starts[target.Region] + target.Offset);
}
