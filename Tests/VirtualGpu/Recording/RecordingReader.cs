using System.Globalization;
using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu.Recording;

/// <summary>
/// Reads a recording's payload, as <see cref="RecordingWriter"/> wrote it. Every number that says a place is checked against
/// what it is a place in.
/// </summary>
internal sealed class RecordingReader(BinaryReader reader)
{
    // Of a region and of all of a launch, words: far above what is recorded, far below what would exhaust a device.
    private const int MostWords = 1 << 27;

    public Recording Read()
    {
        var modules = new Dictionary<string, string>(StringComparer.Ordinal);
        for (int left = Count(2); left > 0; left--)
            modules[reader.ReadString()] = reader.ReadString();
        RecordedLaunch[] launches = All(64, Launch);
        return reader.BaseStream.Position == reader.BaseStream.Length
            ? new Recording(modules, launches)
            : throw new InvalidDataException("bytes follow the last launch");
    }

    private RecordedLaunch Launch()
    {
        string kernel = reader.ReadString();
        (uint, uint, uint) grid = Size();
        (uint, uint, uint) block = Size();
        int shared = Within(reader.ReadInt32(), 1 << 20, "bytes of shared memory");
        double bound = reader.ReadDouble();
        if (!(bound is >= 0 and < 1))
            throw Wrong($"a bound of {bound.ToString(CultureInfo.InvariantCulture)}");
        byte[][] arguments = All(1, () => reader.ReadBytes(reader.ReadByte()));
        ArgumentAddress[] argumentAddresses = All(
            20,
            () => new ArgumentAddress(reader.ReadInt32(), reader.ReadInt32(), Target())
        );
        int[] regions = All(4, reader.ReadInt32);
        if (
            regions.Any(words => words is < 0 or > MostWords)
            || regions.Sum(w => (long)w) > MostWords
        )
            throw Wrong("a region too large");
        WordRun[] before = All(13, () => Run(regions));
        MemoryAddress[] memoryAddresses = All(
            20,
            () => new MemoryAddress(reader.ReadInt32(), reader.ReadInt32(), Target())
        );
        WordRun[] after = All(13, () => Run(regions));
        UnorderedWords[] unordered = All(
            12,
            () => new UnorderedWords(reader.ReadInt32(), reader.ReadInt32(), reader.ReadInt32())
        );
        int[] sites = All(4, reader.ReadInt32);
        foreach (ArgumentAddress at in argumentAddresses)
        {
            Check(at.Target, regions);
            if (
                at.Argument < 0
                || at.Argument >= arguments.Length
                || at.At < 0
                || at.At > arguments[at.Argument].Length - sizeof(ulong)
            )
                throw Wrong("an address in no argument");
        }
        foreach (MemoryAddress at in memoryAddresses)
        {
            Check(at.Target, regions);
            Check(at.Region, at.Word, 2, regions);
        }
        foreach (UnorderedWords words in unordered)
            Check(words.Region, words.First, words.Count, regions);
        return new RecordedLaunch
        {
            Kernel = kernel,
            Grid = grid,
            Block = block,
            DynamicSharedMemory = shared,
            Bound = bound,
            Arguments = arguments,
            ArgumentAddresses = argumentAddresses,
            Regions = regions,
            Before = before,
            MemoryAddresses = memoryAddresses,
            After = after,
            Unordered = unordered,
            Sites = sites,
        };
    }

    private (uint X, uint Y, uint Z) Size()
    {
        (uint X, uint Y, uint Z) size = (
            reader.ReadUInt32(),
            reader.ReadUInt32(),
            reader.ReadUInt32()
        );
        return size is { X: > 0 and <= int.MaxValue, Y: > 0 and <= 65535, Z: > 0 and <= 65535 }
            ? size
            : throw Wrong("blocks or threads that cannot be");
    }

    private RelocatedAddress Target() => new(reader.ReadInt32(), reader.ReadInt64());

    private WordRun Run(int[] regions)
    {
        int region = reader.ReadInt32();
        int first = reader.ReadInt32();
        var kind = (WordKind)reader.ReadByte();
        if (!Enum.IsDefined(kind))
            throw Wrong("words of an unknown kind");
        uint[] words = new uint[Count(4)];
        Check(region, first, words.Length, regions);
        reader.BaseStream.ReadExactly(MemoryMarshal.AsBytes(words.AsSpan()));
        return new WordRun(region, first, kind, words);
    }

    private T[] All<T>(int bytesEach, Func<T> read)
    {
        var items = new T[Count(bytesEach)];
        for (int i = 0; i < items.Length; i++)
            items[i] = read();
        return items;
    }

    // As many as the bytes that are left can hold.
    private int Count(int bytesEach)
    {
        int count = reader.ReadInt32();
        return
            count >= 0
            && (long)count * bytesEach <= reader.BaseStream.Length - reader.BaseStream.Position
            ? count
            : throw Wrong($"{count} items where there is no room for them");
    }

    private static void Check(RelocatedAddress target, int[] regions)
    {
        // Near it: an argument may point behind its last value.
        if (
            target.Region < 0
            || target.Region >= regions.Length
            || target.Offset < -MostWords
            || target.Offset > 4L * regions[target.Region] + MostWords
        )
            throw Wrong("an address in no region");
    }

    private static void Check(int region, int first, int count, int[] regions)
    {
        if (
            region < 0
            || region >= regions.Length
            || first < 0
            || count < 0
            || (long)first + count > regions[region]
        )
            throw Wrong("words in no region");
    }

    private static int Within(int value, int most, string what) =>
        value >= 0 && value <= most ? value : throw Wrong($"{value} {what}");

    private static InvalidDataException Wrong(string what) => new($"there are {what}");
}
