using System.Runtime.CompilerServices;
using System.Runtime.Intrinsics;
using Sequor.Layers;
using Sequor.Layers.Cpu;

namespace Sequor.Workloads;

/// <summary>
/// The rate at which a thread reads an array again and again, with the backend's widest vectors: from the cache that the array fits in.
/// </summary>
internal static unsafe class CachePeak
{
    // What a clock is read around: enough of the array that reading the clock does not matter.
    private const long LeastBytes = 16L << 20;
    private static readonly TimeSpan Time = TimeSpan.FromMilliseconds(50);

    /// <summary>Bytes a second, the fastest of several.</summary>
    /// <param name="backend">A CPU's.</param>
    /// <param name="bytes">The array's size, at least 1.</param>
    public static double Measure(Backend backend, long bytes)
    {
        const int Block = 1024;
        long count = (bytes + Block - 1) / Block * Block / sizeof(float);
        using Storage storage = backend.Allocate(count, MemoryCategory.Workspace);
        using var timer = new PeakTimer(backend);
        timer.Draw(storage.View(new Shape(checked((int)count))));
        float* from = (float*)storage.View(new Shape(1)).Address;
        int passes = (int)Math.Max(1, LeastBytes / (count * sizeof(float)));
        int lanes = ((CpuBackend)backend).Lanes;
        float sum = 0;
        Action read = () =>
        {
            for (int i = 0; i < passes; i++)
                sum += lanes switch
                {
                    16 => Read<Vector512<float>, Lanes512>(from, count),
                    8 => Read<Vector256<float>, Lanes256>(from, count),
                    _ => Read<Vector128<float>, Lanes128>(from, count),
                };
        };
        read();
        double best = timer.Best(read, Time);
        // Numbers between -1 and 1 have a finite sum; that it is looked at keeps the reading.
        return float.IsFinite(sum) ? (double)passes * count * sizeof(float) / best : 0;
    }

    // Eight sums, so that none waits for the one before it. As fast as it gets at once: no loop would be counted until it is worth it.
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static float Read<TV, TO>(float* p, long count)
        where TV : struct
        where TO : struct, ILanes<TV>
    {
        TV a = TO.Zero;
        TV b = TO.Zero;
        TV c = TO.Zero;
        TV d = TO.Zero;
        TV e = TO.Zero;
        TV f = TO.Zero;
        TV g = TO.Zero;
        TV h = TO.Zero;
        for (float* end = p + count; p < end; p += 8 * TO.Width)
        {
            a = TO.Add(a, TO.Load(p));
            b = TO.Add(b, TO.Load(p + TO.Width));
            c = TO.Add(c, TO.Load(p + 2 * TO.Width));
            d = TO.Add(d, TO.Load(p + 3 * TO.Width));
            e = TO.Add(e, TO.Load(p + 4 * TO.Width));
            f = TO.Add(f, TO.Load(p + 5 * TO.Width));
            g = TO.Add(g, TO.Load(p + 6 * TO.Width));
            h = TO.Add(h, TO.Load(p + 7 * TO.Width));
        }
        a = TO.Add(TO.Add(a, b), TO.Add(c, d));
        e = TO.Add(TO.Add(e, f), TO.Add(g, h));
        return TO.Sum(TO.Add(a, e));
    }
}
