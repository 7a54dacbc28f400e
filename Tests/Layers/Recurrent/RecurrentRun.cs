using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

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

    /// <summary>What dropout multiplied the output of each layer but the last by, [T, B, channels].</summary>
    public List<float[]> Masks { get; } = [];
    public Dictionary<string, float[]> Gradients { get; } = [];

    /// <param name="backend">Where.</param>
    /// <param name="c">The case.</param>
    /// <param name="training">Whether there is a backward pass.</param>
    /// <param name="poison">Whether what lies behind a sequence's end is NaN.</param>
    /// <param name="before">What the same operation runs before, in the same memory; it must fit.</param>
    public static RecurrentRun On(
        CpuBackend backend,
        RecurrentCase c,
        bool training = true,
        bool poison = false,
        RecurrentCase? before = null
    )
    {
        RecurrentDescriptor d = c.Descriptor with { Training = training };
        if (before?.Lengths is not null)
            d = d with { VariableLengths = true };
        using var memory = new Taken(backend);
        using RecurrentOperation operation = backend.PlanRecurrent(d);
        Tensor reserve = memory.Empty(Shape.Block(operation.ReserveCount));
        Tensor workspace = memory.Empty(Shape.Block(operation.WorkspaceCount));
        if (before is not null)
            Drawn(backend, before, d).Run(backend, operation, reserve, workspace, before, d, false);
        RecurrentRun run = Drawn(backend, c, d);
        run.Run(backend, operation, reserve, workspace, c, d, poison);
        return run;
    }

    private static RecurrentRun Drawn(CpuBackend backend, RecurrentCase c, RecurrentDescriptor d)
    {
        ParameterLayout layout = backend.RecurrentLayout(d);
        var draw = new Draw(7);
        int states = c.States ? c.HiddenCount : 0;
        int cells = c.States ? c.CellCount : 0;
        return new RecurrentRun
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
    }

    private void Run(
        CpuBackend backend,
        RecurrentOperation operation,
        Tensor reserve,
        Tensor workspace,
        RecurrentCase c,
        RecurrentDescriptor d,
        bool poison
    )
    {
        using var memory = new Taken(backend);
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
        using RandomStream random = backend.CreateRandom(11);
        random.Advance();
        for (int layer = 0; d.DropsOut && layer < c.Layers - 1; layer++)
        {
            Tensor mask = memory.Empty(c.Shape(d.OutputSize));
            random.Dropout(default, mask, c.Dropout, d.DropoutStream + layer);
            Masks.Add(c.Unlay(mask.ToArray()));
        }
        var operands = new RecurrentOperands
        {
            X = memory.Of(c.Lay(x), c.Shape(c.Inputs)),
            Y = memory.Empty(c.Shape(d.OutputSize)),
            Parameters = memory.Of(Parameters, new Shape(Parameters.Length)),
            InitialHidden = memory.OfOrNone(c.LayStates(InitialHidden)),
            InitialCell = memory.OfOrNone(c.LayStates(InitialCell)),
            FinalHidden = memory.Empty(new Shape(c.HiddenCount)),
            FinalCell = lstm ? memory.Empty(new Shape(c.CellCount)) : default,
            Random = random,
            Lengths = c.Lengths,
            PackedOrder = c.Order,
            Reserve = reserve,
            Workspace = workspace,
        };
        operation.Forward(operands);
        Y = c.Unlay(operands.Y.ToArray());
        FinalHidden = c.UnlayStates(operands.FinalHidden.ToArray());
        FinalCell = lstm ? c.UnlayStates(operands.FinalCell.ToArray()) : [];
        if (!d.Training)
            return;
        var gradients = new RecurrentGradients
        {
            Y = memory.Of(c.Lay(dy), operands.Y.Shape),
            X = memory.Empty(operands.X.Shape),
            FinalHidden = memory.OfOrNone(c.LayStates(FinalHiddenGradient)),
            FinalCell = memory.OfOrNone(c.LayStates(FinalCellGradient)),
            InitialHidden = c.States ? memory.Empty(new Shape(c.HiddenCount)) : default,
            InitialCell = c.States && lstm ? memory.Empty(new Shape(c.CellCount)) : default,
            Parameters = memory.Of(new float[Parameters.Length], new Shape(Parameters.Length)),
        };
        operation.Backward(operands, gradients);
        Gradients["x"] = c.Unlay(gradients.X.ToArray());
        if (c.States)
            Gradients["initial hidden"] = c.UnlayStates(gradients.InitialHidden.ToArray());
        if (c.States && lstm)
            Gradients["initial cell"] = c.UnlayStates(gradients.InitialCell.ToArray());
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
