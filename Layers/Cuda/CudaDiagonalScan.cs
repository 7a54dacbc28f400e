using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// The scan by Sequor's kernels. Where there are many channels, a thread walks a channel's whole time; where there are few, time is split
/// into tiles. Each pass is one launch for each range. The gradient of lambda is left as partial sums, for each sequence and tile, which
/// the reader of that gradient adds up.
/// </summary>
internal sealed class CudaDiagonalScan : DiagonalScanOperation
{
    // Bytes of two complex channels, which a thread may load at once where they are aligned so.
    private const int PairBytes = 16;

    private readonly CudaBackend _backend;
    private readonly DiagonalScanDescriptor _d;
    private readonly Storage? _control;
    private readonly int? _warps;
    private readonly int _multiprocessors;
    private readonly int _room;
    private int _slabs;
    private int _batch;

    /// <param name="backend">The backend.</param>
    /// <param name="descriptor">The largest shape.</param>
    /// <param name="warps">Warps of a tile, 0 for none; null for what each shape has by the rule.</param>
    public CudaDiagonalScan(CudaBackend backend, in DiagonalScanDescriptor descriptor, int? warps)
        : base(backend)
    {
        (_backend, _d, _warps) = (backend, descriptor, warps);
        _multiprocessors = backend.Context.Device.Multiprocessors;
        long tiles = warps is { } each
            ? ScanKernel.MostTilesOf(
                _d.MaxBatch,
                _d.StateSize,
                _d.MaxLength,
                _multiprocessors,
                each
            )
            : ScanKernel.MostTiles(_d.MaxBatch, _d.StateSize, _d.MaxLength, _multiprocessors);
        WorkspaceCount = checked(2L * _d.MaxBatch * _d.StateSize);
        // Floats of dlambda: a complex partial sum for each channel and tile.
        LambdaGradientCount = Math.Max(WorkspaceCount, 2L * ScanKernel.Strip * tiles);
        if (tiles == 0)
            return;
        // The control words are zeros before the first launch; then each launch leaves them as the next one needs them.
        long words = ScanKernel.ControlCountOf(tiles);
        _room = (int)tiles;
        _control = backend.Allocate(words, MemoryCategory.Workspace);
        try
        {
            Control.Clear(backend.Stream);
        }
        catch
        {
            _control.Dispose();
            throw;
        }
    }

    // What one range of a backward pass carries to the next.
    public override long WorkspaceCount { get; }

    public override long LambdaGradientCount { get; }

    private DeviceSpan<uint> Control =>
        _control is null
            ? default
            : CudaBackend
                .Span(new Tensor(_control, 0, new Shape(checked((int)_control.Count))))
                .Cast<uint>();

    public override Tensor LambdaGradient(Tensor dlambda)
    {
        var rows = new Shape(_slabs * _batch, 2 * _d.StateSize);
        return new Tensor(dlambda.Storage, dlambda.Offset, rows);
    }

    protected override void ForwardCore(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        in ScanRange range,
        Tensor workspace,
        bool sameLambda,
        StepResets? resets
    )
    {
        Batch batch = BatchOf(states, layout);
        ScanKernel kernel = Choose(batch, range, AreAligned(states), resets);
        (int start, int delta) = ScanKernel.Walk(range.First, range.Count, range.Reverse, false);
        Span<KernelArgument> arguments =
        [
            CudaBackend.Span(lambda),
            CudaBackend.Span(states),
            batch.Rows,
            batch.Steps,
            batch.Sequences,
            _d.StateSize,
            start,
            delta,
            range.Count,
            default,
            default,
            default,
            default,
        ];
        Launch(kernel, kernel.Forward, kernel.Grid, arguments, resets);
    }

    protected override void BackwardCore(
        Tensor lambda,
        Tensor states,
        SequenceLayout? layout,
        Tensor gradient,
        in ScanRange range,
        Tensor dlambda,
        bool adds,
        Tensor workspace,
        StepResets? resets
    )
    {
        Batch batch = BatchOf(states, layout);
        ScanKernel kernel = Choose(
            batch,
            range,
            AreAligned(states) && AreAligned(gradient),
            resets
        );
        (int start, int delta) = ScanKernel.Walk(range.First, range.Count, range.Reverse, true);
        bool atFirst = range.First == _d.FirstStep;
        bool atLast = range.End == batch.Steps;
        DeviceSpan<float> carry = CudaBackend.Span(workspace).Slice(0, WorkspaceCount);
        DeviceSpan<float> from = (range.Reverse ? atFirst : atLast) ? default : carry;
        DeviceSpan<float> to = (range.Reverse ? atLast : atFirst) ? default : carry;
        // dlambda holds partial sums [tiles, B, N], to which later ranges and passes add theirs.
        if (from.IsEmpty && !adds)
            _slabs = 0;
        int before = _slabs;
        _slabs = Math.Max(_slabs, Math.Max(1, kernel.BackwardTiles));
        _batch = batch.Sequences;
        Span<KernelArgument> arguments =
        [
            CudaBackend.Span(lambda),
            CudaBackend.Span(states),
            CudaBackend.Span(gradient),
            batch.Rows,
            batch.Steps,
            batch.Sequences,
            _d.StateSize,
            start,
            delta,
            range.Count,
            from,
            to,
            CudaBackend.Span(dlambda),
            before,
            default,
            default,
            default,
            default,
        ];
        Launch(kernel, kernel.Backward, kernel.BackwardGrid, arguments, resets);
    }

    // The last four arguments are left for what scans in tiles have, and those with marks: the others end before.
    private void Launch(
        in ScanKernel kernel,
        string name,
        in KernelGrid grid,
        Span<KernelArgument> arguments,
        StepResets? resets
    )
    {
        int count = arguments.Length - 4;
        if (kernel.Chunked)
        {
            arguments[count++] = Control;
            arguments[count++] = _room;
        }
        if (resets is not null)
        {
            arguments[count++] = CudaBackend.Span(resets.Words).Cast<uint>();
            arguments[count++] = resets.Pitch;
        }
        _backend.Kernels.Launch(name, grid, arguments[..count]);
    }

    public override void Dispose()
    {
        _control?.Dispose();
        base.Dispose();
    }

    private ScanKernel Choose(
        in Batch batch,
        in ScanRange range,
        bool aligned,
        StepResets? resets
    ) => Choose(batch, range, aligned) with { Resets = resets is not null };

    private ScanKernel Choose(in Batch batch, in ScanRange range, bool aligned) =>
        _warps is { } warps
            ? ScanKernel.Of(
                batch.Sequences,
                _d.StateSize,
                range.Count,
                !batch.Rows.IsEmpty,
                aligned,
                _multiprocessors,
                warps
            )
            : ScanKernel.Choose(
                batch.Sequences,
                _d.StateSize,
                range.Count,
                !batch.Rows.IsEmpty,
                aligned,
                _multiprocessors
            );

    private static Batch BatchOf(Tensor states, SequenceLayout? layout) =>
        layout is { IsPacked: true }
            ? new(CudaBackend.FirstRows(layout), layout.Steps, layout.Batch)
            : new(default, states.Shape.First, states.Shape[1]);

    private static bool AreAligned(Tensor tensor) => tensor.Address % PairBytes == 0;

    private readonly record struct Batch(DeviceSpan<int> Rows, int Steps, int Sequences);
}
