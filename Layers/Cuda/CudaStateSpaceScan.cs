using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

/// <summary>
/// Systems of one input and one output by Sequor's kernels. A pass is a launch, and backward one more that adds up what the sequences
/// leave. Where there are few channels, time is split into segments, and two launches find what each begins with. More than 64 states are
/// taken in several launches, which add to the output.
/// </summary>
internal sealed class CudaStateSpaceScan : StateSpaceScanOperation
{
    private readonly CudaBackend _backend;
    private readonly long _startCount;
    private readonly long _partialCount;
    private readonly long _skipCount;

    // The names of the kernels, made once: a launch allocates nothing.
    private static readonly Dictionary<string, Names> Kernels = new string[]
    {
        "1",
        "4",
        "8",
    }.ToDictionary(
        suffix => suffix,
        suffix => new Names(
            "state_scan_forward_" + suffix,
            "state_scan_ends_" + suffix,
            "state_scan_gradient_" + suffix,
            "state_scan_gradient_ends_" + suffix
        )
    );

    public CudaStateSpaceScan(CudaBackend backend, in StateSpaceScanDescriptor descriptor)
        : base(backend, descriptor)
    {
        _backend = backend;
        long split = StateScanKernel.MostSplit(
            descriptor.MaxBatch,
            descriptor.Channels,
            descriptor.MaxLength
        );
        long lines = StateScanKernel.MostLines(
            descriptor.MaxBatch,
            descriptor.Channels,
            descriptor.MaxLength
        );
        int floats = descriptor.Training ? 4 : 2;
        _startCount = backend.Align(checked(split * floats * descriptor.StateSize));
        if (!descriptor.Training)
            return;
        _partialCount = backend.Align(checked(4 * lines * descriptor.StateSize));
        _skipCount = backend.Align(lines);
    }

    // What segments begin with, then for each column and segment the sums that gradients are made of.
    public override long WorkspaceCount => checked(_startCount + _partialCount + _skipCount);

    protected override void ForwardCore(in StateSpaceScanOperands operands)
    {
        Batch batch = BatchOf(operands);
        StateScanKernel kernel = Choose(batch);
        DeviceSpan<float> carried = CudaBackend.Span(operands.Carried);
        DeviceSpan<float> starts = carried;
        int descending = operands.Reverse ? 1 : 0;
        bool split = kernel.Segments > 1;
        if (split)
        {
            starts = CudaBackend.Span(operands.Workspace).Slice(0, _startCount);
            for (int first = 0; first < kernel.Size; first += kernel.StatesFrom(first))
                _backend.Kernels.Launch(
                    Kernels[kernel.Suffix(first)].Ends,
                    kernel.EndsGrid,
                    CudaBackend.Span(operands.U),
                    CudaBackend.Span(operands.A),
                    batch.Rows,
                    starts,
                    batch.Steps,
                    batch.Sequences,
                    kernel.Channels,
                    kernel.Size,
                    first,
                    kernel.Length,
                    descending
                );
            _backend.Kernels.Launch(
                "state_scan_carry",
                kernel.CarryGrid,
                CudaBackend.Span(operands.A),
                carried,
                starts,
                batch.Sequences,
                kernel.Channels,
                kernel.Size,
                kernel.Length,
                kernel.Segments
            );
        }
        for (int first = 0; first < kernel.Size; first += kernel.StatesFrom(first))
            _backend.Kernels.Launch(
                Kernels[kernel.Suffix(first)].Forward,
                kernel.Grid,
                CudaBackend.Span(operands.U),
                CudaBackend.Span(operands.Y),
                CudaBackend.Span(operands.A),
                CudaBackend.Span(operands.C),
                first == 0 ? CudaBackend.Span(operands.D) : default,
                batch.Rows,
                starts,
                carried,
                batch.Steps,
                batch.Sequences,
                kernel.Channels,
                kernel.Size,
                first,
                kernel.Length,
                descending,
                operands.Adds || first > 0 ? 1 : 0
            );
    }

    protected override void BackwardCore(
        in StateSpaceScanOperands operands,
        in StateSpaceScanGradients gradients
    )
    {
        Batch batch = BatchOf(operands);
        StateScanKernel kernel = Choose(batch);
        DeviceSpan<float> workspace = CudaBackend.Span(operands.Workspace);
        DeviceSpan<float> starts = default;
        DeviceSpan<float> partials = workspace.Slice(_startCount, _partialCount);
        DeviceSpan<float> skips = gradients.D.IsEmpty
            ? default
            : workspace.Slice(_startCount + _partialCount, _skipCount);
        int descending = operands.Reverse ? 0 : 1;
        if (kernel.Segments > 1)
        {
            starts = workspace.Slice(0, _startCount);
            for (int first = 0; first < kernel.Size; first += kernel.StatesFrom(first))
                _backend.Kernels.Launch(
                    Kernels[kernel.Suffix(first)].GradientEnds,
                    kernel.EndsGrid,
                    CudaBackend.Span(gradients.Y),
                    CudaBackend.Span(operands.A),
                    batch.Rows,
                    starts,
                    batch.Steps,
                    batch.Sequences,
                    kernel.Channels,
                    kernel.Size,
                    first,
                    kernel.Length,
                    descending
                );
            _backend.Kernels.Launch(
                "state_scan_gradient_carry",
                kernel.CarryGrid,
                CudaBackend.Span(operands.A),
                starts,
                batch.Sequences,
                kernel.Channels,
                kernel.Size,
                kernel.Length,
                kernel.Segments
            );
        }
        AddUp(operands, gradients, batch, kernel, starts, partials, skips, descending);
        _backend.Kernels.Launch(
            "state_scan_sums",
            kernel.SumsGrid,
            partials,
            skips,
            CudaBackend.Span(operands.C),
            CudaBackend.Span(gradients.A),
            CudaBackend.Span(gradients.C),
            CudaBackend.Span(gradients.D),
            (long)kernel.Segments * batch.Sequences,
            kernel.Channels,
            kernel.Size,
            operands.Adds ? 1 : 0
        );
    }

    private void AddUp(
        in StateSpaceScanOperands operands,
        in StateSpaceScanGradients gradients,
        in Batch batch,
        in StateScanKernel kernel,
        DeviceSpan<float> starts,
        DeviceSpan<float> partials,
        DeviceSpan<float> skips,
        int descending
    )
    {
        for (int first = 0; first < kernel.Size; first += kernel.StatesFrom(first))
            _backend.Kernels.Launch(
                Kernels[kernel.Suffix(first)].Gradient,
                kernel.Grid,
                CudaBackend.Span(operands.U),
                CudaBackend.Span(gradients.Y),
                CudaBackend.Span(gradients.U),
                CudaBackend.Span(operands.A),
                CudaBackend.Span(operands.C),
                first == 0 ? CudaBackend.Span(operands.D) : default,
                batch.Rows,
                starts,
                partials,
                first == 0 ? skips : default,
                batch.Steps,
                batch.Sequences,
                kernel.Channels,
                kernel.Size,
                first,
                kernel.Length,
                descending,
                operands.Adds || first > 0 ? 1 : 0
            );
    }

    private StateScanKernel Choose(in Batch batch) =>
        StateScanKernel.Choose(
            batch.Sequences,
            Descriptor.Channels,
            Descriptor.StateSize,
            batch.Steps
        );

    private static Batch BatchOf(in StateSpaceScanOperands operands) =>
        operands.Layout is { IsPacked: true } layout
            ? new(CudaBackend.FirstRows(layout), layout.Steps, layout.Batch)
            : new(default, operands.U.Shape.First, operands.U.Shape[1]);

    private readonly record struct Batch(DeviceSpan<int> Rows, int Steps, int Sequences);

    private sealed record Names(string Forward, string Ends, string Gradient, string GradientEnds);
}
