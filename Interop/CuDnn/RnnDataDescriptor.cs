using Sequor.Native;

namespace Sequor.Interop;

/// <summary>
/// The layout and the lengths of a recurrent network's input or output. It can be set again for each batch, which allocates nothing
/// after the first batch of a size.
/// </summary>
public sealed unsafe class RnnDataDescriptor : CuDnnDescriptor
{
    private readonly cudnnRNNDataDescriptor_t _handle;
    private int[] _lengths = [];

    private RnnDataDescriptor(CudaContext context, cudnnRNNDataDescriptor_t handle)
        : base(context)
    {
        _handle = handle;
    }

    /// <summary>Makes a descriptor; <see cref="Set"/> fills it.</summary>
    public static RnnDataDescriptor Create(CudaContext context)
    {
        ArgumentNullException.ThrowIfNull(context);
        context.ThrowIfDisposed();
        CuDnn library = context.Libraries.CuDnn;
        using CudaContextScope scope = context.Enter();
        cudnnRNNDataDescriptor_t handle;
        CuDnnStatus.Check(
            context,
            library.cudnnCreateRNNDataDescriptor(&handle),
            nameof(library.cudnnCreateRNNDataDescriptor)
        );
        return new RnnDataDescriptor(context, handle);
    }

    /// <summary>cuDNN's handle.</summary>
    public cudnnRNNDataDescriptor_t Handle
    {
        get
        {
            ThrowIfDisposed();
            return _handle;
        }
    }

    /// <summary>The type of the elements.</summary>
    public cudnnDataType_t DataType { get; private set; }

    /// <summary>How the batch lies in memory.</summary>
    public cudnnRNNDataLayout_t Layout { get; private set; }

    /// <summary>T, the number of steps of the longest sequence.</summary>
    public int MaxLength { get; private set; }

    /// <summary>B, the number of sequences; 0 before it is set.</summary>
    public int BatchSize { get; private set; }

    /// <summary>C, the width of a step.</summary>
    public int VectorSize { get; private set; }

    /// <summary>The steps of each sequence.</summary>
    public ReadOnlySpan<int> Lengths => _lengths.AsSpan(0, BatchSize);

    /// <summary>Whether all sequences have MaxLength steps.</summary>
    public bool IsFull { get; private set; }

    /// <summary>The number of elements in memory, including padding.</summary>
    public long ElementCount { get; private set; }

    /// <summary>Describes a batch.</summary>
    /// <param name="type">The type of the elements.</param>
    /// <param name="layout">The layout: [T, B, C], packed or not, or [B, T, C].</param>
    /// <param name="maxLength">T, the number of steps that the memory has for each sequence, where it is not packed.</param>
    /// <param name="vectorSize">C, the width of a step.</param>
    /// <param name="lengths">
    /// The steps of each sequence, from 1 to T, or from 0 to T where the layout is not packed. In the packed layout lengths must not
    /// increase, and the first is T.
    /// </param>
    /// <param name="fillPadding">Whether the padding of outputs is set to 0 instead of being left as it is.</param>
    public void Set(
        cudnnDataType_t type,
        cudnnRNNDataLayout_t layout,
        int maxLength,
        int vectorSize,
        ReadOnlySpan<int> lengths,
        bool fillPadding = true
    )
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(maxLength);
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(vectorSize);
        bool packed = layout == cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
        long steps = Require(lengths, maxLength, packed);
        ulong zero = 0;
        fixed (int* first = lengths)
            Check(
                Library.cudnnSetRNNDataDescriptor(
                    Handle,
                    type,
                    layout,
                    maxLength,
                    lengths.Length,
                    vectorSize,
                    first,
                    fillPadding ? &zero : null
                ),
                nameof(Library.cudnnSetRNNDataDescriptor)
            );
        if (_lengths.Length < lengths.Length)
            _lengths = new int[lengths.Length];
        lengths.CopyTo(_lengths);
        DataType = type;
        Layout = layout;
        MaxLength = maxLength;
        BatchSize = lengths.Length;
        VectorSize = vectorSize;
        IsFull = steps == (long)maxLength * lengths.Length;
        ElementCount = (packed ? steps : (long)maxLength * lengths.Length) * vectorSize;
    }

    /// <summary>Whether another one describes the same batch, apart from the width.</summary>
    internal bool SameBatch(RnnDataDescriptor other) =>
        Layout == other.Layout
        && MaxLength == other.MaxLength
        && Lengths.SequenceEqual(other.Lengths);

    private protected override void Release() =>
        Park(
            Library.cudnnDestroyRNNDataDescriptor(_handle),
            nameof(Library.cudnnDestroyRNNDataDescriptor)
        );

    private static long Require(ReadOnlySpan<int> lengths, int maxLength, bool packed)
    {
        if (lengths.IsEmpty)
            throw new ArgumentException("A batch has 1 sequence at least.", nameof(lengths));
        int least = packed ? 1 : 0;
        long steps = 0;
        for (int i = 0; i < lengths.Length; i++)
        {
            int length = lengths[i];
            if (length < least || length > maxLength)
                throw new ArgumentOutOfRangeException(
                    nameof(lengths),
                    length,
                    $"Sequence {i} has {length} steps; {least} to {maxLength} are allowed."
                );
            if (packed && i > 0 && length > lengths[i - 1])
                throw new ArgumentException(
                    $"Packed sequences must not rise in length: sequence {i} has {length} steps,"
                        + $" the one before it {lengths[i - 1]}.",
                    nameof(lengths)
                );
            steps += length;
        }
        if (packed && lengths[0] != maxLength)
            throw new ArgumentException(
                $"The first of packed sequences is the longest: it has {lengths[0]} steps,"
                    + $" and the batch {maxLength}.",
                nameof(lengths)
            );
        return steps;
    }
}
