using System.Numerics;
using System.Runtime.CompilerServices;
using Sequor.Layers;
using Sequor.Layers.Cpu;

namespace Sequor.Workloads;

/// <summary>
/// The rate of copying between two arrays beyond the caches. A CPU's threads copy a share each, past the caches, so that nothing but
/// the two arrays moves; a GPU copies by its driver.
/// </summary>
internal static class CopyPeak
{
    // A GPU's arrays grow from here until a copy takes long enough for its clock and for the launch not to matter.
    private const long FirstBytes = 4L << 20;
    private const double LongEnough = 1e-3;
    private const int Growth = 4;

    // Each array twice the last level of caches, and this at least.
    private const long LeastOfCpu = 64L << 20;

    // An array takes a small part of what is free: others use the device as well.
    private const int ShareOfFree = 8;

    public static (double BytesPerSecond, long Bytes) Measure(
        Backend backend,
        PeakTimer timer,
        PeakOptions options
    )
    {
        long most = Math.Min(options.MostBytes, (backend.FreeBytes ?? long.MaxValue) / ShareOfFree);
        // A length is an int.
        most = Math.Min(most, (long)int.MaxValue * sizeof(float));
        long bytes =
            backend is CpuBackend ? Math.Max(LeastOfCpu, 2 * CacheSize.LastLevel()) : FirstBytes;
        while (true)
        {
            bytes = Math.Min(bytes, most) / Vector<byte>.Count * Vector<byte>.Count;
            var shape = new Shape((int)(bytes / sizeof(float)));
            using Storage from = backend.Allocate(shape.Count, MemoryCategory.Workspace);
            using Storage to = backend.Allocate(shape.Count, MemoryCategory.Workspace);
            Action copy = Copy(backend, from.View(shape), to.View(shape));
            timer.Draw(from.View(shape));
            copy(); // which has the system give the memory of the destination, and code be made
            if (timer.IsEnough(copy, LongEnough, Growth, options.Time / 2) || bytes * Growth > most)
                return (2 * bytes / timer.Best(copy, options.Time / 2), bytes);
            bytes *= Growth;
        }
    }

    private static Action Copy(Backend backend, Tensor from, Tensor to)
    {
        if (backend is not CpuBackend cpu)
            return () => backend.Copy(from, to);
        var job = new CopyJob(from, to, cpu.Threads);
        return () => cpu.Run(job, cpu.Threads);
    }

    /// <summary>Copies a tensor in as many parts as there are threads.</summary>
    internal sealed unsafe class CopyJob(Tensor from, Tensor to, int parts) : ParallelJob
    {
        private readonly float* _from = (float*)from.Address;
        private readonly float* _to = (float*)to.Address;
        private readonly long _vectors = from.Count / Vector<float>.Count;

        public override void Execute(int part)
        {
            (long first, long end) = CpuBackend.Share(_vectors, part, parts);
            Stream(_from, _to, first * Vector<float>.Count, end * Vector<float>.Count);
            if (part < parts - 1)
                return;
            for (long i = _vectors * Vector<float>.Count; i < from.Count; i++)
                _to[i] = _from[i];
        }

        // As fast as it gets at once: no loop would be counted until it is worth it.
        [MethodImpl(MethodImplOptions.AggressiveOptimization)]
        private static void Stream(float* from, float* to, long i, long end)
        {
            int step = Vector<float>.Count;
            for (; i + (4 * step) <= end; i += 4 * step)
            {
                var a = Vector.Load(from + i);
                var b = Vector.Load(from + i + step);
                var c = Vector.Load(from + i + (2 * step));
                var d = Vector.Load(from + i + (3 * step));
                a.StoreAlignedNonTemporal(to + i);
                b.StoreAlignedNonTemporal(to + i + step);
                c.StoreAlignedNonTemporal(to + i + (2 * step));
                d.StoreAlignedNonTemporal(to + i + (3 * step));
            }
            for (; i < end; i += step)
                Vector.Load(from + i).StoreAlignedNonTemporal(to + i);
            // Such stores are seen by other threads, in order, behind a fence.
            Interlocked.MemoryBarrier();
        }
    }
}
