using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.Arm;
using System.Runtime.Intrinsics.X86;
using X86Fma = System.Runtime.Intrinsics.X86.Fma;

namespace Sequor.Layers.Cpu;

/// <summary>Four lanes: Arm NEON or SSE where the machine has them, else plain code.</summary>
internal readonly unsafe struct Lanes128 : ILanes<Vector128<float>>
{
    public static int Width => 4;
    public static Vector128<float> Zero => Vector128<float>.Zero;

    public static Vector128<float> Set(float value) => Vector128.Create(value);

    public static Vector128<float> Load(float* p) => Vector128.Load(p);

    public static void Store(float* p, Vector128<float> value) => value.Store(p);

    // Below AVX no instruction reads or writes only the first lanes, so this branches and goes in halves.
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> LoadPartial(float* p, int count)
    {
        if (count >= 4)
            return Load(p);
        ulong low =
            count >= 2 ? Unsafe.ReadUnaligned<ulong>(p)
            : count == 1 ? *(uint*)p
            : 0;
        ulong high = count == 3 ? *(uint*)(p + 2) : 0;
        return Vector128.Create(low, high).AsSingle();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(float* p, Vector128<float> value, int count)
    {
        if (count >= 4)
            Store(p, value);
        else if (count >= 2)
        {
            Unsafe.WriteUnaligned(p, value.AsUInt64().ToScalar());
            if (count == 3)
                p[2] = value[2];
        }
        else if (count == 1)
            *p = value.ToScalar();
    }

    public static Vector128<float> Add(Vector128<float> a, Vector128<float> b) => a + b;

    public static Vector128<float> Sub(Vector128<float> a, Vector128<float> b) => a - b;

    public static Vector128<float> Mul(Vector128<float> a, Vector128<float> b) => a * b;

    public static Vector128<float> Div(Vector128<float> a, Vector128<float> b) => a / b;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Fma(
        Vector128<float> a,
        Vector128<float> b,
        Vector128<float> c
    ) =>
        X86Fma.IsSupported || AdvSimd.IsSupported ? Vector128.FusedMultiplyAdd(a, b, c) : a * b + c;

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> NegatedFma(
        Vector128<float> a,
        Vector128<float> b,
        Vector128<float> c
    ) =>
        X86Fma.IsSupported || AdvSimd.IsSupported
            ? Vector128.FusedMultiplyAdd(-a, b, c)
            : c - a * b;

    public static Vector128<float> Max(Vector128<float> a, Vector128<float> b) =>
        Vector128.MaxNative(a, b);

    public static Vector128<float> Min(Vector128<float> a, Vector128<float> b) =>
        Vector128.MinNative(a, b);

    public static Vector128<float> Abs(Vector128<float> a) => Vector128.Abs(a);

    public static Vector128<float> Sqrt(Vector128<float> a) => Vector128.Sqrt(a);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector128<float> Round(Vector128<float> a)
    {
        if (Sse41.IsSupported || AdvSimd.IsSupported)
            return Vector128.Round(a);
        // Where floats are whole numbers, the sum is rounded to a whole number, ties to even as Round does.
        Vector128<float> whole = Set(ILanes<Vector128<float>>.WholeFrom);
        return a + whole - whole;
    }

    public static Vector128<float> Greater(Vector128<float> a, Vector128<float> b) =>
        Vector128.GreaterThan(a, b);

    public static Vector128<float> Select(
        Vector128<float> mask,
        Vector128<float> a,
        Vector128<float> b
    ) => Vector128.ConditionalSelect(mask, a, b);

    public static Vector128<float> CopySign(Vector128<float> a, Vector128<float> b) =>
        Vector128.CopySign(a, b);

    public static Vector128<float> Scale(Vector128<float> a, Vector128<float> exponent) =>
        Avx512F.VL.IsSupported ? Avx512F.VL.Scale(a, exponent) : a * PowerOfTwo(exponent);

    private static Vector128<float> PowerOfTwo(Vector128<float> exponent) =>
        ((Vector128.ConvertToInt32Native(exponent) + Vector128.Create(127)) << 23).AsSingle();

    public static Vector128<float> SwapPairs(Vector128<float> a) =>
        Vector128.Shuffle(a, Vector128.Create(1, 0, 3, 2));

    public static float Sum(Vector128<float> a) => Vector128.Sum(a);

    public static uint SignBits(Vector128<float> a) => (uint)a.ExtractMostSignificantBits();

    public static Vector128<float> FromBits(uint bits)
    {
        var one = Vector128.Create(1, 2, 4, 8);
        return Vector128.Equals(Vector128.Create((int)bits) & one, one).AsSingle();
    }
}
