using System.Runtime.CompilerServices;

namespace Sequor.Layers.Cpu;

/// <summary>Loads and stores at the end of a row, where fewer values than a vector's lanes may be left.</summary>
internal static unsafe class Lane<TV, TO>
    where TV : struct
    where TO : struct, ILanes<TV>
{
    /// <summary>Loads the next values of a row with <paramref name="left"/> values to go; lanes beyond them are zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TV Get(float* p, int left) =>
        left >= TO.Width ? TO.Load(p) : TO.LoadPartial(p, left);

    /// <summary>Stores the next values of a row with <paramref name="left"/> values to go.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static void Put(float* p, TV value, int left)
    {
        if (left >= TO.Width)
            TO.Store(p, value);
        else
            TO.StorePartial(p, value, left);
    }

    /// <summary>The vector with the lanes from <paramref name="left"/> on set to zero.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public static TV Keep(TV value, int left) =>
        left >= TO.Width ? value : TO.Select(TO.FromBits((1u << left) - 1), value, TO.Zero);
}
