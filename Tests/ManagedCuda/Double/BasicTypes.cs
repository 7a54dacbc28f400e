namespace ManagedCuda.BasicTypes;

/// <summary>A size or an address, which converts to and from numbers.</summary>
public struct SizeT
{
    private UIntPtr _value;

    public SizeT(long value) => _value = (UIntPtr)value;

    public SizeT(ulong value) => _value = (UIntPtr)value;

    public static implicit operator int(SizeT t) => (int)t._value;

    public static implicit operator uint(SizeT t) => (uint)t._value;

    public static implicit operator long(SizeT t) => (long)t._value;

    public static implicit operator ulong(SizeT t) => t._value;

    public static implicit operator UIntPtr(SizeT t) => t._value;

    public static implicit operator IntPtr(SizeT t) => (IntPtr)(long)t._value;

    public static implicit operator SizeT(int value) => new((long)value);

    public static implicit operator SizeT(uint value) => new((ulong)value);

    public static implicit operator SizeT(long value) => new(value);

    public static implicit operator SizeT(ulong value) => new(value);

    public static implicit operator SizeT(IntPtr value) => new((long)value);

    public static implicit operator SizeT(UIntPtr value) => new((ulong)value);
}

/// <summary>A device's handle.</summary>
public struct CUdevice
{
    public int Pointer;
}

/// <summary>A context's handle.</summary>
public struct CUcontext
{
    public IntPtr Pointer;
}

/// <summary>A stream's handle.</summary>
public struct CUstream
{
    public IntPtr Pointer;
}

/// <summary>An event's handle.</summary>
public struct CUevent
{
    public IntPtr Pointer;
}

/// <summary>A module's handle.</summary>
public struct CUmodule
{
    public IntPtr Pointer;
}

/// <summary>A kernel's handle.</summary>
public struct CUfunction
{
    public IntPtr Pointer;
}

/// <summary>A device address.</summary>
public struct CUdeviceptr
{
    public SizeT Pointer;

    public CUdeviceptr(SizeT pointer) => Pointer = pointer;

    public static implicit operator ulong(CUdeviceptr src) => src.Pointer;
}
