using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>A state space's scan by the kernels, in as many segments as are asked for.</summary>
internal sealed class StateScanOnDevice(
    KernelMachine machine,
    int steps,
    int batch,
    int channels,
    int size,
    PackedLayout? packed,
    int segments
)
{
    private readonly DeviceArray _rows = packed is null
        ? DeviceArray.Null
        : machine.Put(packed.First);

    private readonly StateScanKernel _kernel = StateScanKernel.Of(
        batch,
        channels,
        size,
        steps,
        segments
    );

    public required DeviceArray A { get; init; }

    public required DeviceArray C { get; init; }

    public required DeviceArray D { get; init; }

    public required DeviceArray U { get; init; }

    private long Columns => (long)batch * channels;

    /// <summary>Computes y, and the last states where the first ones lie.</summary>
    public void Forward(DeviceArray y, DeviceArray carried, bool reverse, bool adds)
    {
        DeviceArray starts = carried;
        int descending = reverse ? 1 : 0;
        if (_kernel.Segments > 1)
        {
            starts = machine.New(2 * _kernel.Segments * Columns * size);
            Each(first =>
                machine.Launch(
                    "state_scan_ends_" + _kernel.Suffix(first),
                    _kernel.EndsGrid,
                    [U, A, _rows, starts, .. Shape(first), descending]
                )
            );
            machine.Launch(
                "state_scan_carry",
                _kernel.CarryGrid,
                [A, carried, starts, batch, channels, size, _kernel.Length, _kernel.Segments]
            );
        }
        Each(first =>
            machine.Launch(
                "state_scan_forward_" + _kernel.Suffix(first),
                _kernel.Grid,
                [
                    U,
                    y,
                    A,
                    C,
                    first == 0 ? D : DeviceArray.Null,
                    _rows,
                    starts,
                    carried,
                    .. Shape(first),
                    descending,
                    adds || first > 0 ? 1 : 0,
                ]
            )
        );
    }

    /// <summary>Computes or adds to du and da, computes dc and adds to dd.</summary>
    public void Backward(
        DeviceArray dy,
        DeviceArray du,
        DeviceArray da,
        DeviceArray dc,
        DeviceArray dd,
        bool reverse,
        bool adds
    )
    {
        DeviceArray starts = DeviceArray.Null;
        int descending = reverse ? 0 : 1;
        if (_kernel.Segments > 1)
        {
            starts = machine.New(4 * _kernel.Segments * Columns * size);
            Each(first =>
                machine.Launch(
                    "state_scan_gradient_ends_" + _kernel.Suffix(first),
                    _kernel.EndsGrid,
                    [dy, A, _rows, starts, .. Shape(first), descending]
                )
            );
            machine.Launch(
                "state_scan_gradient_carry",
                _kernel.CarryGrid,
                [A, starts, batch, channels, size, _kernel.Length, _kernel.Segments]
            );
        }
        DeviceArray partials = machine.New(4 * _kernel.Segments * Columns * size);
        DeviceArray skips = dd == DeviceArray.Null ? dd : machine.New(_kernel.Segments * Columns);
        Each(first =>
            machine.Launch(
                "state_scan_gradient_" + _kernel.Suffix(first),
                _kernel.Grid,
                [
                    U,
                    dy,
                    du,
                    A,
                    C,
                    first == 0 ? D : DeviceArray.Null,
                    _rows,
                    starts,
                    partials,
                    first == 0 ? skips : DeviceArray.Null,
                    .. Shape(first),
                    descending,
                    adds || first > 0 ? 1 : 0,
                ]
            )
        );
        machine.Launch(
            "state_scan_sums",
            _kernel.SumsGrid,
            [
                partials,
                skips,
                C,
                da,
                dc,
                dd,
                (long)_kernel.Segments * batch,
                channels,
                size,
                adds ? 1 : 0,
            ]
        );
    }

    private object[] Shape(int first) => [steps, batch, channels, size, first, _kernel.Length];

    private void Each(Action<int> launch)
    {
        for (int first = 0; first < size; first += _kernel.StatesFrom(first))
            launch(first);
    }
}
