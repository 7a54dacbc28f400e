using Sequor.Native;

namespace Sequor.Interop;

/// <summary>A tensor's type, sizes and strides.</summary>
public sealed unsafe class TensorDescriptor : CuDnnDescriptor
{
    private readonly cudnnTensorDescriptor_t _handle;
    private int[] _sizes = [];

    private TensorDescriptor(CudaContext context, cudnnTensorDescriptor_t handle)
        : base(context)
    {
        _handle = handle;
    }

    /// <summary>Describes a tensor.</summary>
    /// <param name="context">The context in which it is used.</param>
    /// <param name="type">The type of the elements.</param>
    /// <param name="sizes">3 to 8 sizes, all above 0.</param>
    /// <param name="strides">The distance in elements between neighbours along each dimension; row-major by default.</param>
    public static TensorDescriptor Create(
        CudaContext context,
        cudnnDataType_t type,
        ReadOnlySpan<int> sizes,
        ReadOnlySpan<int> strides = default
    )
    {
        TensorDescriptor made = Create(context);
        try
        {
            made.Set(type, sizes, strides);
            return made;
        }
        catch
        {
            made.Dispose();
            throw;
        }
    }

    /// <summary>The type of the tensor's elements.</summary>
    public cudnnDataType_t DataType { get; private set; }

    /// <summary>The tensor's sizes.</summary>
    public IReadOnlyList<int> Sizes => _sizes;

    /// <summary>The number of elements, not counting those that strides skip.</summary>
    public long Count => _sizes.Aggregate(1L, (product, size) => product * size);

    /// <summary>cuDNN's handle.</summary>
    public cudnnTensorDescriptor_t Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>Describes another tensor.</summary>
    /// <param name="type">The type of the elements.</param>
    /// <param name="sizes">3 to 8 sizes, all above 0.</param>
    /// <param name="strides">The distance in elements between neighbours along each dimension; row-major by default.</param>
    public void Set(
        cudnnDataType_t type,
        ReadOnlySpan<int> sizes,
        ReadOnlySpan<int> strides = default
    )
    {
        if (sizes.Length is < 3 or > 8)
            throw new ArgumentException(
                $"A tensor has 3 to 8 dimensions, not {sizes.Length}.",
                nameof(sizes)
            );
        foreach (int size in sizes)
            ArgumentOutOfRangeException.ThrowIfNegativeOrZero(size, nameof(sizes));
        if (strides.Length != 0 && strides.Length != sizes.Length)
            throw new ArgumentException(
                $"{sizes.Length} dimensions have {sizes.Length} strides, not {strides.Length}.",
                nameof(strides)
            );
        int* steps = stackalloc int[sizes.Length];
        int step = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
        {
            steps[i] = strides.Length == 0 ? step : strides[i];
            step = checked(step * sizes[i]);
        }
        cudnnStatus_t status;
        fixed (int* dimensions = sizes)
            status = Library.cudnnSetTensorNdDescriptor(
                Handle,
                type,
                sizes.Length,
                dimensions,
                steps
            );
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            throw CuDnnStatus.Error(
                Context,
                status,
                nameof(Library.cudnnSetTensorNdDescriptor),
                $"[{string.Join(", ", sizes.ToArray())}]"
            );
        DataType = type;
        if (sizes.Length == _sizes.Length)
            sizes.CopyTo(_sizes);
        else
            _sizes = sizes.ToArray();
    }

    /// <summary>Makes a descriptor that a call of cuDNN is to fill in.</summary>
    internal static TensorDescriptor Create(CudaContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        CuDnn library = context.Libraries.CuDnn;
        using CudaContextScope scope = context.Enter();
        cudnnTensorDescriptor_t handle;
        CuDnnStatus.Check(
            context,
            library.cudnnCreateTensorDescriptor(&handle),
            nameof(library.cudnnCreateTensorDescriptor)
        );
        return new TensorDescriptor(context, handle);
    }

    /// <summary>The sizes that cuDNN has filled in.</summary>
    internal int[] Read()
    {
        const int most = 8;
        cudnnDataType_t type;
        int count;
        int* sizes = stackalloc int[most];
        int* strides = stackalloc int[most];
        Check(
            Library.cudnnGetTensorNdDescriptor(Handle, most, &type, &count, sizes, strides),
            nameof(Library.cudnnGetTensorNdDescriptor)
        );
        return new ReadOnlySpan<int>(sizes, count).ToArray();
    }

    private protected override void Release() =>
        Park(
            Library.cudnnDestroyTensorDescriptor(_handle),
            nameof(Library.cudnnDestroyTensorDescriptor)
        );
}
