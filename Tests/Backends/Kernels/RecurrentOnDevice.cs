using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>
/// A direction of a recurrent layer for the kernels with weights on the chip: its operands, what plain loops in double precision make of
/// them, and the launches.
/// </summary>
internal sealed class RecurrentOnDevice
{
    private readonly int _gates;

    public RecurrentOnDevice(string cell, int size, int[] lengths, bool reverse, bool begun = true)
    {
        (Cell, Size, IsReverse, HasStates) = (cell, size, reverse, begun);
        _gates = cell == "lstm" ? 4 : 1;
        Chip = RecurrentChip.Of(_gates == 4 ? "lstm" : "rnn", size)!;
        Layout = new PackedLayout(lengths);
        int rows = Layout.Rows;
        var draw = new Draw((ulong)(size * 10 + rows));
        double scale = 1 / Math.Sqrt(size);
        W = draw.Uniform((long)Stacked * size, (float)-scale, (float)scale);
        U = draw.Uniform((long)rows * Stacked);
        Dy = draw.Uniform((long)rows * size);
        BiasInput = draw.Uniform(Stacked);
        BiasState = draw.Uniform(Stacked);
        Hidden = draw.Uniform((long)Batch * size);
        InitialCell = draw.Uniform((long)Batch * size);
        HiddenGradient = draw.Uniform((long)Batch * size);
        CellGradient = draw.Uniform((long)Batch * size);
    }

    public string Cell { get; }
    public int Size { get; }
    public bool IsReverse { get; }
    public bool HasStates { get; }
    public bool IsPacked { get; init; } = true;
    public float Least { get; init; } = float.NegativeInfinity;
    public float Most { get; init; } = float.PositiveInfinity;
    public RecurrentChip Chip { get; }
    public PackedLayout Layout { get; }
    public int Batch => Layout.Lengths.Length;
    public int Stacked => _gates * Size;
    public float[] W { get; }
    public float[] U { get; }
    public float[] Dy { get; }
    public float[] BiasInput { get; }
    public float[] BiasState { get; }
    public float[] Hidden { get; }
    public float[] InitialCell { get; }
    public float[] HiddenGradient { get; }
    public float[] CellGradient { get; }

    /// <summary>What a forward and a backward pass leave.</summary>
    public sealed record Results(
        double[] Y,
        double[] Cells,
        double[] FinalHidden,
        double[] FinalCell,
        double[] Du,
        double[] InitialHidden,
        double[] InitialCell,
        double[] BiasSums
    );

    /// <summary>Launches both passes.</summary>
    public Results Run(KernelMachine machine, Action? between = null)
    {
        int rows = Layout.Rows;
        DeviceArray w = machine.Put(W);
        DeviceArray packed = machine.New(Chip.Packed);
        DeviceArray packedBack = machine.New(Chip.Packed);
        Pack(machine, w, packed, packedBack);
        between?.Invoke();
        DeviceArray first = IsPacked ? machine.Put(Layout.First) : DeviceArray.Null;
        DeviceArray lengths = IsPacked ? machine.Put(Layout.Lengths) : DeviceArray.Null;
        DeviceArray gates = machine.Put(U);
        bool plain = _gates == 1;
        DeviceArray y = plain ? gates : machine.New((long)rows * Size);
        DeviceArray cells = plain ? DeviceArray.Null : machine.New((long)rows * Size);
        DeviceArray finalHidden = State();
        DeviceArray finalCell = plain ? DeviceArray.Null : State();
        DeviceArray begunHidden = State();
        DeviceArray begunCell = plain ? DeviceArray.Null : State();
        DeviceArray sums = machine.New((long)Batch * Stacked);
        object[] course =
        [
            first,
            lengths,
            Layout.Layout.Steps,
            Batch,
            Size,
            Size,
            IsReverse ? 1 : 0,
        ];
        KernelGrid grid = Chip.Grid(Batch);
        int relu = Cell == "relu" ? 1 : 0;
        if (plain)
            machine.Launch(
                Chip.Forward,
                grid,
                [
                    y,
                    packed,
                    Given(BiasInput),
                    Given(BiasState),
                    Given(Hidden),
                    finalHidden,
                    .. course,
                    relu,
                ]
            );
        else
            machine.Launch(
                Chip.Forward,
                grid,
                [
                    gates,
                    packed,
                    Given(BiasInput),
                    Given(BiasState),
                    y,
                    cells,
                    Given(Hidden),
                    Given(InitialCell),
                    finalHidden,
                    finalCell,
                    .. course,
                    1,
                    Least,
                    Most,
                ]
            );
        float[] forwardY = machine.Get(y);
        between?.Invoke();
        DeviceArray dy = machine.Put(Dy);
        DeviceArray du = plain ? machine.New((long)rows * Stacked) : gates;
        if (plain)
            machine.Launch(
                Chip.Backward,
                grid,
                [y, packedBack, dy, du, Given(HiddenGradient), begunHidden, sums, .. course, relu]
            );
        else
            machine.Launch(
                Chip.Backward,
                grid,
                [
                    gates,
                    packedBack,
                    cells,
                    Given(InitialCell),
                    dy,
                    Given(HiddenGradient),
                    Given(CellGradient),
                    begunHidden,
                    begunCell,
                    sums,
                    .. course,
                    Least,
                    Most,
                ]
            );
        return new Results(
            Wide(forwardY),
            Of(cells),
            Of(finalHidden),
            Of(finalCell),
            Of(du),
            Of(begunHidden),
            Of(begunCell),
            Of(sums)
        );

        DeviceArray State() => HasStates ? machine.New((long)Batch * Size) : DeviceArray.Null;

        DeviceArray Given(float[] values) => HasStates ? machine.Put(values) : DeviceArray.Null;

        double[] Of(DeviceArray array) => array.Count == 0 ? [] : Wide(machine.Get(array));
    }

    /// <summary>Launches the kernel that puts weights in the order of threads.</summary>
    public void Pack(
        KernelMachine machine,
        DeviceArray w,
        DeviceArray forward,
        DeviceArray backward
    ) =>
        machine.Launch(
            "recurrent_pack",
            KernelGrid.Flat(Chip.Packed) with
            {
                Y = 2,
            },
            w,
            forward,
            backward,
            _gates,
            Size,
            Chip.Most,
            Chip.Packed,
            Chip.Packed
        );

    /// <summary>The same by plain loops in double precision.</summary>
    public Results Expected()
    {
        int h = Size;
        int rows = Layout.Rows;
        double[] y = new double[rows * h];
        double[] cells = new double[_gates == 1 ? 0 : rows * h];
        double[] finalHidden = new double[HasStates ? Batch * h : 0];
        double[] finalCell = new double[_gates == 4 ? finalHidden.Length : 0];
        double[] du = new double[rows * Stacked];
        double[] begunHidden = new double[finalHidden.Length];
        double[] begunCell = new double[finalCell.Length];
        double[] sums = new double[Batch * Stacked];
        for (int b = 0; b < Batch; b++)
        {
            int length = Layout.Lengths[b];
            double[][] states = new double[length + 1][];
            double[][] kept = new double[length + 1][];
            double[][] gates = new double[length][];
            states[0] = Begun(Hidden, b);
            kept[0] = Begun(InitialCell, b);
            for (int n = 0; n < length; n++)
            {
                int row = Row(n, b);
                double[] g = gates[n] = new double[Stacked];
                for (int r = 0; r < Stacked; r++)
                {
                    g[r] = U[row * Stacked + r] + (HasStates ? BiasInput[r] + BiasState[r] : 0);
                    for (int k = 0; k < h; k++)
                        g[r] += W[r * h + k] * states[n][k];
                }
                double[] next = states[n + 1] = new double[h];
                kept[n + 1] = new double[h];
                for (int j = 0; j < h; j++)
                {
                    if (_gates == 1)
                        next[j] = g[j] = Cell == "relu" ? Math.Max(0, g[j]) : Math.Tanh(g[j]);
                    else
                    {
                        g[j] = Sigmoid(g[j]);
                        g[h + j] = Sigmoid(g[h + j]);
                        g[2 * h + j] = Math.Tanh(g[2 * h + j]);
                        g[3 * h + j] = Sigmoid(g[3 * h + j]);
                        double cell = g[h + j] * Clip(kept[n][j]) + g[j] * g[2 * h + j];
                        kept[n + 1][j] = cells[row * h + j] = cell;
                        next[j] = g[3 * h + j] * Math.Tanh(Clip(cell));
                    }
                    y[row * h + j] = next[j];
                }
            }
            double[] dh = Begun(HiddenGradient, b);
            double[] dc = Begun(CellGradient, b);
            if (HasStates)
            {
                states[length].CopyTo(finalHidden, b * h);
                if (_gates == 4)
                    kept[length].CopyTo(finalCell, b * h);
            }
            for (int n = length - 1; n >= 0; n--)
            {
                int row = Row(n, b);
                double[] g = gates[n];
                double[] d = new double[Stacked];
                for (int j = 0; j < h; j++)
                {
                    double gradient = dh[j] + Dy[row * h + j];
                    if (_gates == 1)
                    {
                        d[j] =
                            Cell == "relu"
                                ? (g[j] > 0 ? gradient : 0)
                                : gradient * (1 - g[j] * g[j]);
                        continue;
                    }
                    double before = kept[n][j];
                    double squashed = Math.Tanh(Clip(kept[n + 1][j]));
                    double slope = IsClipped(kept[n + 1][j]) ? 0 : 1 - squashed * squashed;
                    double cell = dc[j] + gradient * g[3 * h + j] * slope;
                    d[j] = cell * g[2 * h + j] * g[j] * (1 - g[j]);
                    d[h + j] = cell * Clip(before) * g[h + j] * (1 - g[h + j]);
                    d[2 * h + j] = cell * g[j] * (1 - g[2 * h + j] * g[2 * h + j]);
                    d[3 * h + j] = gradient * squashed * g[3 * h + j] * (1 - g[3 * h + j]);
                    dc[j] = IsClipped(before) ? 0 : cell * g[h + j];
                }
                Array.Clear(dh);
                for (int r = 0; r < Stacked; r++)
                {
                    du[row * Stacked + r] = d[r];
                    sums[b * Stacked + r] += d[r];
                    for (int k = 0; k < h; k++)
                        dh[k] += W[r * h + k] * d[r];
                }
            }
            if (!HasStates)
                continue;
            dh.CopyTo(begunHidden, b * h);
            if (_gates == 4)
                dc.CopyTo(begunCell, b * h);
        }
        return new Results(y, cells, finalHidden, finalCell, du, begunHidden, begunCell, sums);

        int Row(int n, int b) => Layout.First[IsReverse ? Layout.Lengths[b] - 1 - n : n] + b;

        double[] Begun(float[] values, int b) =>
            [.. Enumerable.Range(0, h).Select(j => HasStates ? (double)values[b * h + j] : 0)];
    }

    private double Clip(double cell) => Math.Min(Most, Math.Max(Least, cell));

    private bool IsClipped(double cell) => cell < Least || cell > Most;

    private static double Sigmoid(double x) => 1 / (1 + Math.Exp(-x));

    private static double[] Wide(float[] values) => Array.ConvertAll(values, v => (double)v);
}
