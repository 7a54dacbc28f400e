using System.Globalization;

namespace Sequor.Layers.Cuda;

/// <summary>
/// A few training steps of a small model on a GPU and on the CPU, which have to agree in the loss, the gradients and the trained
/// parameters. Steps run one operation at a time, or as a graph.
/// </summary>
internal sealed class TrainingCheck(CudaBackend gpu, SelfCheckModel model, bool graph)
    : SelfCheckItem
{
    /// <summary>
    /// How far apart they may be: the norm of the difference over the norm of the CPU's values. Sums of float32 in another order
    /// stay far below, TF32 does not, nor does anything that is wrong.
    /// </summary>
    public const double Bound = 1e-3;

    private const int Length = 37;
    private const int Batch = 5;

    // A graph is recorded after the first two steps, and has been replayed once when the steps begin that are compared.
    private const int LoadSteps = StepGraph.EagerSteps + 2;
    private const int Steps = 2;

    private Side? _gpu;
    private Side? _cpu;

    public override string Name => model.Name + (graph ? ", as a graph" : ", as it is");

    public override void Load()
    {
        _cpu = new Side(new Cpu.CpuBackend(new CpuOptions { Threads = 1 }, "asked for"), model);
        _gpu = new Side(gpu, model);
        for (int i = 0; i < LoadSteps; i++)
        {
            _gpu.Step(i, graph);
            _cpu.Step(i, graph: false);
        }
        gpu.Synchronize();
    }

    public override (bool Passed, string Detail) Run()
    {
        double worst = 0;
        string where = "";
        for (int i = LoadSteps; i < LoadSteps + Steps; i++)
        {
            _gpu!.Step(i, graph);
            _cpu!.Step(i, graph: false);
            Compare("loss", [_gpu.Loss], [_cpu.Loss]);
            Compare("gradients' norm", [_gpu.Norm], [_cpu.Norm]);
            Compare("gradients", _gpu.Gradients(), _cpu.Gradients());
            Compare("parameters", _gpu.Parameters(), _cpu.Parameters());

            void Compare(string what, float[] found, float[] expected)
            {
                double difference = Difference(found, expected);
                // Written so that NaN counts as the worst there is.
                if (difference <= worst)
                    return;
                (worst, where) = (
                    double.IsNaN(difference) ? double.PositiveInfinity : difference,
                    string.Create(CultureInfo.InvariantCulture, $"{what} of step {i + 1}")
                );
            }
        }
        if (graph && _gpu!.GraphReason is { } reason)
            return (false, $"the step is not recorded as a graph: {reason}");
        return (
            worst <= Bound,
            string.Create(
                CultureInfo.InvariantCulture,
                $"differs from the CPU by {worst:g3} at most ({(where.Length > 0 ? where : "nothing does")}); allowed are {Bound:g3}"
            )
        );
    }

    public override void Dispose()
    {
        _gpu?.Dispose();
        _cpu?.Dispose();
        _cpu?.Backend.Dispose();
    }

    private static double Difference(float[] found, float[] expected)
    {
        (double apart, double whole) = (0, 0);
        for (int i = 0; i < found.Length; i++)
        {
            double difference = (double)found[i] - expected[i];
            apart += difference * difference;
            whole += (double)expected[i] * expected[i];
        }
        return apart == 0 ? 0 : Math.Sqrt(apart / whole);
    }

    /// <summary>The model with what its steps need, on one of the two.</summary>
    private sealed class Side : IDisposable
    {
        private readonly Sequential _model;
        private readonly float[] _x = new float[Length * Batch * SelfCheckModel.Inputs];
        private readonly float[] _targets = new float[Batch];
        private readonly string[] _names;
        private readonly Plan? _plan;
        private readonly Loss? _loss;
        private readonly StepGraph? _graph;
        private readonly Optimizer? _optimizer;

        public Side(Backend backend, SelfCheckModel model)
        {
            Backend = backend;
            _model = model.Create();
            _names = [.. _model.NamedParameters().Select(p => p.Name)];
            try
            {
                _plan = _model.Plan(backend, Length, Batch, Mode.Training);
                _loss = new MeanSquaredError(_plan);
                _optimizer = new Adam(_plan, learningRate: 1e-2f) { MaxGradientNorm = 0.5f };
                _graph = new StepGraph(_plan, Pass);
            }
            catch
            {
                Dispose();
                throw;
            }
        }

        public Backend Backend { get; }

        public float Loss => _loss!.ReadValue();

        public string? GraphReason => _graph!.EagerReason;

        public float Norm => _optimizer!.GradientNorm;

        // By name, since each backend has them in a layout of its own.
        public float[] Gradients() => [.. _names.SelectMany(n => _plan!.Gradient(n).ToArray())];

        public float[] Parameters() => [.. _names.SelectMany(n => _plan!.Parameter(n).ToArray())];

        public void Step(int number, bool graph)
        {
            // Smooth numbers without a period that fits the length; another sequence and another step begin elsewhere.
            for (int i = 0; i < _x.Length; i++)
                _x[i] = MathF.Sin(1.7f * i + number + 0.3f);
            for (int i = 0; i < _targets.Length; i++)
                _targets[i] = MathF.Cos(i + number);
            _plan!.SetInput(_x, Length, Batch);
            _loss!.SetTargets(_targets);
            if (graph)
                _graph!.Run();
            else
                Pass();
        }

        public void Dispose()
        {
            _graph?.Dispose();
            _optimizer?.Dispose();
            _loss?.Dispose();
            _plan?.Dispose();
            _model.Dispose();
        }

        private void Pass()
        {
            _plan!.Forward(_plan.Input(Length, Batch));
            _plan.Backward(_loss!.Compute());
            _optimizer!.Step();
        }
    }
}
