namespace Sequor.VirtualGpu.Recording;

/// <summary>What the words of a run are, which says how two of them are compared.</summary>
internal enum WordKind
{
    /// <summary>Whole numbers, bytes, or anything else: the same bits.</summary>
    Bits,

    /// <summary>A float each.</summary>
    Single,

    /// <summary>Two words a double.</summary>
    Double,
}

/// <summary>Words that follow each other in a region.</summary>
/// <param name="Region">The region's number.</param>
/// <param name="First">Its first word.</param>
internal sealed record WordRun(int Region, int First, WordKind Kind, uint[] Words);

/// <summary>An address that is put in anew where memory lies elsewhere.</summary>
/// <param name="Region">The region that it points into.</param>
/// <param name="Offset">Bytes from the region's begin; may be before it or behind its end.</param>
internal readonly record struct RelocatedAddress(int Region, long Offset);

/// <summary>An address among a launch's arguments.</summary>
/// <param name="Argument">Which argument, from 0.</param>
/// <param name="At">Its first byte within the argument.</param>
internal readonly record struct ArgumentAddress(int Argument, int At, RelocatedAddress Target);

/// <summary>An address that lies in memory.</summary>
/// <param name="Word">Its first word in the region.</param>
internal readonly record struct MemoryAddress(int Region, int Word, RelocatedAddress Target);

/// <summary>Words that blocks write in whatever order they come, so that they are not compared.</summary>
internal readonly record struct UnorderedWords(int Region, int First, int Count);

/// <summary>
/// A launch and the memory that it touches, before and after. A region is the part of an allocation that the launch touches;
/// it begins at a multiple of 256 bytes.
/// </summary>
internal sealed record RecordedLaunch
{
    public required string Kernel { get; init; }

    public required (uint X, uint Y, uint Z) Grid { get; init; }

    public required (uint X, uint Y, uint Z) Block { get; init; }

    /// <summary>Bytes a block.</summary>
    public required int DynamicSharedMemory { get; init; }

    /// <summary>The value of each parameter; addresses among them are zeros.</summary>
    public required IReadOnlyList<byte[]> Arguments { get; init; }

    public required IReadOnlyList<ArgumentAddress> ArgumentAddresses { get; init; }

    /// <summary>Words of each region.</summary>
    public required IReadOnlyList<int> Regions { get; init; }

    /// <summary>What the launch finds, where it reads.</summary>
    public required IReadOnlyList<WordRun> Before { get; init; }

    public required IReadOnlyList<MemoryAddress> MemoryAddresses { get; init; }

    /// <summary>What it leaves, where it writes.</summary>
    public required IReadOnlyList<WordRun> After { get; init; }

    public required IReadOnlyList<UnorderedWords> Unordered { get; init; }

    /// <summary>How far a result may be from the recorded one: this times the larger of 1 and its size; 0 for the same bits.</summary>
    public required double Bound { get; init; }

    /// <summary>Instructions that access global memory and were executed, by their numbers.</summary>
    public required IReadOnlyList<int> Sites { get; init; }

    /// <summary>Bytes that it leaves and that are compared.</summary>
    public long ComparedBytes => 4L * After.Sum(r => (long)r.Words.Length);
}

/// <summary>Launches, and the modules whose kernels they are of.</summary>
/// <param name="Modules">Of each module the SHA-256 of its PTX, in hexadecimal digits.</param>
/// <param name="Launches">By kernel.</param>
internal sealed record Recording(
    IReadOnlyDictionary<string, string> Modules,
    IReadOnlyList<RecordedLaunch> Launches
);

/// <summary>A recording cannot be read or made; the message says why.</summary>
internal sealed class RecordingException(string message) : Exception(message);
