namespace Sequor.Layers.Cpu;

/// <summary>
/// The vector operations that the kernels are written in, so that one source serves every width.
/// A kernel is generic over the vector type and this; the JIT specialises it for both.
/// <para>Where one asks for instructions it asks the runtime's IsSupported itself: that alone the JIT knows before it reads
/// on. Behind a property of ours it would compile the other branch first, whose emulation takes addresses, and keep no
/// vector of the kernel in a register thereafter.</para>
/// </summary>
internal unsafe interface ILanes<TV>
    where TV : struct
{
    /// <summary>1.5 * 2^23: it and what lies up to 2^22 from it are whole numbers, one float each.</summary>
    const float WholeFrom = 12582912f;

    static abstract int Width { get; }
    static abstract TV Zero { get; }
    static abstract TV Set(float value);
    static abstract TV Load(float* p);
    static abstract void Store(float* p, TV value);

    /// <summary>Reads the first <paramref name="count"/> lanes and touches nothing beyond them; the rest is zero.</summary>
    static abstract TV LoadPartial(float* p, int count);
    static abstract void StorePartial(float* p, TV value, int count);
    static abstract TV Add(TV a, TV b);
    static abstract TV Sub(TV a, TV b);
    static abstract TV Mul(TV a, TV b);
    static abstract TV Div(TV a, TV b);

    /// <summary>
    /// a * b + c: rounded once where the processor has an instruction for that (see
    /// <see cref="CpuInstructions.FusedMultiplyAdd"/>), else, in the narrowest vectors, the product and the sum each. A
    /// processor with wider ones has the instruction; to ask there, too, makes methods longer than the JIT inlines.
    /// </summary>
    static abstract TV Fma(TV a, TV b, TV c);
    static abstract TV Max(TV a, TV b);
    static abstract TV Min(TV a, TV b);
    static abstract TV Abs(TV a);
    static abstract TV Sqrt(TV a);

    /// <summary>The nearest whole number, of two the even one, of values in [-2^22, 2^22].</summary>
    static abstract TV Round(TV a);

    /// <summary>All bits set where a &gt; b.</summary>
    static abstract TV Greater(TV a, TV b);

    /// <summary>Bits of a where the mask is set, of b elsewhere.</summary>
    static abstract TV Select(TV mask, TV a, TV b);

    /// <summary>a with the sign of b.</summary>
    static abstract TV CopySign(TV a, TV b);

    /// <summary>2 to the power of an integral value in [-126, 127].</summary>
    static abstract TV PowerOfTwo(TV exponent);

    /// <summary>Lanes 1, 0, 3, 2, ...: real and imaginary parts exchanged.</summary>
    static abstract TV SwapPairs(TV a);
    static abstract float Sum(TV a);

    /// <summary>One bit a lane, lane 0 lowest: set where the sign bit is.</summary>
    static abstract uint SignBits(TV a);

    /// <summary>All bits set in the lanes whose bit is set.</summary>
    static abstract TV FromBits(uint bits);
}
