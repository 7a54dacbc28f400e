using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.RecurrentNets;

/// <summary>A network's kind, sizes and options.</summary>
internal sealed record RecurrentCase(
    RecurrentKind Kind,
    int Steps,
    int Batch,
    int Inputs,
    int Hidden,
    int Layers,
    bool Bidirectional,
    RecurrentBias Bias,
    int[]? Lengths,
    bool States
)
{
    /// <summary>The operation is given packed rows: lengths must fall.</summary>
    public bool Packed { get; init; }

    public RecurrentDescriptor Descriptor =>
        new(Kind, Inputs, Hidden)
        {
            Layers = Layers,
            Bidirectional = Bidirectional,
            Bias = Bias,
            MaxLength = Steps + 2,
            MaxBatch = Batch + 1,
            VariableLengths = Lengths is not null,
            DataLayout = Packed
                ? RecurrentDataLayout.SeqMajorPacked
                : RecurrentDataLayout.SeqMajorUnpacked,
        };

    public int StateCount => Layers * Descriptor.Directions * Batch * Hidden;

    public int Length(int b) => Lengths is null ? Steps : Lengths[b];

    public int Rows => Enumerable.Range(0, Batch).Sum(Length);

    /// <summary>The shape in which the operation is given so many channels.</summary>
    public Shape Shape(int width) => Packed ? new(Rows, 1, width) : new(Steps, Batch, width);

    /// <summary>The values [T, B, width] as the operation is given them.</summary>
    public float[] Lay(float[] values)
    {
        if (!Packed)
            return values;
        int width = values.Length / (Steps * Batch);
        return [.. RowNumbers().SelectMany(row => values[(row * width)..((row + 1) * width)])];
    }

    /// <summary>What the operation gave, as [T, B, width].</summary>
    public float[] Unlay(float[] given)
    {
        if (!Packed)
            return given;
        int width = given.Length / Rows;
        float[] values = new float[Steps * Batch * width];
        int from = 0;
        foreach (int row in RowNumbers())
            Array.Copy(given, width * from++, values, row * width, width);
        return values;
    }

    // Rows of [T, B] in the order of the packed ones.
    private IEnumerable<int> RowNumbers() =>
        from t in Enumerable.Range(0, Steps)
        from b in Enumerable.Range(0, Batch)
        where t < Length(b)
        select t * Batch + b;

    public override string ToString() =>
        $"{Kind} T{Steps} B{Batch} I{Inputs} H{Hidden} L{Layers}{(Bidirectional ? " both" : "")} {Bias}"
        + $"{(Lengths is null ? "" : $" lengths {string.Join(' ', Lengths)}")}{(Packed ? " packed" : "")}{(States ? " states" : "")}";
}

/// <summary>One forward and backward pass of the operation, with random operands.</summary>
internal sealed class RecurrentRun
{
    public required float[] X { get; init; }
    public required float[] Dy { get; init; }
    public required float[] Parameters { get; init; }
    public required ParameterLayout Layout { get; init; }
    public required float[] InitialHidden { get; init; }
    public required float[] InitialCell { get; init; }
    public required float[] FinalHiddenGradient { get; init; }
    public required float[] FinalCellGradient { get; init; }
    public float[] Y { get; private set; } = [];
    public float[] FinalHidden { get; private set; } = [];
    public float[] FinalCell { get; private set; } = [];
    public Dictionary<string, float[]> Gradients { get; } = [];

    public static RecurrentRun On(
        CpuBackend backend,
        RecurrentCase c,
        bool training = true,
        bool poison = false
    )
    {
        RecurrentDescriptor d = c.Descriptor with { Training = training };
        ParameterLayout layout = backend.RecurrentLayout(d);
        var draw = new Draw(7);
        bool lstm = c.Kind == RecurrentKind.Lstm;
        int states = c.States ? c.StateCount : 0;
        int cells = lstm ? states : 0;
        var run = new RecurrentRun
        {
            X = draw.Uniform(c.Steps * c.Batch * c.Inputs),
            Dy = draw.Uniform(c.Steps * c.Batch * d.OutputSize),
            Parameters = draw.Uniform(layout.Count, -0.8f, 0.8f),
            Layout = layout,
            InitialHidden = draw.Uniform(states),
            InitialCell = draw.Uniform(cells),
            FinalHiddenGradient = draw.Uniform(states),
            FinalCellGradient = draw.Uniform(cells),
        };
        run.Run(backend, c, d, poison);
        return run;
    }

    private void Run(CpuBackend backend, RecurrentCase c, RecurrentDescriptor d, bool poison)
    {
        using var memory = new Taken(backend);
        using RecurrentOperation operation = backend.PlanRecurrent(d);
        float[] x = [.. X];
        float[] dy = [.. Dy];
        for (int t = 0; poison && t < c.Steps; t++)
        {
            for (int b = 0; b < c.Batch; b++)
            {
                if (t < c.Length(b))
                    continue;
                x.AsSpan((t * c.Batch + b) * c.Inputs, c.Inputs).Fill(float.NaN);
                dy.AsSpan((t * c.Batch + b) * d.OutputSize, d.OutputSize).Fill(float.NaN);
            }
        }
        bool lstm = c.Kind == RecurrentKind.Lstm;
        int finals = c.StateCount;
        var operands = new RecurrentOperands
        {
            X = memory.Of(c.Lay(x), c.Shape(c.Inputs)),
            Y = memory.Empty(c.Shape(d.OutputSize)),
            Parameters = memory.Of(Parameters, new Shape(Parameters.Length)),
            InitialHidden = memory.OfOrNone(InitialHidden),
            InitialCell = memory.OfOrNone(InitialCell),
            FinalHidden = memory.Empty(new Shape(finals)),
            FinalCell = lstm ? memory.Empty(new Shape(finals)) : default,
            Lengths = c.Lengths,
            Reserve = memory.Empty(Shape.Block(operation.ReserveCount)),
            Workspace = memory.Empty(Shape.Block(operation.WorkspaceCount)),
        };
        operation.Forward(operands);
        Y = c.Unlay(operands.Y.ToArray());
        FinalHidden = operands.FinalHidden.ToArray();
        FinalCell = lstm ? operands.FinalCell.ToArray() : [];
        if (!d.Training)
            return;
        var gradients = new RecurrentGradients
        {
            Y = memory.Of(c.Lay(dy), operands.Y.Shape),
            X = memory.Empty(operands.X.Shape),
            FinalHidden = memory.OfOrNone(FinalHiddenGradient),
            FinalCell = memory.OfOrNone(FinalCellGradient),
            InitialHidden = c.States ? memory.Empty(new Shape(finals)) : default,
            InitialCell = c.States && lstm ? memory.Empty(new Shape(finals)) : default,
            Parameters = memory.Of(new float[Parameters.Length], new Shape(Parameters.Length)),
        };
        operation.Backward(operands, gradients);
        Gradients["x"] = c.Unlay(gradients.X.ToArray());
        if (c.States)
            Gradients["initial hidden"] = gradients.InitialHidden.ToArray();
        if (c.States && lstm)
            Gradients["initial cell"] = gradients.InitialCell.ToArray();
        Gradients["parameters"] = gradients.Parameters.ToArray();
    }

    /// <summary>Tensors that are freed together. What is not written begins as NaN, so that a read of it shows.</summary>
    private sealed class Taken(CpuBackend backend) : IDisposable
    {
        private readonly List<Storage> _storages = [];

        public Tensor Empty(Shape shape)
        {
            Tensor tensor = backend.Allocate(shape, MemoryCategory.Workspace);
            _storages.Add(tensor.Storage);
            backend.Fill(tensor, float.NaN);
            return tensor;
        }

        public Tensor Of(float[] values, Shape shape)
        {
            Tensor tensor = Empty(shape);
            tensor.Write(values);
            return tensor;
        }

        public Tensor OfOrNone(float[] values) =>
            values.Length == 0 ? default : Of(values, new Shape(values.Length));

        public void Dispose() => _storages.ForEach(s => s.Dispose());
    }
}

/// <summary>What the reference gives for the operands of a run.</summary>
internal sealed class RecurrentExpectation
{
    private readonly RecurrentCase _case;
    private readonly RecurrentDescriptor _d;
    private readonly RecurrentRun _run;
    private readonly double[] _x;
    private readonly double[] _parameters;
    private readonly double[] _initialHidden;
    private readonly double[] _initialCell;

    public RecurrentExpectation(RecurrentCase c, RecurrentRun run)
    {
        _case = c;
        _d = c.Descriptor;
        _run = run;
        _x = Array.ConvertAll(run.X, v => (double)v);
        _parameters = Array.ConvertAll(run.Parameters, v => (double)v);
        _initialHidden = Array.ConvertAll(run.InitialHidden, v => (double)v);
        _initialCell = Array.ConvertAll(run.InitialCell, v => (double)v);
        (Y, FinalHidden, FinalCell) = Forward();
    }

    public double[] Y { get; }
    public double[] FinalHidden { get; }
    public double[] FinalCell { get; }

    public IEnumerable<(string Name, double[] Values)> Gradients()
    {
        yield return ("x", Reference.CentralDifference.Gradient(Loss, _x));
        if (_initialHidden.Length > 0)
            yield return (
                "initial hidden",
                Reference.CentralDifference.Gradient(Loss, _initialHidden)
            );
        if (_initialCell.Length > 0)
            yield return ("initial cell", Reference.CentralDifference.Gradient(Loss, _initialCell));
        yield return ("parameters", Reference.CentralDifference.Gradient(Loss, _parameters));
    }

    private double Loss()
    {
        (double[] y, double[] hidden, double[] cell) = Forward();
        return Dot(y, _run.Dy)
            + Dot(hidden, _run.FinalHiddenGradient)
            + Dot(cell, _run.FinalCellGradient);
    }

    private static double Dot(double[] values, float[] weights)
    {
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
            sum += values[i] * weights[i];
        return sum;
    }

    private (double[] Y, double[] Hidden, double[] Cell) Forward()
    {
        double[] y = new double[_case.Steps * _case.Batch * _d.OutputSize];
        double[] hidden = new double[_case.StateCount];
        double[] cell = new double[_case.Kind == RecurrentKind.Lstm ? _case.StateCount : 0];
        for (int b = 0; b < _case.Batch; b++)
        {
            int length = _case.Length(b);
            double[] values = new double[length * _case.Inputs];
            for (int t = 0; t < length; t++)
                Array.Copy(
                    _x,
                    (t * _case.Batch + b) * _case.Inputs,
                    values,
                    t * _case.Inputs,
                    _case.Inputs
                );
            for (int layer = 0; layer < _case.Layers; layer++)
                values = Layer(layer, b, values, length, hidden, cell);
            for (int t = 0; t < length; t++)
                Array.Copy(
                    values,
                    t * _d.OutputSize,
                    y,
                    (t * _case.Batch + b) * _d.OutputSize,
                    _d.OutputSize
                );
        }
        return (y, hidden, cell);
    }

    // One layer on one sequence: the reverse direction sees it turned round.
    private double[] Layer(int layer, int b, double[] x, int length, double[] hidden, double[] cell)
    {
        double[] y = new double[length * _d.OutputSize];
        int inputs = _d.LayerInput(layer);
        int h = _case.Hidden;
        for (int direction = 0; direction < _d.Directions; direction++)
        {
            int state = ((layer * _d.Directions + direction) * _case.Batch + b) * h;
            Reference.RecurrentResult result = Reference.Recurrent.Forward(
                (Reference.RecurrentKind)_case.Kind,
                [Weights(layer, direction)],
                direction == 0 ? x : Turned(x, length, inputs),
                length,
                1,
                _initialHidden.Length == 0 ? null : _initialHidden[state..(state + h)],
                _initialCell.Length == 0 ? null : _initialCell[state..(state + h)]
            );
            double[] output = direction == 0 ? result.Y : Turned(result.Y, length, h);
            for (int t = 0; t < length; t++)
                Array.Copy(output, t * h, y, t * _d.OutputSize + direction * h, h);
            Array.Copy(result.FinalHidden, 0, hidden, state, h);
            if (cell.Length > 0)
                Array.Copy(result.FinalCell, 0, cell, state, h);
        }
        return y;
    }

    private static double[] Turned(double[] x, int length, int width)
    {
        double[] turned = new double[x.Length];
        for (int t = 0; t < length; t++)
            Array.Copy(x, t * width, turned, (length - 1 - t) * width, width);
        return turned;
    }

    private Reference.RecurrentLayer Weights(int layer, int direction)
    {
        string place = direction == 0 ? $"l{layer}" : $"l{layer}_reverse";
        int rows = _d.Gates * _case.Hidden;
        int inputs = _d.LayerInput(layer);
        return new Reference.RecurrentLayer(
            inputs,
            _case.Hidden,
            Slice($"weight_ih_{place}", rows * inputs),
            Slice($"weight_hh_{place}", rows * _case.Hidden),
            Slice($"bias_ih_{place}", rows),
            Slice($"bias_hh_{place}", rows)
        );
    }

    // A bias that the mode lacks is zero.
    private double[] Slice(string name, int count) =>
        _run.Layout.Offsets.TryGetValue(name, out long offset)
            ? _parameters[(int)offset..((int)offset + count)]
            : new double[count];
}
