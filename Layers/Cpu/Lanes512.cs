using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using System.Runtime.Intrinsics.X86;

namespace Sequor.Layers.Cpu;

/// <summary>Sixteen lanes: AVX-512.</summary>
internal readonly unsafe struct Lanes512 : ILanes<Vector512<float>>
{
    public static int Width => 16;
    public static Vector512<float> Zero => Vector512<float>.Zero;

    public static Vector512<float> Set(float value) => Vector512.Create(value);

    public static Vector512<float> Load(float* p) => Vector512.Load(p);

    public static void Store(float* p, Vector512<float> value) => value.Store(p);

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static Vector512<float> LoadPartial(float* p, int count) =>
        Avx512F.IsSupported
            ? Avx512F.MaskLoad(p, First(count), Vector512<float>.Zero)
            : LoadEach(p, count);

    // By pieces: a masked store takes some processors as long as twenty whole ones.
    public static void StorePartial(float* p, Vector512<float> value, int count)
    {
        if (count == 16)
        {
            value.Store(p);
            return;
        }
        Vector256<float> half = value.GetLower();
        if ((count & 8) != 0)
        {
            half.Store(p);
            half = value.GetUpper();
            p += 8;
        }
        Vector128<float> quarter = half.GetLower();
        if ((count & 4) != 0)
        {
            quarter.Store(p);
            quarter = half.GetUpper();
            p += 4;
        }
        if ((count & 2) != 0)
        {
            *(double*)p = quarter.AsDouble().ToScalar();
            quarter = Vector128.Shuffle(quarter, Vector128.Create(2, 3, 2, 3));
            p += 2;
        }
        if ((count & 1) != 0)
            *p = quarter.ToScalar();
    }

    private static Vector512<float> LoadEach(float* p, int count)
    {
        float* lanes = stackalloc float[16];
        for (int i = 0; i < 16; i++)
            lanes[i] = i < count ? p[i] : 0f;
        return Vector512.Load(lanes);
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static Vector512<float> First(int count) =>
        Vector512.LessThan(Vector512<int>.Indices, Vector512.Create(count)).AsSingle();

    public static Vector512<float> Add(Vector512<float> a, Vector512<float> b) => a + b;

    public static Vector512<float> Sub(Vector512<float> a, Vector512<float> b) => a - b;

    public static Vector512<float> Mul(Vector512<float> a, Vector512<float> b) => a * b;

    public static Vector512<float> Div(Vector512<float> a, Vector512<float> b) => a / b;

    public static Vector512<float> Fma(
        Vector512<float> a,
        Vector512<float> b,
        Vector512<float> c
    ) => Vector512.FusedMultiplyAdd(a, b, c);

    public static Vector512<float> NegatedFma(
        Vector512<float> a,
        Vector512<float> b,
        Vector512<float> c
    ) => Vector512.FusedMultiplyAdd(-a, b, c);

    public static Vector512<float> Max(Vector512<float> a, Vector512<float> b) =>
        Vector512.MaxNative(a, b);

    public static Vector512<float> Min(Vector512<float> a, Vector512<float> b) =>
        Vector512.MinNative(a, b);

    public static Vector512<float> Abs(Vector512<float> a) => Vector512.Abs(a);

    public static Vector512<float> Sqrt(Vector512<float> a) => Vector512.Sqrt(a);

    public static Vector512<float> Round(Vector512<float> a) => Vector512.Round(a);

    public static Vector512<float> Greater(Vector512<float> a, Vector512<float> b) =>
        Vector512.GreaterThan(a, b);

    public static Vector512<float> Select(
        Vector512<float> mask,
        Vector512<float> a,
        Vector512<float> b
    ) => Vector512.ConditionalSelect(mask, a, b);

    public static Vector512<float> CopySign(Vector512<float> a, Vector512<float> b) =>
        Vector512.CopySign(a, b);

    public static Vector512<float> Scale(Vector512<float> a, Vector512<float> exponent) =>
        Avx512F.IsSupported ? Avx512F.Scale(a, exponent) : a * PowerOfTwo(exponent);

    private static Vector512<float> PowerOfTwo(Vector512<float> exponent) =>
        ((Vector512.ConvertToInt32Native(exponent) + Vector512.Create(127)) << 23).AsSingle();

    public static Vector512<float> SwapPairs(Vector512<float> a) =>
        Avx512F.IsSupported
            ? Avx512F.Permute4x32(a, 0b10_11_00_01)
            : Vector512.Create(Lanes256.SwapPairs(a.GetLower()), Lanes256.SwapPairs(a.GetUpper()));

    public static float Sum(Vector512<float> a) => Vector512.Sum(a);

    public static uint SignBits(Vector512<float> a) => (uint)a.ExtractMostSignificantBits();

    public static Vector512<float> FromBits(uint bits)
    {
        var one = Vector512.Create(
            1,
            2,
            4,
            8,
            16,
            32,
            64,
            128,
            256,
            512,
            1024,
            2048,
            4096,
            8192,
            16384,
            32768
        );
        return Vector512.Equals(Vector512.Create((int)bits) & one, one).AsSingle();
    }
}
