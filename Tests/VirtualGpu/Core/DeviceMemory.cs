using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;

namespace Sequor.VirtualGpu;

/// <summary>
/// The device's memory. Addresses begin at multiples of 256 and of no more, with gaps between, and none is given
/// twice. Every access is checked.
/// </summary>
internal sealed unsafe class DeviceMemory(VirtualDevice device) : IDisposable
{
    /// <summary>Where device addresses begin: no address that a processor can have.</summary>
    public const long Base = 0x0D00_0000_0000_0000;

    private const int Alignment = 256;
    private const int Gap = 4096;

    // Over devices, so that what one frees late means nothing to the next.
    private static long s_next = Base;
    private static ulong s_lastId;

    // By address, which only grows; those that were freed stay, to be known by name.
    private readonly List<DeviceAllocation> _allocations = [];

    /// <summary>No allocation of this device lies lower.</summary>
    public nint FirstAddress { get; } = (nint)Volatile.Read(ref s_next);

    /// <summary>What is allocated and not freed.</summary>
    public IEnumerable<DeviceAllocation> Live => _allocations.Where(a => !a.Released);

    /// <summary>Makes an allocation that work cannot use before <see cref="DeviceAllocation.Begin"/>.</summary>
    public DeviceAllocation Reserve(long bytes, VirtualContext context, VirtualPool? pool)
    {
        var allocation = new DeviceAllocation(NextAddress(bytes), bytes, context)
        {
            Pool = pool,
            Id = Interlocked.Increment(ref s_lastId),
        };
        _allocations.Add(allocation);
        device.Counts.Allocations++;
        device.Counts.Live(bytes);
        return allocation;
    }

    /// <summary>Gives bytes from elsewhere an address in a context, which takes no memory of the device.</summary>
    /// <param name="offset">Where they begin within what they are a part of, which its alignment comes from.</param>
    public DeviceAllocation Map(
        long bytes,
        VirtualContext context,
        ForeignBytes foreign,
        long offset = 0
    )
    {
        var allocation = new DeviceAllocation(
            NextAddress(bytes) + (nint)(offset % Alignment),
            bytes,
            context
        )
        {
            Foreign = foreign,
            Id = Interlocked.Increment(ref s_lastId),
        };
        _allocations.Add(allocation);
        allocation.Begin();
        return allocation;
    }

    // An odd multiple of 256: nothing may hope for more.
    private static nint NextAddress(long bytes)
    {
        long rounded = (bytes + Alignment - 1) / Alignment * Alignment;
        return (nint)(
            (Interlocked.Add(ref s_next, 2 * (rounded + Gap)) - rounded - Gap) | Alignment
        );
    }

    /// <summary>Ends an allocation's time with the host; with work it ends by <see cref="DeviceAllocation.End"/>.</summary>
    public void Release(DeviceAllocation allocation)
    {
        allocation.Released = true;
        if (allocation.Foreign is null)
            device.Counts.Live(-allocation.Bytes);
    }

    /// <summary>Whether an address lies in device memory that is allocated.</summary>
    public bool Owns(nint address) => At(address) is { Released: false };

    /// <summary>The allocation that an address lies in, freed or not; null if it lies in none.</summary>
    public DeviceAllocation? At(nint address)
    {
        int low = 0;
        for (int high = _allocations.Count; low < high; )
        {
            int middle = (low + high) / 2;
            if (_allocations[middle].Address <= address)
                low = middle + 1;
            else
                high = middle;
        }
        if (low == 0)
            return null;
        DeviceAllocation found = _allocations[low - 1];
        return address - found.Address < found.Bytes ? found : null;
    }

    /// <summary>The nearest allocation before an address, to tell by how much it was missed.</summary>
    private DeviceAllocation? Before(nint address) =>
        _allocations.LastOrDefault(a => a.Address <= address);

    /// <summary>Elements to read: in one live allocation, aligned, all written before.</summary>
    /// <exception cref="VirtualFaultException">They are not.</exception>
    public Span<T> Read<T>(nint address, long count, string call, string argument)
        where T : unmanaged => Access<T>(address, count, call, argument, read: true, write: false);

    /// <summary>Elements to write, which count as written from here on.</summary>
    /// <exception cref="VirtualFaultException">They are not in one live allocation, or not aligned.</exception>
    public Span<T> Write<T>(nint address, long count, string call, string argument)
        where T : unmanaged => Access<T>(address, count, call, argument, read: false, write: true);

    /// <summary>Elements to read and write: in one live allocation, aligned, all written before.</summary>
    /// <exception cref="VirtualFaultException">They are not.</exception>
    public Span<T> ReadWrite<T>(nint address, long count, string call, string argument)
        where T : unmanaged => Access<T>(address, count, call, argument, read: true, write: true);

    /// <summary>Fills memory with garbage that counts as never written, as a workspace is left.</summary>
    /// <exception cref="VirtualFaultException">It is not in one live allocation.</exception>
    public void Scribble(nint address, long bytes)
    {
        if (bytes == 0)
            return;
        const string call = "workspace";
        byte* data = Locate(address, bytes, call, "address", out DeviceAllocation? allocation);
        for (long i = 0; i < bytes; i++)
            data[i] = (byte)device.Random.Next(256);
        if (allocation is null)
            return;
        long at = address - allocation.Address;
        long first = (at + 3) / 4;
        long end = (at + bytes) / 4;
        if (end > first)
            allocation.Words.Fill(first, end - first, false);
    }

    /// <summary>Copies between device allocations; what was not written is no more written there.</summary>
    /// <param name="toOwner">The context that is said to have the destination.</param>
    /// <param name="fromOwner">The context that is said to have the source.</param>
    internal void Copy(
        nint to,
        nint from,
        long bytes,
        string call,
        VirtualContext? toOwner = null,
        VirtualContext? fromOwner = null
    )
    {
        byte* source = Locate(from, bytes, call, "source", out DeviceAllocation? a, fromOwner);
        byte* target = Locate(to, bytes, call, "destination", out DeviceAllocation? b, toOwner);
        Buffer.MemoryCopy(source, target, bytes, bytes);
        device.Work.Touched(bytes, bytes);
        if (b is null)
            return;
        long toFirst = (to - b.Address) / 4;
        long words = (to - b.Address + bytes + 3) / 4 - toFirst;
        long fromFirst = a is null ? 0 : (from - a.Address) / 4;
        if (a is null)
            b.Words.Fill(toFirst, words, true);
        else
            b.Words.Copy(a.Words, fromFirst, toFirst, Math.Min(words, a.Words.Count - fromFirst));
    }

    /// <summary>
    /// Where bytes lie, in device memory or in pinned host memory, which the device reaches as well: then there is
    /// no allocation.
    /// </summary>
    /// <param name="owner">The context that is said to have them; that of the work that runs if none is said.</param>
    internal byte* Locate(
        nint address,
        long bytes,
        string call,
        string argument,
        out DeviceAllocation? allocation,
        VirtualContext? owner = null
    )
    {
        allocation = At(address);
        if (allocation is null)
        {
            if (device.Host.At(address) is { } pinned)
            {
                if (address - pinned.Address + bytes > pinned.Bytes)
                    Throw(
                        FaultKind.OutOfBounds,
                        $"{bytes} bytes end {address - pinned.Address + bytes - pinned.Bytes} behind the pinned block's end"
                    );
                return (byte*)address;
            }
            DeviceAllocation? near = (long)address >= Base ? Before(address) : null;
            Throw(
                FaultKind.OutOfBounds,
                near is null
                    ? "this is no address of the device"
                    : $"this lies {address - near.Address - near.Bytes} bytes behind the end of 0x{near.Address:x} ({near.Bytes} bytes)"
            );
        }
        long at = address - allocation.Address;
        if (at + bytes > allocation.Bytes)
            Throw(
                FaultKind.OutOfBounds,
                $"{bytes} bytes end {at + bytes - allocation.Bytes} behind the end of 0x{allocation.Address:x} ({allocation.Bytes} bytes)"
            );
        if (!allocation.Live)
            Throw(FaultKind.UseAfterFree, allocation.WhyNotLive);
        VirtualContext? user = owner ?? device.Work.RunningContext;
        if (user is not null && !user.Reaches(allocation.Context))
            Throw(FaultKind.OtherContext, "this memory is another context's");
        return allocation.Data + at;

        [DoesNotReturn]
        void Throw(FaultKind kind, string detail) =>
            throw new VirtualFaultException(new(kind, call, argument, address, detail));
    }

    public void Dispose()
    {
        foreach (DeviceAllocation allocation in _allocations.Where(a => a.Live))
            allocation.End();
    }

    private Span<T> Access<T>(
        nint address,
        long count,
        string call,
        string argument,
        bool read,
        bool write
    )
        where T : unmanaged
    {
        if (count == 0)
            return [];
        if (count is < 0 or > int.MaxValue)
            throw new VirtualFaultException(
                new(
                    FaultKind.NotSupported,
                    call,
                    argument,
                    address,
                    $"{count} elements; a span holds 0 to {int.MaxValue}"
                )
            );
        int size = Unsafe.SizeOf<T>();
        int alignment = Math.Min(size & -size, 16);
        if (address % alignment != 0)
            throw new VirtualFaultException(
                new(
                    FaultKind.Misaligned,
                    call,
                    argument,
                    address,
                    $"elements of {size} bytes need a multiple of {alignment}"
                )
            );
        byte* data = Bytes(address, count * size, call, argument, read, write);
        return MemoryMarshal.CreateSpan(ref Unsafe.AsRef<T>(data), (int)count);
    }

    /// <summary>Bytes that are read or written, checked, and counted for the work that runs.</summary>
    internal byte* Bytes(
        nint address,
        long bytes,
        string call,
        string argument,
        bool read,
        bool write
    )
    {
        byte* data = Locate(address, bytes, call, argument, out DeviceAllocation? allocation);
        if (allocation is not null)
            CheckWords(allocation, address, bytes, call, argument, read, write);
        device.Work.Touched(read ? bytes : 0, write ? bytes : 0);
        return data;
    }

    private static void CheckWords(
        DeviceAllocation allocation,
        nint address,
        long bytes,
        string call,
        string argument,
        bool read,
        bool write
    )
    {
        long first = (address - allocation.Address) / 4;
        long words = (address - allocation.Address + bytes + 3) / 4 - first;
        long clear = read ? allocation.Words.FirstClear(first, words) : -1;
        if (clear >= 0)
            throw new VirtualFaultException(
                new(
                    FaultKind.Uninitialised,
                    call,
                    argument,
                    address,
                    $"of {bytes} bytes those from {Math.Max(0, clear * 4 - (address - allocation.Address))} on were never written"
                )
            );
        if (write)
            allocation.Words.Fill(first, words, true);
    }
}
