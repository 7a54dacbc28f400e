using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>A batch normalisation by the kernels.</summary>
internal sealed class BatchNormOnDevice(KernelMachine machine, long rows, int size)
{
    private readonly KernelGrid _sums = KernelGrid.ColumnSums(rows, size);
    private readonly KernelGrid _rows = KernelGrid.Packs(rows, size);

    public void Measure(
        DeviceArray x,
        DeviceArray statistics,
        DeviceArray runningMean,
        DeviceArray runningVariance
    ) =>
        machine.Launch(
            "batch_norm_measure",
            _sums,
            x,
            statistics,
            runningMean,
            runningVariance,
            rows,
            size,
            _sums.Lanes,
            0.1f,
            1e-5f,
            machine.New(6L * size * _sums.Y),
            machine.Zeros(_sums.X)
        );

    public void Normalise(
        DeviceArray x,
        DeviceArray statistics,
        DeviceArray weight,
        DeviceArray bias,
        DeviceArray y
    ) =>
        machine.Launch(
            "batch_norm_normalise",
            _rows,
            x,
            statistics,
            weight,
            bias,
            y,
            rows,
            size,
            _rows.Lanes
        );

    public void Sum(
        DeviceArray x,
        DeviceArray statistics,
        DeviceArray dy,
        DeviceArray sums,
        int accumulate
    ) =>
        machine.Launch(
            "batch_norm_sum",
            _sums,
            x,
            statistics,
            dy,
            sums,
            rows,
            size,
            _sums.Lanes,
            accumulate,
            machine.New(4L * size * _sums.Y),
            machine.Zeros(_sums.X)
        );

    public void Gradient(
        DeviceArray x,
        DeviceArray statistics,
        DeviceArray weight,
        DeviceArray dy,
        DeviceArray sums,
        DeviceArray dx,
        int accumulate
    ) =>
        machine.Launch(
            "batch_norm_gradient",
            _rows,
            x,
            statistics,
            weight,
            dy,
            sums,
            dx,
            rows,
            size,
            _rows.Lanes,
            (float)(1.0 / rows),
            accumulate
        );
}
