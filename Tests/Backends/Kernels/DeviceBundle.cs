using System.Runtime.InteropServices;

namespace Sequor.Tests.Kernels;

/// <summary>
/// Arrays that lie in one block of a machine's memory with gaps between them, and the numbers of a table. In a plan each may be an
/// allocation of its own; in one block a recorded launch finds them by its table wherever it is replayed.
/// </summary>
internal sealed class DeviceBundle(KernelMachine machine)
{
    // Even, so that pairs of floats begin at multiples of 8 bytes.
    private const int Gap = 6;

    private readonly List<float> _values = [];
    private DeviceArray _all;

    /// <summary>Adds an array; where it lies from the bundle's first float.</summary>
    public long Add(float[] values)
    {
        long place = _values.Count;
        _values.AddRange(values);
        // NaN, which a kernel that reads beside an array would spread.
        _values.AddRange(Enumerable.Repeat(float.NaN, Gap + _values.Count % 2));
        return place;
    }

    /// <summary>Adds room for values.</summary>
    public long Add(int count) => Add([.. Enumerable.Repeat(float.NaN, count)]);

    /// <summary>The bundle's first float; nothing is added from then on.</summary>
    public DeviceArray All => _all == default ? _all = machine.Put(_values.ToArray()) : _all;

    /// <summary>An array of it.</summary>
    public DeviceArray Of(long place, long count) =>
        new(All.Address + sizeof(float) * (ulong)place, count);

    /// <summary>Values that are there now.</summary>
    public float[] Get(long place, long count) => machine.Get(Of(place, count));

    /// <summary>The values of gaps and arrays, of which none but NaN may lie outside the arrays.</summary>
    public void RequireGaps(IEnumerable<(long Place, long Count)> arrays)
    {
        float[] now = machine.Get(All);
        foreach ((long place, long count) in arrays)
            now.AsSpan((int)place, (int)count).Fill(float.NaN);
        if (!now.All(float.IsNaN))
            throw new InvalidOperationException("a kernel wrote between arrays");
    }

    /// <summary>A table's words: 64 bits for each place, 32 for each size.</summary>
    public static int[] Words(ReadOnlySpan<long> places, ReadOnlySpan<int> sizes) =>
        [.. MemoryMarshal.Cast<long, int>(places), .. sizes];
}
