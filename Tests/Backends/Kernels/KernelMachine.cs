using System.Collections.Concurrent;
using System.Runtime.InteropServices;
using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Ptx;
using Sequor.VirtualGpu.Recording;

namespace Sequor.Tests.Kernels;

/// <summary>Memory, and launches of the kernels' PTX on the virtual GPU. Any fault of a kernel is thrown.</summary>
/// <param name="seed">The order of blocks, warps and writes.</param>
internal sealed unsafe class KernelMachine(ulong seed = 1) : IPtxMemory, IDisposable
{
    // Between allocations, so that leaving one is found.
    private const ulong Gap = 4096;

    private static readonly ConcurrentDictionary<string, PtxModule> Modules = new();

    private readonly List<PtxRegion> _regions = [];
    private ulong _next = 1UL << 40;

    /// <summary>What remembers the launches; null for nobody.</summary>
    public LaunchRecorder? Recorder { get; init; } = KernelRecording.Recorder;

    /// <summary>Blocks that run at once; null for a number by the seed.</summary>
    public int? BlocksAtOnce { get; init; }

    /// <summary>Dynamic shared memory of launches, bytes a block.</summary>
    public int SharedBytes { get; set; }

    /// <summary>Whether sectors and requests are counted.</summary>
    public bool CountSectors { get; init; }

    /// <summary>Sees every access to memory, where nothing is recorded; null for nobody.</summary>
    public IPtxWatch? Watch { get; init; }

    /// <summary>Is given each launch with its kernel's name, and runs it; null where it just runs.</summary>
    public Action<string, Action>? Around { get; init; }

    /// <summary>Instructions of all threads together after which a launch is killed.</summary>
    public long InstructionLimit { get; set; } = 10_000_000_000;

    /// <summary>PTX in place of that of its kernels, for faults that are planted.</summary>
    public PtxModule? Planted { get; init; }

    /// <summary>What the launches did.</summary>
    public PtxCounts Counts { get; } = new();

    /// <summary>Memory with these values.</summary>
    public DeviceArray Put<T>(params T[] values)
        where T : unmanaged
    {
        DeviceArray array = New(values.Length * sizeof(T) / sizeof(float));
        if (array.Count == 0)
            return array;
        PtxRegion region = _regions[^1];
        values.CopyTo(new Span<T>(region.Data, values.Length));
        new Span<ulong>(region.Initialised, Words(region.Bytes)).Fill(ulong.MaxValue);
        return array;
    }

    /// <summary>Other values in the place of an array's.</summary>
    public void Write<T>(DeviceArray array, ReadOnlySpan<T> values)
        where T : unmanaged
    {
        PtxRegion region = _regions.Single(r => r.Address == array.Address);
        values.CopyTo(new Span<T>(region.Data, checked((int)(region.Bytes / sizeof(T)))));
    }

    /// <summary>So many floats that were never written.</summary>
    public DeviceArray New(long count)
    {
        if (count == 0)
            return DeviceArray.Null;
        long bytes = count * sizeof(float);
        var region = new PtxRegion(
            _next,
            bytes,
            (byte*)NativeMemory.AllocZeroed((nuint)bytes),
            (ulong*)NativeMemory.AllocZeroed((nuint)Words(bytes), sizeof(ulong))
        );
        _regions.Add(region);
        _next += ((ulong)bytes + Gap) / 256 * 256 + 256;
        return new DeviceArray(region.Address, count);
    }

    /// <summary>So many zeros.</summary>
    public DeviceArray Zeros(long count) => Put(new float[count]);

    /// <summary>The values there, all of which must have been written.</summary>
    public T[] Get<T>(DeviceArray array)
        where T : unmanaged
    {
        int bytes = checked((int)(array.Count * sizeof(float)));
        if (!TryFind(array.Address, bytes, out PtxRegion region, out _, out string detail))
            throw new InvalidOperationException(detail);
        long first = (long)(array.Address - region.Address);
        for (long word = first / 4; word < (first + bytes) / 4; word++)
        {
            if ((region.Initialised[word / 64] >> (int)(word % 64) & 1) == 0)
                throw new InvalidOperationException($"value {word} was never written");
        }
        return new ReadOnlySpan<T>(region.Data + first, bytes / sizeof(T)).ToArray();
    }

    public float[] Get(DeviceArray array) => Get<float>(array);

    /// <summary>Runs a kernel to its end; arguments are of the types of its parameters.</summary>
    public void Launch(string kernel, KernelGrid grid, params object[] arguments)
    {
        PtxModule module =
            Planted?.Kernels.ContainsKey(kernel) == true
                ? Planted
                : Modules.GetOrAdd(
                    KernelImages.ModuleOf(kernel),
                    name => PtxModule.Parse(KernelImages.Ptx(name))
                );
        PtxKernel code = module.Kernels[kernel];
        if (arguments.Length != code.Parameters.Count)
            throw new ArgumentException(
                $"{kernel} has {code.Parameters.Count} parameters, and was given {arguments.Length}."
            );
        byte[] bytes = new byte[code.ParameterBytes];
        for (int i = 0; i < arguments.Length; i++)
        {
            PtxParameter parameter = code.Parameters[i];
            byte[] value = Bytes(arguments[i]);
            if (value.Length != parameter.Bytes)
                throw new ArgumentException(
                    $"{parameter.Name} has {parameter.Bytes} bytes, and was given {value.Length}."
                );
            value.CopyTo(bytes, parameter.Offset);
        }
        var launch = new PtxLaunch
        {
            Grid = new PtxDim3((uint)grid.X, (uint)grid.Y),
            Block = new PtxDim3((uint)grid.Threads),
            SharedBytes = SharedBytes,
            Arguments = bytes,
            Memory = this,
            Seed = seed,
            Counts = Counts,
            BlocksAtOnce = BlocksAtOnce,
            CountSectors = CountSectors,
            InstructionLimit = InstructionLimit,
            Watch = Watch,
        };
        if (Around is { } around)
            around(kernel, Run);
        else
            Run();

        void Run()
        {
            if (Recorder is { } recorder)
                recorder.Run(code, launch);
            else
                code.Launch(launch);
        }
    }

    private static byte[] Bytes(object argument) =>
        argument switch
        {
            DeviceArray array => BitConverter.GetBytes(array.Address),
            int value => BitConverter.GetBytes(value),
            uint value => BitConverter.GetBytes(value),
            long value => BitConverter.GetBytes(value),
            float value => BitConverter.GetBytes(value),
            _ => throw new ArgumentException($"a kernel has no {argument.GetType().Name}"),
        };

    public bool TryFind(
        ulong address,
        int bytes,
        out PtxRegion region,
        out PtxFaultKind kind,
        out string detail
    )
    {
        foreach (PtxRegion candidate in _regions)
        {
            if (
                address >= candidate.Address
                && address + (ulong)bytes <= candidate.Address + (ulong)candidate.Bytes
            )
            {
                (region, kind, detail) = (candidate, default, "");
                return true;
            }
        }
        (region, kind) = (default, PtxFaultKind.OutOfBounds);
        detail = $"{bytes} bytes at {address:x} lie in no allocation";
        return false;
    }

    private static int Words(long bytes) => (int)((bytes / sizeof(float) + 63) / 64);

    public void Dispose()
    {
        foreach (PtxRegion region in _regions)
        {
            NativeMemory.Free(region.Data);
            NativeMemory.Free(region.Initialised);
        }
        _regions.Clear();
    }
}

/// <summary>Floats, or as many bytes of something else, in a machine's memory.</summary>
internal readonly record struct DeviceArray(ulong Address, long Count)
{
    /// <summary>None.</summary>
    public static DeviceArray Null => default;

    /// <summary>The same without its first values.</summary>
    public DeviceArray From(long first) =>
        new(Address + sizeof(float) * (ulong)first, Count - first);
}
