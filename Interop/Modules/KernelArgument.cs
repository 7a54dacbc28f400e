using System.Runtime.CompilerServices;

namespace Sequor.Interop;

/// <summary>
/// One argument of a kernel, as the bytes that the kernel reads. Numbers, spans and buffers convert to it implicitly; their type must be
/// that of the parameter (float for float, long for long long).
/// </summary>
public readonly struct KernelArgument
{
    /// <summary>The size in bytes of the largest value, such as a float4.</summary>
    internal const int Room = 16;

    private readonly ulong _low;
    private readonly ulong _high;

    private KernelArgument(ulong low, ulong high, CudaContext? context)
    {
        _low = low;
        _high = high;
        Context = context;
    }

    /// <summary>Takes a value of any type without references, of at most 16 bytes.</summary>
    /// <exception cref="ArgumentException">The value is larger.</exception>
    public static KernelArgument Of<T>(T value)
        where T : unmanaged
    {
        if (Unsafe.SizeOf<T>() > Room)
            throw new ArgumentException(
                $"{typeof(T).Name} has {Unsafe.SizeOf<T>()} bytes; an argument has {Room} at most.",
                nameof(value)
            );
        UInt128 bytes = default;
        Unsafe.WriteUnaligned(ref Unsafe.As<UInt128, byte>(ref bytes), value);
        return new((ulong)bytes, (ulong)(bytes >> 64), null);
    }

    internal static KernelArgument Address(ulong address, CudaContext? context) =>
        new(address, 0, context);

    /// <summary>Takes an int.</summary>
    public static implicit operator KernelArgument(int value) => Of(value);

    /// <summary>Takes an unsigned int.</summary>
    public static implicit operator KernelArgument(uint value) => Of(value);

    /// <summary>Takes a long long.</summary>
    public static implicit operator KernelArgument(long value) => Of(value);

    /// <summary>Takes an unsigned long long.</summary>
    public static implicit operator KernelArgument(ulong value) => Of(value);

    /// <summary>Takes a float.</summary>
    public static implicit operator KernelArgument(float value) => Of(value);

    /// <summary>Takes a double.</summary>
    public static implicit operator KernelArgument(double value) => Of(value);

    /// <summary>The context that an address belongs to; null for a value.</summary>
    internal CudaContext? Context { get; }

    /// <summary>Writes the bytes of the argument.</summary>
    internal unsafe void Write(ulong* room)
    {
        room[0] = _low;
        room[1] = _high;
    }
}
