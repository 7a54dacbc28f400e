using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>A batch normalisation, each part of which is one launch.</summary>
internal sealed class CudaBatchNorm : BatchNormOperation
{
    // The most doubles that a part of the rows leaves for each channel: count, mean and sum of squares, or two sums.
    private const int MostSums = 3;

    private readonly CudaBackend _backend;
    private readonly BatchNormDescriptor _d;
    private readonly Storage _counters;

    public CudaBatchNorm(CudaBackend backend, in BatchNormDescriptor descriptor)
        : base(backend)
    {
        (_backend, _d) = (backend, descriptor);
        // The counters start as zeros, and every launch leaves them as zeros.
        _counters = backend.Allocate(KernelGrid.ColumnSums(1, _d.Size).X, MemoryCategory.Workspace);
        try
        {
            Counters.Clear(backend.Stream);
        }
        catch
        {
            _counters.Dispose();
            throw;
        }
    }

    // In floats. The number of rows is not known here, so this is for the largest number of parts.
    public override long WorkspaceCount => 2L * MostSums * _d.Size * KernelGrid.MostParts(_d.Size);

    private DeviceSpan<uint> Counters =>
        CudaBackend
            .Span(new Tensor(_counters, 0, new Shape(checked((int)_counters.Count))))
            .Cast<uint>();

    protected override void MeasureCore(
        Tensor x,
        Tensor statistics,
        Tensor runningMean,
        Tensor runningVariance,
        Tensor workspace
    )
    {
        KernelGrid grid = KernelGrid.ColumnSums(x.Shape.Rows, _d.Size);
        _backend.Kernels.Launch(
            "batch_norm_measure",
            grid,
            CudaBackend.Span(x),
            CudaBackend.Span(statistics),
            CudaBackend.Span(runningMean),
            CudaBackend.Span(runningVariance),
            x.Shape.Rows,
            _d.Size,
            grid.Lanes,
            _d.Momentum,
            _d.Epsilon,
            Partials(workspace),
            Counters
        );
    }

    protected override void RecallCore(
        Tensor runningMean,
        Tensor runningVariance,
        Tensor statistics
    ) =>
        _backend.Kernels.Launch(
            "batch_norm_recall",
            KernelGrid.Threadwise(_d.Size, KernelGrid.Block),
            CudaBackend.Span(runningMean),
            CudaBackend.Span(runningVariance),
            CudaBackend.Span(statistics),
            _d.Size,
            _d.Epsilon
        );

    protected override void NormaliseCore(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor bias,
        Tensor y
    )
    {
        KernelGrid grid = KernelGrid.Packs(x.Shape.Rows, _d.Size);
        _backend.Kernels.Launch(
            "batch_norm_normalise",
            grid,
            CudaBackend.Span(x),
            CudaBackend.Span(statistics),
            CudaBackend.Span(weight),
            CudaBackend.Span(bias),
            CudaBackend.Span(y),
            x.Shape.Rows,
            _d.Size,
            grid.Lanes
        );
    }

    protected override void SumCore(
        Tensor x,
        Tensor statistics,
        Tensor dy,
        Tensor sums,
        bool accumulate,
        Tensor workspace
    )
    {
        KernelGrid grid = KernelGrid.ColumnSums(x.Shape.Rows, _d.Size);
        _backend.Kernels.Launch(
            "batch_norm_sum",
            grid,
            CudaBackend.Span(x),
            CudaBackend.Span(statistics),
            CudaBackend.Span(dy),
            CudaBackend.Span(sums),
            x.Shape.Rows,
            _d.Size,
            grid.Lanes,
            accumulate ? 1 : 0,
            Partials(workspace),
            Counters
        );
    }

    protected override void BackwardCore(
        Tensor x,
        Tensor statistics,
        Tensor weight,
        Tensor dy,
        Tensor sums,
        long rows,
        Tensor dx,
        bool accumulate
    )
    {
        KernelGrid grid = KernelGrid.Packs(x.Shape.Rows, _d.Size);
        _backend.Kernels.Launch(
            "batch_norm_gradient",
            grid,
            CudaBackend.Span(x),
            CudaBackend.Span(statistics),
            CudaBackend.Span(weight),
            CudaBackend.Span(dy),
            CudaBackend.Span(sums),
            CudaBackend.Span(dx),
            x.Shape.Rows,
            _d.Size,
            grid.Lanes,
            (float)(1.0 / rows),
            accumulate ? 1 : 0
        );
    }

    public override void Dispose()
    {
        _counters.Dispose();
        base.Dispose();
    }

    private DeviceSpan<double> Partials(Tensor workspace) =>
        CudaBackend.Span(workspace).Slice(0, WorkspaceCount).Cast<double>();
}
