namespace Sequor.Layers.Cpu;

/// <summary>
/// The vector operations that the kernels are written in, so that one source serves every width. A kernel is generic over the vector type
/// and over this interface; the JIT specialises it for both.
/// <para>Code that depends on an instruction asks the runtime's IsSupported directly, since that is all the JIT knows before it compiles a
/// branch. Behind a property of our own, it would also compile the other branch, whose emulation takes addresses, and would then keep no
/// vector of the kernel in a register.</para>
/// </summary>
internal unsafe interface ILanes<TV>
    where TV : struct
{
    /// <summary>1.5 * 2^23. All floats within 2^22 of it are whole numbers, and all whole numbers there are floats.</summary>
    const float WholeFrom = 12582912f;

    static abstract int Width { get; }
    static abstract TV Zero { get; }
    static abstract TV Set(float value);
    static abstract TV Load(float* p);
    static abstract void Store(float* p, TV value);

    /// <summary>Reads the first <paramref name="count"/> lanes and touches no memory beyond them; the other lanes are zero.</summary>
    static abstract TV LoadPartial(float* p, int count);

    /// <summary>Writes the first <paramref name="count"/> lanes, of which there may be all, and touches no memory beyond them.</summary>
    static abstract void StorePartial(float* p, TV value, int count);
    static abstract TV Add(TV a, TV b);
    static abstract TV Sub(TV a, TV b);
    static abstract TV Mul(TV a, TV b);
    static abstract TV Div(TV a, TV b);

    /// <summary>
    /// a * b + c. It is rounded once where the processor has an instruction for it (see <see cref="CpuInstructions.FusedMultiplyAdd"/>).
    /// Otherwise, which is possible only in the narrowest vectors, product and sum are rounded separately. Wider vectors do not ask, as
    /// their processors have the instruction and asking makes methods longer than the JIT inlines.
    /// </summary>
    static abstract TV Fma(TV a, TV b, TV c);

    /// <summary>c - a * b, rounded as in <see cref="Fma"/>.</summary>
    static abstract TV NegatedFma(TV a, TV b, TV c);
    static abstract TV Max(TV a, TV b);
    static abstract TV Min(TV a, TV b);
    static abstract TV Abs(TV a);
    static abstract TV Sqrt(TV a);

    /// <summary>The nearest whole number, ties to even, for values in [-2^22, 2^22].</summary>
    static abstract TV Round(TV a);

    /// <summary>All bits set in the lanes where a &gt; b.</summary>
    static abstract TV Greater(TV a, TV b);

    /// <summary>The bits of a where the mask is set, and of b elsewhere.</summary>
    static abstract TV Select(TV mask, TV a, TV b);

    /// <summary>a with the sign of b.</summary>
    static abstract TV CopySign(TV a, TV b);

    /// <summary>a times 2 to the power of a whole number in [-126, 127], rounded once.</summary>
    static abstract TV Scale(TV a, TV exponent);

    /// <summary>Lanes 1, 0, 3, 2, ...: exchanges real and imaginary parts.</summary>
    static abstract TV SwapPairs(TV a);
    static abstract float Sum(TV a);

    /// <summary>One bit for each lane, lane 0 lowest: set where the lane's sign bit is set.</summary>
    static abstract uint SignBits(TV a);

    /// <summary>All bits set in the lanes whose bit is set.</summary>
    static abstract TV FromBits(uint bits);
}
