using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// An embedding. Forward is one launch. Backward sorts the positions by class, in two launches for each 8 bits of a class, and then adds up
/// the gradients of each class in two launches.
/// </summary>
internal sealed class CudaEmbedding : EmbeddingOperation
{
    private readonly CudaBackend _backend;
    private readonly EmbeddingDescriptor _d;
    private readonly EmbeddingKernel _kernel;

    public CudaEmbedding(CudaBackend backend, in EmbeddingDescriptor descriptor)
        : base(backend)
    {
        (_backend, _d) = (backend, descriptor);
        _kernel = new EmbeddingKernel(_d.Count, _d.Positions, _d.Piece);
    }

    public override long WorkspaceCount => _kernel.WorkspaceCount(_d.Size);

    protected override void ForwardCore(Tensor classes, Tensor table, Tensor y)
    {
        KernelGrid grid = KernelGrid.Rows(classes.Count, _d.Size);
        _backend.Kernels.Launch(
            "embed",
            grid,
            CudaBackend.Span(classes),
            CudaBackend.Span(table),
            CudaBackend.Span(y),
            classes.Count,
            _d.Count,
            _d.Size,
            grid.Lanes
        );
    }

    protected override void BackwardCore(Tensor classes, Tensor dy, Tensor dtable, Tensor workspace)
    {
        int positions = checked((int)classes.Count);
        DeviceSpan<float> memory = CudaBackend.Span(workspace);
        DeviceSpan<float> digits = memory.Slice(
            2 * _kernel.Buffers * _kernel.KeyCount,
            _kernel.DigitCount
        );
        DeviceSpan<float> partials = memory.Slice(
            2 * _kernel.Buffers * _kernel.KeyCount + _kernel.DigitCount,
            _kernel.PartialCount(_d.Size)
        );
        Sorted sorted = default;
        for (int pass = 0; pass < _kernel.Passes; pass++)
            sorted = Sort(classes, sorted, memory, digits, pass, positions);
        KernelGrid grid = _kernel.Sum(positions, _d.Size);
        _backend.Kernels.Launch(
            "embedding_sum",
            grid,
            sorted.Keys,
            sorted.Positions,
            CudaBackend.Span(dy),
            CudaBackend.Span(dtable),
            partials,
            positions,
            _d.Size,
            _kernel.Piece,
            _d.Padding,
            grid.Lanes
        );
        _backend.Kernels.Launch(
            "embedding_join",
            grid,
            sorted.Keys,
            partials,
            CudaBackend.Span(dtable),
            positions,
            _d.Size,
            _kernel.Piece,
            _d.Padding,
            grid.Lanes
        );
    }

    private Sorted Sort(
        Tensor classes,
        in Sorted from,
        DeviceSpan<float> memory,
        DeviceSpan<float> digits,
        int pass,
        int positions
    )
    {
        long first = pass % 2 * 2 * _kernel.KeyCount;
        var to = new Sorted(
            memory.Slice(first, _kernel.KeyCount).Cast<uint>(),
            memory.Slice(first + _kernel.KeyCount, _kernel.KeyCount).Cast<uint>()
        );
        KernelGrid grid = _kernel.Sort(positions);
        _backend.Kernels.Launch(
            "embedding_count",
            grid,
            CudaBackend.Span(classes),
            from.Keys,
            digits,
            positions,
            _d.Count,
            EmbeddingKernel.Shift(pass),
            _kernel.Chunk,
            _backend.Scratch.Counters
        );
        _backend.Kernels.Launch(
            "embedding_place",
            grid,
            CudaBackend.Span(classes),
            from.Keys,
            from.Positions,
            digits,
            to.Keys,
            to.Positions,
            positions,
            _d.Count,
            EmbeddingKernel.Shift(pass),
            _kernel.Chunk
        );
        return to;
    }

    // Both are empty before the first pass, which reads the classes themselves.
    private readonly record struct Sorted(DeviceSpan<uint> Keys, DeviceSpan<uint> Positions);
}
