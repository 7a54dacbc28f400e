using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Recurrent layers on CUDA against the CPU backend: outputs, states and every gradient.</summary>
public abstract class CudaRecurrentFixture : CudaFixture
{
    // Of the small nets below, of up to two layers.
    private static readonly double Small = Rounding.Recurrent(3 + 6, 6 * 4, 2);

    private protected override bool FloatSums => true;

    // T, B, I, H: what breaks things.
    private static readonly (int T, int B, int I, int H)[] Shapes =
    [
        (1, 1, 1, 1),
        (1, 5, 3, 4),
        (7, 1, 4, 3),
        (9, 4, 1, 130),
        (5, 3, 130, 1),
        (4, 2, 257, 3),
        (6, 33, 5, 7),
        (3, 2, 8, 257),
    ];

    private static IEnumerable<TestCaseData> EveryShape()
    {
        foreach (string kind in Models.RecurrentKinds)
        foreach ((int t, int b, int i, int h) in Shapes)
            yield return new TestCaseData(kind, t, b, i, h);
        foreach (string kind in Models.RecurrentKinds)
            yield return new TestCaseData(kind, 5000, 1, 2, 3);
    }

    [TestCaseSource(nameof(EveryShape))]
    public void A_layer_is_that_of_the_cpu(string kind, int t, int b, int i, int h) =>
        Compare(kind, i, h, new RecurrentOptions(), t, b);

    private static IEnumerable<TestCaseData> EveryOption()
    {
        foreach (string kind in Models.RecurrentKinds)
        {
            foreach (RecurrentBias bias in Enum.GetValues<RecurrentBias>())
                yield return Case(kind, new RecurrentOptions { Bias = bias }, $"{bias}");
            yield return Case(kind, new RecurrentOptions { Layers = 3 }, "three layers");
            yield return Case(kind, new RecurrentOptions { Bidirectional = true }, "both ways");
            yield return Case(
                kind,
                new RecurrentOptions { Layers = 2, Bidirectional = true },
                "two layers both ways"
            );
        }
        yield return Case("lstm", new RecurrentOptions { ProjectionSize = 3 }, "projection");
        yield return Case(
            "lstm",
            new RecurrentOptions
            {
                ProjectionSize = 2,
                Layers = 2,
                Bidirectional = true,
            },
            "projection, two layers both ways"
        );
        yield return Case(
            "lstm",
            new RecurrentOptions { CellClip = new CellClip(-0.2f, 0.15f) },
            "clipping"
        );

        static TestCaseData Case(string kind, RecurrentOptions options, string name) =>
            new TestCaseData(kind, options).SetArgDisplayNames(kind, name);
    }

    [TestCaseSource(nameof(EveryOption))]
    public void An_option_is_that_of_the_cpu(string kind, RecurrentOptions options) =>
        Compare(kind, 4, 6, options, 7, 3);

    [TestCaseSource(nameof(EveryOption))]
    public void Packed_sequences_are_those_of_the_cpu(string kind, RecurrentOptions options) =>
        Compare(kind, 4, 6, options, 8, 4, [8, 5, 5, 1]);

    // The kernels hold up to 64 or 128 weights a thread, or none; beyond 256 values a step is a product.
    [Test]
    public void A_linear_recurrence_of_any_size_is_that_of_the_cpu(
        [Values(31, 64, 65, 128, 129, 256, 257)] int hidden,
        [Values] bool packed
    ) =>
        Compare(
            "linear rnn",
            3,
            hidden,
            new RecurrentOptions { Bidirectional = true },
            6,
            5,
            packed ? [6, 6, 3, 1, 1] : null
        );

    // Its dropout draws the CPU's masks.
    [Test]
    public void A_dropping_linear_recurrence_is_that_of_the_cpu([Values] bool packed) =>
        Compare(
            "linear rnn",
            3,
            6,
            new RecurrentOptions
            {
                Layers = 3,
                Bidirectional = true,
                Dropout = 0.4f,
            },
            6,
            3,
            packed ? [6, 4, 1] : null
        );

    [Test]
    public void A_linear_recurrence_takes_lengths_of_packed_sequences_alone()
    {
        var descriptor = new RecurrentDescriptor(RecurrentKind.Linear, 2, 3)
        {
            MaxLength = 4,
            MaxBatch = 2,
            VariableLengths = true,
        };
        using RecurrentOperation operation = Gpu.PlanRecurrent(descriptor);
        using Storage memory = Gpu.Allocate(1000, MemoryCategory.InputOutput);
        Tensor Of(params int[] sizes) => new(memory, 0, new Shape(sizes[0], sizes[1], sizes[2]));
        Assert.That(
            () =>
                operation.Forward(
                    new RecurrentOperands
                    {
                        X = Of(4, 2, 2),
                        Y = Of(4, 2, 3),
                        Parameters = Of(1, 1, 21),
                        Lengths = [4, 2],
                        Reserve = default,
                        Workspace = new Tensor(memory, 0, Shape.Block(operation.WorkspaceCount)),
                    }
                ),
            Throws.TypeOf<NotSupportedException>().With.Message.Contains("packed")
        );
    }

    [Test]
    public void Padded_sequences_in_any_order_are_those_of_the_cpu(
        [Values("tanh", "lstm", "gru")] string kind,
        [Values] bool bidirectional
    )
    {
        const int T = 6;
        const int B = 3;
        int[] lengths = [2, 6, 1];
        var descriptor = new RecurrentDescriptor(
            kind switch
            {
                "tanh" => RecurrentKind.Tanh,
                "lstm" => RecurrentKind.Lstm,
                "gru" => RecurrentKind.Gru,
                _ => throw new ArgumentException(kind, nameof(kind)),
            },
            4,
            5
        )
        {
            Bidirectional = bidirectional,
            MaxLength = T,
            MaxBatch = B,
            Training = true,
            VariableLengths = true,
        };
        (float[] y, float[] dx) cpu = Run(Cpu);
        (float[] y, float[] dx) gpu = Run(Gpu);
        Against.Cpu($"{kind} padded", "y", gpu.y, cpu.y, Small);
        Against.Cpu($"{kind} padded", "dx", gpu.dx, cpu.dx, Small);

        (float[] Y, float[] Dx) Run(Backend on)
        {
            using RecurrentOperation operation = on.PlanRecurrent(descriptor);
            ParameterLayout layout = on.RecurrentLayout(descriptor);
            var taken = new List<Storage>();
            Tensor parameters = Take(new Shape((int)layout.Count), null);
            on.Fill(parameters, 0f);
            var draw = new Draw(3);
            foreach ((string name, Shape shape) in descriptor.Parameters())
                new Tensor(parameters.Storage, layout.Offsets[name], shape).Write(
                    draw.Uniform(shape.Count)
                );
            Tensor gradients = Take(new Shape((int)layout.Count), null);
            on.Fill(gradients, 0f);
            Tensor y = Take(new Shape(T, B, descriptor.OutputSize), null);
            Tensor dx = Take(new Shape(T, B, 4), null);
            var operands = new RecurrentOperands
            {
                X = Take(new Shape(T, B, 4), 4),
                Y = y,
                Parameters = parameters,
                Lengths = lengths,
                Reserve = Take(Shape.Block(operation.ReserveCount), null),
                Workspace = Take(Shape.Block(operation.WorkspaceCount), null),
            };
            operation.Forward(operands);
            operation.Backward(
                operands,
                new RecurrentGradients
                {
                    Y = Take(y.Shape, 5),
                    X = dx,
                    Parameters = gradients,
                }
            );
            (float[], float[]) result = (y.ToArray(), dx.ToArray());
            foreach (Storage storage in taken)
                storage.Dispose();
            return result;

            Tensor Take(Shape shape, ulong? seed)
            {
                Tensor tensor = on.Allocate(shape, MemoryCategory.InputOutput);
                taken.Add(tensor.Storage);
                if (seed is { } drawn)
                    tensor.Write(new Draw(drawn).Uniform(shape.Count));
                return tensor;
            }
        }
    }

    [Test]
    public void A_stream_goes_on_where_it_stopped(
        [Values("tanh", "linear rnn", "lstm", "gru")] string kind
    )
    {
        using Layer onGpu = Models.Recurrent(kind, 3, 5, 2);
        using Layer onCpu = Models.Recurrent(kind, 3, 5, 2);
        using Plan gpu = onGpu.Plan(Gpu, 4, 2, Mode.Streaming);
        using Plan cpu = onCpu.Plan(Cpu, 4, 2, Mode.Streaming);
        foreach (int steps in (int[])[1, 4, 2])
        {
            float[] x = new Draw((ulong)steps).Uniform(steps * 2 * 3);
            float[] expected = cpu.Forward(x, steps, 2).ToArray();
            Against.Cpu($"{kind} stream", "y", gpu.Forward(x, steps, 2).ToArray(), expected, Small);
        }
    }

    [Test]
    public void A_gradient_of_the_last_step_alone_is_as_good_as_one_of_all(
        [Values("lstm", "gru")] string kind,
        [Values] bool head
    )
    {
        // A head's gradient is written where it lies among all steps; a caller's is copied there.
        using Sequential onGpu = Make();
        using Sequential onCpu = Make();
        using Plan gpu = onGpu.Plan(
            Gpu,
            6,
            2,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        using Plan cpu = onCpu.Plan(
            Cpu,
            6,
            2,
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        float[] x = new Draw(1).Uniform(6 * 2 * 3);
        // Shorter ones after longer ones, whose gradients lie in the same memory.
        foreach (Plan plan in (Plan[])[gpu, cpu])
        foreach (int steps in (int[])[6, 6, 1, 4])
        {
            Tensor y = plan.Forward(x.AsSpan(0, steps * 2 * 3), steps, 2);
            Tensor dy = plan.Backend.Allocate(y.Shape, MemoryCategory.InputOutput);
            dy.Write(new Draw(2).Uniform(y.Count));
            plan.Backward(dy);
            dy.Storage.Dispose();
        }
        Against.Cpu(kind, "dx", gpu.InputGradient, cpu.InputGradient, Small);
        foreach (NamedParameter named in onGpu.NamedParameters())
            Against.Cpu(
                kind,
                named.Name,
                gpu.Gradient(named.Name),
                cpu.Gradient(named.Name),
                Small
            );

        Sequential Make() =>
            head
                ? new Sequential(Models.Recurrent(kind, 3, 5), new Last(5), new Linear(5, 2))
                : new Sequential(Models.Recurrent(kind, 3, 5), new Last(5));
    }

    private protected void Compare(
        string kind,
        int inputs,
        int hidden,
        RecurrentOptions options,
        int steps,
        int batch,
        int[]? lengths = null
    )
    {
        // Each layer but the first reads the states of both directions.
        int width = hidden + Math.Max(inputs, options.Bidirectional ? 2 * hidden : hidden);
        double most = Rounding.Recurrent(width, (long)steps * batch, options.Layers);
        using Layer onGpu = Make();
        using Layer onCpu = Make();
        using Plan gpu = Plan(onGpu, Gpu);
        using Plan cpu = Plan(onCpu, Cpu);
        var draw = new Draw(7);
        Dictionary<string, float[]> parameters = draw.Parameters(onCpu);
        int rows = lengths?.Sum() ?? steps * batch;
        float[] x = draw.Uniform((long)rows * inputs);
        float[] dy = draw.Uniform((long)rows * onCpu.OutputSize);
        foreach (Plan plan in (Plan[])[gpu, cpu])
        {
            foreach ((string name, float[] values) in parameters)
                plan.Parameter(name).Write(values);
            Tensor gradient = plan.Backend.Allocate(
                lengths is null
                    ? new Shape(steps, batch, onCpu.OutputSize)
                    : new Shape(rows, 1, onCpu.OutputSize),
                MemoryCategory.InputOutput
            );
            gradient.Write(dy);
            // Twice: gradients of parameters are added to where that is asked for.
            foreach (bool accumulate in (bool[])[false, true])
            {
                var state = new Draw(9);
                Write(plan.States[""].Initial(batch), state);
                if (lengths is null)
                    plan.Forward(x, steps, batch);
                else
                    plan.ForwardPacked(x, lengths);
                Write(plan.States[""].FinalGradient, state);
                plan.Backward(gradient, accumulate);
            }
            gradient.Storage.Dispose();
        }

        Against.Cpu(kind, "y", gpu.Output, cpu.Output, most);
        Against.Cpu(kind, "dx", gpu.InputGradient, cpu.InputGradient, most);
        foreach (string name in parameters.Keys)
            Against.Cpu(kind, name, gpu.Gradient(name), cpu.Gradient(name), most);
        RecurrentStates ours = gpu.States[""];
        RecurrentStates theirs = cpu.States[""];
        Against.Cpu(kind, "hy", ours.Final.Hidden, theirs.Final.Hidden, most);
        Against.Cpu(kind, "dhx", ours.InitialGradient.Hidden, theirs.InitialGradient.Hidden, most);
        if (kind == "lstm")
        {
            Against.Cpu(kind, "cy", ours.Final.Cell, theirs.Final.Cell, most);
            Against.Cpu(kind, "dcx", ours.InitialGradient.Cell, theirs.InitialGradient.Cell, most);
        }

        Layer Make() =>
            kind switch
            {
                "lstm" => new Lstm(inputs, hidden, options),
                "gru" => new Gru(inputs, hidden, options),
                "tanh" or "relu" => new Rnn(inputs, hidden, options, relu: kind == "relu"),
                "linear rnn" => new Rnn(inputs, hidden, options, RnnActivation.Linear),
                _ => throw new ArgumentException(kind, nameof(kind)),
            };

        Plan Plan(Layer layer, Backend backend) =>
            layer.Plan(
                backend,
                steps,
                batch,
                Mode.Training,
                new PlanOptions
                {
                    InputGradient = true,
                    VariableLengths = lengths is not null,
                    States = true,
                }
            );

        static void Write(RecurrentState state, Draw draw)
        {
            state.Hidden.Write(draw.Uniform(state.Hidden.Count));
            if (!state.Cell.IsEmpty)
                state.Cell.Write(draw.Uniform(state.Cell.Count));
        }
    }
}
