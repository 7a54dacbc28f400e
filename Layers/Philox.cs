namespace Sequor.Layers;

/// <summary>
/// A counter-based random generator: Philox 4x32-10. A seed and a stream identify a sequence. Any number of it can be computed without
/// those before it, and every backend computes the same numbers.
/// </summary>
/// <remarks>Source: Salmon et al., Parallel Random Numbers: As Easy as 1, 2, 3 (SC 2011).</remarks>
public struct Philox
{
    private readonly ulong _seed;
    private readonly ulong _stream;
    private ulong _index;
    private int _left;
    private (uint A, uint B, uint C, uint D) _block;

    /// <summary>Begins the sequence of a seed and a stream.</summary>
    public Philox(ulong seed, ulong stream)
    {
        _seed = seed;
        _stream = stream;
    }

    /// <summary>The key of the sequence.</summary>
    public readonly ulong Seed => _seed;

    /// <summary>The four numbers at an index of a sequence.</summary>
    /// <param name="seed">The key.</param>
    /// <param name="stream">The upper half of the counter.</param>
    /// <param name="index">The lower half of the counter.</param>
    public static (uint A, uint B, uint C, uint D) Block(ulong seed, ulong stream, ulong index)
    {
        uint a = (uint)index;
        uint b = (uint)(index >> 32);
        uint c = (uint)stream;
        uint d = (uint)(stream >> 32);
        uint k0 = (uint)seed;
        uint k1 = (uint)(seed >> 32);
        for (int round = 0; round < 10; round++)
        {
            ulong p0 = 0xD2511F53UL * a;
            ulong p1 = 0xCD9E8D57UL * c;
            a = (uint)(p1 >> 32) ^ b ^ k0;
            b = (uint)p1;
            c = (uint)(p0 >> 32) ^ d ^ k1;
            d = (uint)p0;
            k0 += 0x9E3779B9;
            k1 += 0xBB67AE85;
        }
        return (a, b, c, d);
    }

    /// <summary>The next 32 bits.</summary>
    public uint NextBits()
    {
        if (_left == 0)
        {
            _block = Block(_seed, _stream, _index++);
            _left = 4;
        }
        return _left-- switch
        {
            4 => _block.A,
            3 => _block.B,
            2 => _block.C,
            _ => _block.D,
        };
    }

    /// <summary>Draws a number uniformly from [0, 1), a multiple of 2^-24.</summary>
    public float NextFloat() => (NextBits() >> 8) * (1f / (1 << 24));

    /// <summary>Draws a number uniformly from [from, to).</summary>
    public float NextFloat(float from, float to) => from + (to - from) * NextFloat();

    /// <summary>Draws a whole number uniformly from [0, bound), up to a bias of bound / 2^32.</summary>
    public int Next(int bound)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(bound, 1);
        return (int)(((ulong)NextBits() * (ulong)bound) >> 32);
    }

    /// <summary>Draws a number from the standard normal distribution, by the method of Box and Muller.</summary>
    public float NextNormal()
    {
        double u = (NextBits() + 1.0) / 4294967296.0;
        double angle = 2 * Math.PI * NextBits() / 4294967296.0;
        return (float)(Math.Sqrt(-2 * Math.Log(u)) * Math.Cos(angle));
    }
}
