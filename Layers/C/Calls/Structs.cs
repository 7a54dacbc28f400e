using System.Runtime.InteropServices;

namespace Sequor.C;

/// <summary>
/// The structs of sequor.h, field by field. The first field says how large the caller's is: fields that it lacks are 0, which always means
/// the default; what a newer one has more must be 0.
/// </summary>
internal static unsafe class Structs
{
    // Larger than any version of any struct will be: a size above it is an uninitialised field.
    private const uint Largest = 4096;

    /// <summary>Reads a struct of any version.</summary>
    /// <param name="given">The caller's; null for all defaults.</param>
    /// <param name="name">The struct's name in sequor.h.</param>
    public static T Read<T>(T* given, string name)
        where T : unmanaged
    {
        T read = default;
        if (given is null)
            return read;
        if ((nuint)given % sizeof(ulong) != 0)
            throw new RefusedException(
                Status.Argument,
                $"The {name} is at 0x{(nuint)given:x}, which is no multiple of {sizeof(ulong)}."
            );
        uint size = *(uint*)given;
        if (size is < sizeof(uint) or > Largest)
            throw new RefusedException(
                Status.Version,
                $"The {name} has struct_size {size}; set it to sizeof({name}), which is {sizeof(T)} here."
            );
        byte* bytes = (byte*)given;
        for (uint i = (uint)sizeof(T); i < size; i++)
        {
            if (bytes[i] != 0)
                throw new RefusedException(
                    Status.Version,
                    $"The {name} has {size} bytes, and byte {i} is not 0; this library knows {sizeof(T)} bytes: it is older than the header."
                );
        }
        uint common = Math.Min(size, (uint)sizeof(T));
        new ReadOnlySpan<byte>(given, (int)common).CopyTo(new Span<byte>(&read, sizeof(T)));
        return read;
    }
}

/// <summary>sequor_cpu_options of sequor.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct CpuOptionsStruct
{
    public uint StructSize;
    public int Threads;
    public int VectorBits;
    public int NoNvtx;
}

/// <summary>sequor_cuda_options of sequor.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct CudaOptionsStruct
{
    public uint StructSize;
    public int Math;
    public int SelfCheck;
    public int NoGraphs;
    public int NoNvtx;
    public int Reserved;
    public byte* Autotune;
}

/// <summary>sequor_plan_options of sequor.h.</summary>
[StructLayout(LayoutKind.Sequential)]
internal struct PlanOptionsStruct
{
    public uint StructSize;
    public int Mode;
    public int MaxLength;
    public int MaxBatch;
    public int VariableLengths;
    public int InputGradient;
    public ulong Seed;
    public int States;
    public int Carry;
    public int GradientInOutput;
    public int Reserved;
}
