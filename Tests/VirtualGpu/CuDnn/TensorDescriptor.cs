using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A tensor descriptor.</summary>
internal sealed class TensorDescriptor : ICuDnnObject
{
    public static string Kind => "cuDNN tensor descriptor";

    /// <summary>Whether it describes a tensor; one without dimensions stands for what does not exist.</summary>
    public bool IsSet { get; private set; }

    public cudnnDataType_t Type { get; private set; }
    public int[] Sizes { get; private set; } = [];
    public int[] Strides { get; private set; } = [];

    public void Set(cudnnDataType_t type, int[] sizes, int[] strides) =>
        (IsSet, Type, Sizes, Strides) = (true, type, sizes, strides);

    /// <summary>Describes something that lies without gaps, the last dimension innermost.</summary>
    public void SetPacked(cudnnDataType_t type, params int[] sizes) =>
        Set(type, sizes, PackedStrides(sizes));

    /// <summary>Whether this is such a tensor.</summary>
    public bool IsPacked(cudnnDataType_t type, params int[] sizes) =>
        IsSet
        && Type == type
        && Sizes.SequenceEqual(sizes)
        && Strides.SequenceEqual(PackedStrides(sizes));

    private static int[] PackedStrides(int[] sizes)
    {
        int[] strides = new int[sizes.Length];
        int stride = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            strides[i] = stride;
            stride *= sizes[i];
        }
        return strides;
    }
}
