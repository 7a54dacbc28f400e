using Sequor.Native;

namespace Sequor.Interop;

/// <summary>Relates cuDNN's types of elements to those of .NET.</summary>
public static class CuDnnElement
{
    /// <summary>cuDNN's type for a type of .NET.</summary>
    /// <exception cref="NotSupportedException">The type is none of float, double, Half and ushort (bfloat16).</exception>
    public static cudnnDataType_t Of<T>()
        where T : unmanaged
    {
        if (typeof(T) == typeof(float))
            return cudnnDataType_t.CUDNN_DATA_FLOAT;
        if (typeof(T) == typeof(double))
            return cudnnDataType_t.CUDNN_DATA_DOUBLE;
        if (typeof(T) == typeof(Half))
            return cudnnDataType_t.CUDNN_DATA_HALF;
        if (typeof(T) == typeof(ushort))
            return cudnnDataType_t.CUDNN_DATA_BFLOAT16;
        throw new NotSupportedException(
            $"cuDNN has no recurrent nets of {typeof(T).Name};"
                + " float, double, Half, and ushort for the bits of bfloat16 are allowed."
        );
    }

    /// <summary>The size of an element in bytes.</summary>
    /// <exception cref="NotSupportedException">The type is not a floating-point type.</exception>
    public static int Size(cudnnDataType_t type) =>
        type switch
        {
            cudnnDataType_t.CUDNN_DATA_FLOAT => 4,
            cudnnDataType_t.CUDNN_DATA_DOUBLE => 8,
            cudnnDataType_t.CUDNN_DATA_HALF or cudnnDataType_t.CUDNN_DATA_BFLOAT16 => 2,
            _ => throw new NotSupportedException(
                $"{type} is not used here; float, double, half and bfloat16 are."
            ),
        };
}
