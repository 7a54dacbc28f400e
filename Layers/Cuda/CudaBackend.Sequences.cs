using Sequor.Interop;
using Sequor.Native.Kernels;

namespace Sequor.Layers.Cuda;

// Packed rows, and the operations over the steps of each sequence.
public sealed partial class CudaBackend
{
    internal override int LayoutCount(int maxLength, int maxBatch) =>
        SequenceLayout.TableLength(maxLength, maxBatch);

    // The copy is queued behind the work on the batch before, which reads the same memory.
    private protected override void UploadCore(SequenceLayout layout) =>
        Upload(
            layout.Table,
            Table(layout).Slice(0, layout.Table.Length),
            SequenceLayout.NotRecordable
        );

    private protected override void PackCore(Tensor x, SequenceLayout layout, Tensor packed)
    {
        int columns = x.Shape.Columns;
        KernelGrid grid = KernelGrid.Steps(layout.Steps, columns);
        Kernels.Launch(
            "pack",
            grid,
            Span(x),
            Span(packed),
            FirstRows(layout),
            Order(layout),
            layout.Steps,
            layout.Batch,
            columns,
            grid.Lanes
        );
    }

    private protected override void UnpackCore(Tensor packed, SequenceLayout layout, Tensor x)
    {
        int steps = x.Shape.First;
        int columns = x.Shape.Columns;
        KernelGrid grid = KernelGrid.Steps(steps, columns);
        Kernels.Launch(
            "unpack",
            grid,
            Span(packed),
            Span(x),
            FirstRows(layout),
            Order(layout),
            layout.Steps,
            steps,
            layout.Batch,
            columns,
            grid.Lanes
        );
    }

    private protected override void MeanOverTimeCore(
        Tensor x,
        SequenceLayout? layout,
        Tensor mean
    ) => OverTime("mean_over_time", x, mean, layout, x);

    private protected override void MeanOverTimeGradientCore(
        Tensor dmean,
        SequenceLayout? layout,
        Tensor dx
    ) => OverTime("mean_over_time_gradient", dmean, dx, layout, dx);

    private protected override void LastStepsCore(Tensor x, SequenceLayout layout, Tensor y)
    {
        int columns = x.Shape.Columns;
        KernelGrid grid = KernelGrid.Rows(layout.Batch, columns);
        Kernels.Launch(
            "last_steps",
            grid,
            Span(x),
            Span(y),
            FirstRows(layout),
            Order(layout),
            Lengths(layout),
            layout.Batch,
            columns,
            grid.Lanes
        );
    }

    private protected override void LastStepsGradientCore(
        Tensor dy,
        SequenceLayout layout,
        Tensor dx
    )
    {
        int columns = dx.Shape.Columns;
        KernelGrid grid = KernelGrid.Steps(layout.Steps, columns);
        Kernels.Launch(
            "last_steps_gradient",
            grid,
            Span(dy),
            Span(dx),
            FirstRows(layout),
            Order(layout),
            Lengths(layout),
            layout.Steps,
            columns,
            grid.Lanes
        );
    }

    private protected override void FirstStepsCore(Tensor x, SequenceLayout layout, Tensor y) =>
        Order(x.RowRange(0, layout.Batch), y, layout, back: true);

    private protected override void FirstStepsGradientCore(
        Tensor dy,
        SequenceLayout layout,
        Tensor dx
    ) => Order(dy, dx, layout, back: false);

    // Rows of all sequences, into the order of packed ones or back.
    private void Order(Tensor from, Tensor to, SequenceLayout layout, bool back)
    {
        int columns = from.Shape.Columns;
        KernelGrid grid = KernelGrid.Rows(layout.Batch, columns);
        Kernels.Launch(
            "order_states",
            grid,
            Span(from),
            Span(to),
            Order(layout),
            1,
            layout.Batch,
            columns,
            back ? 1 : 0,
            grid.Lanes
        );
    }

    /// <summary>
    /// The first row of each step, and after the last step the number of rows: steps + 1 values. Empty where the batch is not packed.
    /// </summary>
    internal static DeviceSpan<int> FirstRows(SequenceLayout? layout) =>
        layout is { IsPacked: true }
            ? Table(layout).Slice(layout.RowsAt, layout.Steps + 1)
            : default;

    /// <summary>For each packed sequence, its number in the caller's batch. Empty where the batch is not packed.</summary>
    internal static DeviceSpan<int> Order(SequenceLayout? layout) =>
        layout is { IsPacked: true } ? Table(layout).Slice(layout.OrderAt, layout.Batch) : default;

    /// <summary>The steps of each packed sequence. Empty where the batch is not packed.</summary>
    internal static DeviceSpan<int> Lengths(SequenceLayout? layout) =>
        layout is { IsPacked: true } ? Table(layout).Slice(0, layout.Batch) : default;

    private static DeviceSpan<int> Table(SequenceLayout layout) =>
        layout.OnDevice.IsEmpty
            ? throw new InvalidOperationException(
                "The layout of a packed batch has no memory on the device."
            )
            : Span(layout.OnDevice).Cast<int>();

    private void OverTime(
        string kernel,
        Tensor from,
        Tensor to,
        SequenceLayout? layout,
        Tensor large
    )
    {
        bool packed = layout is { IsPacked: true };
        int steps = packed ? layout!.Steps : large.Shape.First;
        int batch = packed ? layout!.Batch : large.Shape[1];
        int columns = large.Shape.Columns;
        KernelGrid grid = KernelGrid.Steps(batch, columns);
        Kernels.Launch(
            kernel,
            grid,
            Span(from),
            Span(to),
            FirstRows(layout),
            Order(layout),
            Lengths(layout),
            steps,
            batch,
            columns,
            grid.Lanes
        );
    }
}
