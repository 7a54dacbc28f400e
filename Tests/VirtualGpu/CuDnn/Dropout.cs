namespace Sequor.VirtualGpu;

/// <summary>A dropout descriptor.</summary>
internal sealed class DropoutDescriptor : ICuDnnObject
{
    public static string Kind => "cuDNN dropout descriptor";

    public bool IsSet { get; set; }

    /// <summary>How likely an element is dropped.</summary>
    public float Rate { get; set; }

    /// <summary>Device memory.</summary>
    public nint States { get; set; }

    public ulong Seed { get; set; }
}

/// <summary>
/// Random numbers for dropout, from states in device memory. They are this library's own, and none of cuDNN's: masks
/// agree with hardware's in how much they drop, not in what.
/// </summary>
internal static class DropoutStates
{
    // Magic, seed, numbers drawn so far; the rest is there so that the size is not a guess.
    private const int Words = 256;
    private const long Magic = 0x5345_514f_5244_5250;

    // 53 bits to a number below 1.
    private const double Unit = 1.0 / (1L << 53);

    /// <summary>Bytes.</summary>
    public const int Bytes = Words * sizeof(long);

    /// <summary>Begins a sequence of numbers.</summary>
    public static void Begin(DeviceMemory memory, nint states, ulong seed, string call)
    {
        Span<long> words = memory.Write<long>(states, Words, call, "states");
        words.Clear();
        words[0] = Magic;
        words[1] = (long)seed;
    }

    /// <summary>Factors for elements: 0 or 1 / (1 - rate), in float as cuDNN scales.</summary>
    /// <exception cref="VirtualFaultException">The memory holds no states.</exception>
    public static double[] Draw(
        DeviceMemory memory,
        nint states,
        float rate,
        int count,
        string call
    )
    {
        Span<long> words = memory.ReadWrite<long>(states, Words, call, "dropout states");
        if (words[0] != Magic)
            throw new VirtualFaultException(
                new(
                    FaultKind.BadArgument,
                    call,
                    "dropout states",
                    states,
                    "cudnnSetDropoutDescriptor did not write these states"
                )
            );
        ulong seed = Mix((ulong)words[1]);
        double[] factors = new double[count];
        for (int i = 0; i < count; i++)
        {
            double drawn = (Mix(seed + (ulong)words[2] + (ulong)i) >> 11) * Unit;
            factors[i] = drawn < rate ? 0 : 1f / (1f - rate);
        }
        words[2] += count;
        return factors;
    }

    // SplitMix64 (Steele, Lea, Flood 2014).
    private static ulong Mix(ulong value)
    {
        value += 0x9e3779b97f4a7c15;
        value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
        value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
        return value ^ (value >> 31);
    }
}
