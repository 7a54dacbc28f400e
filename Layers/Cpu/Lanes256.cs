using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sequor.Layers.Cpu;

/// <summary>Eight lanes: AVX2 with FMA.</summary>
internal readonly unsafe struct Lanes256 : ILanes<Vector256<float>>
{
    public static int Width => 8;
    public static Vector256<float> Zero => Vector256<float>.Zero;

    public static Vector256<float> Set(float value) => Vector256.Create(value);

    public static Vector256<float> Load(float* p) => Vector256.Load(p);

    public static void Store(float* p, Vector256<float> value) => value.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector256<float> LoadPartial(float* p, int count) =>
        Avx.IsSupported ? Avx.MaskLoad(p, First(count)) : LoadEach(p, count);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void StorePartial(float* p, Vector256<float> value, int count)
    {
        if (Avx.IsSupported)
            Avx.MaskStore(p, First(count), value);
        else
            StoreEach(p, value, count);
    }

    private static Vector256<float> LoadEach(float* p, int count)
    {
        float* lanes = stackalloc float[8];
        for (int i = 0; i < 8; i++)
            lanes[i] = i < count ? p[i] : 0f;
        return Vector256.Load(lanes);
    }

    private static void StoreEach(float* p, Vector256<float> value, int count)
    {
        for (int i = 0; i < count; i++)
            p[i] = value[i];
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector256<float> First(int count) =>
        Vector256.LessThan(Vector256<int>.Indices, Vector256.Create(count)).AsSingle();

    public static Vector256<float> Add(Vector256<float> a, Vector256<float> b) => a + b;

    public static Vector256<float> Sub(Vector256<float> a, Vector256<float> b) => a - b;

    public static Vector256<float> Mul(Vector256<float> a, Vector256<float> b) => a * b;

    public static Vector256<float> Div(Vector256<float> a, Vector256<float> b) => a / b;

    public static Vector256<float> Fma(
        Vector256<float> a,
        Vector256<float> b,
        Vector256<float> c
    ) => Vector256.FusedMultiplyAdd(a, b, c);

    public static Vector256<float> NegatedFma(
        Vector256<float> a,
        Vector256<float> b,
        Vector256<float> c
    ) => Vector256.FusedMultiplyAdd(-a, b, c);

    public static Vector256<float> Max(Vector256<float> a, Vector256<float> b) =>
        Vector256.MaxNative(a, b);

    public static Vector256<float> Min(Vector256<float> a, Vector256<float> b) =>
        Vector256.MinNative(a, b);

    public static Vector256<float> Abs(Vector256<float> a) => Vector256.Abs(a);

    public static Vector256<float> Sqrt(Vector256<float> a) => Vector256.Sqrt(a);

    public static Vector256<float> Round(Vector256<float> a) => Vector256.Round(a);

    public static Vector256<float> Greater(Vector256<float> a, Vector256<float> b) =>
        Vector256.GreaterThan(a, b);

    public static Vector256<float> Select(
        Vector256<float> mask,
        Vector256<float> a,
        Vector256<float> b
    ) => Vector256.ConditionalSelect(mask, a, b);

    public static Vector256<float> CopySign(Vector256<float> a, Vector256<float> b) =>
        Vector256.CopySign(a, b);

    public static Vector256<float> Scale(Vector256<float> a, Vector256<float> exponent) =>
        Avx512F.VL.IsSupported ? Avx512F.VL.Scale(a, exponent) : a * PowerOfTwo(exponent);

    private static Vector256<float> PowerOfTwo(Vector256<float> exponent) =>
        ((Vector256.ConvertToInt32Native(exponent) + Vector256.Create(127)) << 23).AsSingle();

    public static Vector256<float> SwapPairs(Vector256<float> a) =>
        Avx.IsSupported
            ? Avx.Permute(a, 0b10_11_00_01)
            : Vector256.Create(Lanes128.SwapPairs(a.GetLower()), Lanes128.SwapPairs(a.GetUpper()));

    public static float Sum(Vector256<float> a) => Vector256.Sum(a);

    public static uint SignBits(Vector256<float> a) => (uint)a.ExtractMostSignificantBits();

    public static Vector256<float> FromBits(uint bits)
    {
        var one = Vector256.Create(1, 2, 4, 8, 16, 32, 64, 128);
        return Vector256.Equals(Vector256.Create((int)bits) & one, one).AsSingle();
    }
}
