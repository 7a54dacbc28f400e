using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Ptx;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Tests.Kernels;

/// <summary>Memory that a launch is given, and what of it has to move.</summary>
/// <param name="Array">Where it lies.</param>
/// <param name="Floor">Bytes that have to come from memory and go there, in whole sectors.</param>
/// <param name="Cached">Many threads read the same of it, which is little and comes from a cache but once.</param>
internal sealed record Operand(DeviceArray Array, long Floor, bool Cached = false)
{
    /// <summary>The same in another launch, which has to move so many bytes of it.</summary>
    public Operand Moving(long bytes) => this with { Floor = bytes };
}

/// <summary>What a kernel moved, beside the least that it has to.</summary>
/// <param name="Kernel">Its name.</param>
/// <param name="Floor">Bytes, each tensor read once and written once.</param>
/// <param name="Touched">Bytes of the sectors that it read anything of, and of those that it wrote to, each once a launch.</param>
/// <param name="Asked">Bytes that its threads asked for and wrote, however often, without those of operands that are cached.</param>
internal sealed record KernelBytes(string Kernel, long Floor, long Touched, long Asked)
{
    /// <summary>The bytes asked for of a kernel that may ask for more than 1.1 times its floor.</summary>
    public long? MayAsk { get; private set; }

    /// <summary>The bytes touched of a kernel that may touch more than 1.1 times its floor.</summary>
    public long? MayTouch { get; private set; }

    /// <summary>Why it may.</summary>
    public string? Why { get; private set; }

    /// <summary>Says that a kernel asks for exactly so many bytes, although that is more than 1.1 times its floor.</summary>
    public KernelBytes Asks(long bytes, string why)
    {
        (MayAsk, Why) = (bytes, why);
        return this;
    }

    /// <summary>Says that it touches exactly so many bytes, for the same reason.</summary>
    public void Touches(long bytes) => MayTouch = bytes;
}

/// <summary>Launches kernels on the virtual GPU and sets what they move beside the least that they have to.</summary>
internal sealed class FloorMachine : IPtxWatch, IDisposable
{
    private const int Sector = 32;

    private readonly List<DeviceArray> _cached = [];
    private readonly Dictionary<string, (long Touched, long Asked)> _moved = [];
    private long _fromCache;

    public FloorMachine() =>
        Machine = new KernelMachine
        {
            Recorder = null,
            // No block then waits for another, and how often one looks depends on nothing.
            BlocksAtOnce = 1,
            CountSectors = true,
            Watch = this,
            Around = Count,
        };

    public KernelMachine Machine { get; }

    /// <summary>The kernels whose floors were said, in their order.</summary>
    public List<KernelBytes> Results { get; } = [];

    /// <summary>Values that are read once.</summary>
    public Operand Read(long count) => new(Machine.Put(Drawn(count)), Sectors(count));

    /// <summary>The same, of these.</summary>
    public Operand ReadOf<T>(params T[] values)
        where T : unmanaged
    {
        DeviceArray array = Machine.Put(values);
        return new(array, Sectors(array.Count));
    }

    /// <summary>Values that are written once, and hold nothing before.</summary>
    public Operand Write(long count) => new(Machine.New(count), Sectors(count));

    /// <summary>Values that are read once and written once.</summary>
    public Operand Both(long count) => new(Machine.Put(Drawn(count)), 2 * Sectors(count));

    /// <summary>Values that many threads read, as a row that all rows share.</summary>
    public Operand Shared(long count) => Read(count) with { Cached = true };

    /// <summary>The same, of these.</summary>
    public Operand SharedOf<T>(params T[] values)
        where T : unmanaged => ReadOf(values) with { Cached = true };

    /// <summary>Memory for partial sums, which is no tensor: what moves of it counts, and is not in the floor.</summary>
    public Operand Scratch(long count) => new(Machine.New(count), 0);

    /// <summary>Counters of blocks, zeros.</summary>
    public Operand Counters(long count) => new(Machine.Zeros(count), 0);

    /// <summary>Launches a kernel, whose floor is that of its operands.</summary>
    public KernelBytes Launch(string kernel, KernelGrid grid, params object[] arguments)
    {
        Operand[] operands = [.. arguments.OfType<Operand>()];
        foreach (Operand operand in operands.Where(o => o.Cached))
            Cached(operand.Array);
        Machine.Launch(kernel, grid, [.. arguments.Select(a => a is Operand o ? o.Array : a)]);
        return Floor(kernel, operands.Sum(o => o.Floor));
    }

    /// <summary>Says the floor of all launches of a kernel that there were.</summary>
    public KernelBytes Floor(string kernel, long bytes)
    {
        if (!_moved.Remove(kernel, out (long Touched, long Asked) moved))
            throw new InvalidOperationException($"{kernel} was not launched");
        Results.Add(new KernelBytes(kernel, bytes, moved.Touched, moved.Asked));
        return Results[^1];
    }

    /// <summary>Leaves out launches of kernels whose floors were said at another shape.</summary>
    public void Forget(params string[] kernels)
    {
        foreach (string kernel in kernels)
        {
            if (!_moved.Remove(kernel))
                throw new InvalidOperationException($"{kernel} was not launched");
        }
    }

    /// <summary>Of an array many threads read the same.</summary>
    public void Cached(DeviceArray array)
    {
        if (array != DeviceArray.Null)
            _cached.Add(array);
    }

    /// <summary>Bytes of so many floats, in whole sectors.</summary>
    public static long Sectors(long count) =>
        (count * sizeof(float) + Sector - 1) / Sector * Sector;

    public void Touch(ulong address, int bytes, int site, PtxAccess access)
    {
        foreach (DeviceArray array in _cached)
        {
            if (address >= array.Address && address < array.Address + 4 * (ulong)array.Count)
            {
                _fromCache += bytes;
                return;
            }
        }
    }

    public void Dispose() => Machine.Dispose();

    private void Count(string kernel, Action launch)
    {
        PtxCounts counts = Machine.Counts;
        (long touched, long asked) = (counts.BytesTouched, counts.BytesRead + counts.BytesWritten);
        _fromCache = 0;
        launch();
        (long Touched, long Asked) before = _moved.GetValueOrDefault(kernel);
        _moved[kernel] = (
            before.Touched + counts.BytesTouched - touched,
            before.Asked + counts.BytesRead + counts.BytesWritten - asked - _fromCache
        );
    }

    // Between -1 and 1, and the same in every run.
    private static float[] Drawn(long count)
    {
        float[] values = new float[count];
        for (int i = 0; i < values.Length; i++)
            values[i] = (i * 37 % 101 - 50) / 50f;
        return values;
    }
}
