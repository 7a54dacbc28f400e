namespace Sequor.VirtualGpu.Ptx;

/// <summary>Seeded random numbers, the same on every machine.</summary>
internal sealed class PtxRandom(ulong seed)
{
    private ulong _state = Mix(seed);

    /// <summary>splitmix64's last step: spreads what differs in a few bits over all of them.</summary>
    public static ulong Mix(ulong value)
    {
        value += 0x9E37_79B9_7F4A_7C15;
        value = (value ^ (value >> 30)) * 0xBF58_476D_1CE4_E5B9;
        value = (value ^ (value >> 27)) * 0x94D0_49BB_1331_11EB;
        return value ^ (value >> 31);
    }

    public ulong Next()
    {
        _state += 0x9E37_79B9_7F4A_7C15;
        return Mix(_state);
    }

    /// <summary>From 0 to below a bound.</summary>
    public int Below(int bound) => (int)(((Next() >> 32) * (ulong)bound) >> 32);
}
