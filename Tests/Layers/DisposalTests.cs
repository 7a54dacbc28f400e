using System.Reflection;
using NUnit.Framework;
using Sequor.Interop;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;
using Sequor.Workloads;

namespace Sequor.Tests.Layers;

/// <summary>
/// Whatever can be disposed: a second time does nothing, and use afterwards says so. Types that say how they are disposed are
/// found by reflection, so that none is forgotten.
/// </summary>
public sealed class DisposalTests
{
    /// <summary>
    /// What was made, how its use is tried where it has one, and what a second Dispose must leave as it is.
    /// </summary>
    private sealed record Made(
        IDisposable Item,
        Action? Use,
        Func<object>? Others = null,
        params IDisposable[] Rest
    );

    private static readonly float[] X = new Draw(1).Uniform(4 * 2 * 3);

    // By the type that has the method: those that inherit it cannot dispose otherwise.
    private static readonly Dictionary<Type, Func<Made>> Factories = new()
    {
        [typeof(Backend)] = () =>
        {
            Backend backend = Cpu();
            return new(backend, () => backend.Allocate(1, MemoryCategory.Workspace));
        },
        [typeof(Storage)] = () =>
        {
            Backend backend = Cpu();
            Storage storage = backend.Allocate(10, MemoryCategory.Workspace);
            var tensor = new Tensor(storage, 0, new Shape(10));
            return new(
                storage,
                () => tensor.ToArray(),
                () => backend.Memory.CurrentBytes,
                backend.Allocate(10, MemoryCategory.Workspace),
                backend
            );
        },
        [typeof(DlPackTensor)] = () =>
        {
            Backend backend = Cpu();
            Storage storage = backend.Allocate(10, MemoryCategory.Workspace);
            var tensor = new Tensor(storage, 0, new Shape(10));
            nint exported = DlPack.Export(tensor, DlPackForm.Versioned);
            DlPackTensor taken = DlPack.Import(
                backend,
                exported,
                DlPackForm.Versioned,
                DlPackAccess.Write
            );
            storage.Dispose();
            return new(
                taken,
                () => taken.Tensor.ToArray(),
                () => backend.Memory.CurrentBytes,
                backend
            );
        },
        [typeof(Layer)] = () =>
        {
            Parts parts = new();
            return new(
                parts.Model,
                () => parts.Model.Plan(parts.Backend, 1, 1, Mode.Evaluation),
                () => parts.Backend.Memory.CurrentBytes,
                parts
            );
        },
        [typeof(Plan)] = () =>
        {
            Parts parts = new();
            return new(
                parts.Plan,
                () => parts.Plan.SetInput(X, 4, 2),
                () => parts.Backend.Memory.CurrentBytes,
                parts
            );
        },
        [typeof(Loss)] = () =>
        {
            Parts parts = new();
            parts.Loss.Dispose();
            var old = new MeanSquaredError(parts.Plan);
            old.Dispose();
            // The scratch that the old one had.
            var next = new MeanSquaredError(parts.Plan);
            parts.Step(next);
            return new(
                old,
                () => old.ReadValue(),
                () =>
                {
                    using var other = new MeanSquaredError(parts.Plan);
                    return next.Gradient.Address != other.Gradient.Address;
                },
                next,
                parts
            );
        },
        [typeof(TimeMark)] = () =>
        {
            Backend backend = Cpu();
            TimeMark mark = backend.CreateMark();
            return new(mark, mark.Record, null, backend);
        },
        [typeof(Optimizer)] = () =>
        {
            Parts parts = new();
            parts.Step(parts.Loss);
            return new(
                parts.Optimizer,
                () => parts.Optimizer.Step(),
                () => parts.Backend.Memory.CurrentBytes,
                parts
            );
        },
        [typeof(StepGraph)] = () =>
        {
            Parts parts = new();
            var graph = new StepGraph(parts.Plan, () => { });
            return new(graph, graph.Run, null, parts);
        },
        [typeof(Trainer)] = () =>
        {
            Parts parts = new();
            var model = new Sequential(new Gru(2, 3), new Linear(3, 1));
            var set = new TwoPieces();
            var trainer = new Trainer(
                model,
                set,
                set,
                parts.Backend,
                plan => new Adam(plan, 0.01f),
                new TrainingOptions { Batch = 1 }
            );
            trainer.TrainStep();
            return new(
                trainer,
                () => trainer.Evaluate(set),
                () => parts.Backend.Memory.CurrentBytes,
                model,
                parts
            );
        },
        [typeof(SafetensorsFile)] = () =>
        {
            Parts parts = new();
            string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            parts.Model.Save(path);
            SafetensorsFile file = Safetensors.Open(path);
            File.Delete(path);
            return new(file, () => file.ReadFloats(file.Entries[0].Name), null, parts);
        },
        [typeof(CheckpointLock)] = () =>
        {
            string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
            CheckpointLock old = CheckpointLock.TryTake(path)!;
            old.Dispose();
            // It is another one's by now.
            CheckpointLock next = CheckpointLock.TryTake(path)!;
            return new(old, null, () => File.Exists(next.Path), next);
        },
        [typeof(Profile)] = () =>
        {
            Parts parts = new();
            var profile = Profile.Start(parts.Plan);
            parts.Step(parts.Loss);
            return new(
                profile,
                () => profile.Read(),
                () => parts.Backend.Memory.CurrentBytes,
                parts
            );
        },
        [typeof(TrainingStep)] = () =>
        {
            Architecture architecture = Architecture.Get("gru");
            Backend backend = Cpu();
            var step = new TrainingStep(
                new Workload(architecture, new AddingProblem(5), 2, 3, architecture.DefaultDepth),
                backend,
                seed: 1
            );
            step.Run();
            return new(step, step.Run, () => backend.Memory.CurrentBytes);
        },
        [typeof(StreamStep)] = () =>
        {
            Architecture architecture = Architecture.Get("gru");
            Backend backend = Cpu();
            var step = new StreamStep(
                new Workload(architecture, new AddingProblem(5), 2, 3, architecture.DefaultDepth),
                backend,
                seed: 1
            );
            step.Run();
            return new(step, () => _ = step.Run(), () => backend.Memory.CurrentBytes);
        },
    };

    // On a GPU or with a profiler, and tested beside what they are of.
    private static readonly Type[] OnGpu =
    [
        typeof(CudaObject),
        typeof(CudaCapture),
        typeof(NvmlDevice),
        typeof(NvtxDomain),
        typeof(GpuSampler),
        typeof(GpuWatch),
        typeof(CudaPeerLink),
    ];

    // Disposed by their plan, once.
    private static readonly Type[] OfPlans = [typeof(LayerPlan)];

    private static Type[] Types() => [.. Factories.Keys];

    [TestCaseSource(nameof(Types))]
    public void A_second_Dispose_does_nothing_and_use_is_refused(Type type)
    {
        Made made = Factories[type]();
        try
        {
            made.Item.Dispose();
            RequireRefused(made.Use);
            object? before = made.Others?.Invoke();

            made.Item.Dispose();

            Assert.That(made.Others?.Invoke(), Is.EqualTo(before));
            if (before is bool right)
                Assert.That(right);
            RequireRefused(made.Use);
        }
        finally
        {
            foreach (IDisposable rest in made.Rest)
                rest.Dispose();
        }
    }

    private static void RequireRefused(Action? use)
    {
        if (use is not null)
            Refusal.Of<ObjectDisposedException>("", use).Check();
    }

    [Test]
    public void Every_type_that_can_be_disposed_is_tried()
    {
        Assembly[] assemblies =
        [
            typeof(Sequor.Native.NativeLibraries).Assembly,
            typeof(CudaObject).Assembly,
            typeof(Plan).Assembly,
            typeof(TrainingStep).Assembly,
        ];
        Type[] found =
        [
            .. assemblies
                .SelectMany(a => a.GetExportedTypes())
                .Where(t => t is { IsClass: true } && t.IsAssignableTo(typeof(IDisposable)))
                .Select(DeclaringType)
                .Distinct(),
        ];

        Assert.That(found, Is.EquivalentTo(Factories.Keys.Concat(OnGpu).Concat(OfPlans)));
    }

    [Test]
    public void Any_order_of_disposal_gives_all_back([Range(1, 20)] int seed)
    {
        var parts = new Parts();
        parts.Step(parts.Loss);
        Plan stream = parts.Model.Plan(parts.Backend, 4, 2, Mode.Streaming);
        parts.Model.Predict(X, 4, 2);
        IDisposable[] order =
        [
            parts.Backend,
            parts.Model,
            parts.Plan,
            stream,
            parts.Loss,
            parts.Optimizer,
        ];
        new Random(seed).Shuffle(order);

        foreach (IDisposable item in order)
        {
            item.Dispose();
            // Whatever goes, a step needs it, but for the stream.
            if (item != stream)
                Refusal.Of<ObjectDisposedException>("", () => parts.Use(item)).Check();
        }

        Assert.That(parts.Backend.Memory.CurrentBytes, Is.Zero);
    }

    private static readonly (string Name, Action<Parts> Use)[] OfModel =
    [
        ("plan", p => p.Model.Plan(p.Backend, 1, 1, Mode.Evaluation)),
        ("initialize", p => p.Model.Initialize(p.Backend)),
        ("predict", p => p.Model.Predict(X, 4, 2)),
        ("save", p => p.Model.Save("never.safetensors")),
        ("save for torch", p => TorchWeights.Save(p.Model, "never.safetensors")),
        ("forward", p => p.Plan.Forward(X, 4, 2)),
        ("backward", p => p.Plan.Backward(p.Loss.Gradient)),
        ("parameter", p => p.Plan.Parameter("0.weight_ih_l0")),
        ("optimizer", p => p.Optimizer.Step()),
        ("loss", p => p.Loss.Compute()),
        ("loss of it", p => _ = new MeanSquaredError(p.Plan)),
        ("optimizer of it", p => _ = new Sgd(p.Plan, 1)),
    ];

    private static readonly (string Name, Action<Parts> Use)[] OfBackend =
    [
        ("allocate", p => p.Backend.Allocate(1, MemoryCategory.Workspace)),
        ("wrap", p => p.Backend.Wrap(64, new Shape(1))),
        ("synchronize", p => p.Backend.Synchronize()),
        ("model on it", p => new Linear(1, 1).Initialize(p.Backend)),
        ("input", p => p.Plan.Input(1, 1)),
    ];

    private static readonly (string Name, Action<Parts> Use)[] OfPlan =
    [
        ("forward", p => p.Plan.Forward(X, 4, 2)),
        ("packed", p => p.Plan.ForwardPacked(X.AsSpan(0, 3), [1])),
        ("load", p => p.Plan.SetInput(X, 4, 2)),
        ("input", p => p.Plan.Input(1, 1)),
        ("backward", p => p.Plan.Backward(default)),
        ("reset", p => p.Plan.Reset()),
        ("state", p => p.Plan.GetState()),
        ("states", p => _ = p.Plan.States),
        ("parameter", p => p.Plan.Parameter("0.weight_ih_l0")),
        ("gradient", p => p.Plan.Gradient("0.weight_ih_l0")),
        ("not finite", p => p.Plan.FirstNonFinite()),
        ("optimizer", p => p.Optimizer.Step()),
        ("rate", p => p.Optimizer.LearningRate = 1),
        ("loss", p => p.Loss.SetTargets(new float[8])),
        ("loss's gradient", p => _ = p.Loss.Gradient),
    ];

    private static readonly (string Name, Action<Parts> Use)[] OfOptimizer =
    [
        ("step", p => p.Optimizer.Step()),
        ("rate", p => _ = p.Optimizer.LearningRate),
        ("rate set", p => p.Optimizer.LearningRate = 1),
        ("norm", p => _ = p.Optimizer.GradientNorm),
        ("skipped", p => _ = p.Optimizer.SkippedSteps),
    ];

    private static readonly (string Name, Action<Parts> Use)[] OfLoss =
    [
        ("compute", p => p.Loss.Compute()),
        ("compute of targets", p => p.Loss.Compute(new float[8])),
        ("load", p => p.Loss.SetTargets(new float[8])),
        ("read", p => p.Loss.ReadValue()),
        ("gradient", p => _ = p.Loss.Gradient),
    ];

    private static IEnumerable<TestCaseData> Uses() =>
        from kind in new (
            string Name,
            Func<Parts, IDisposable> Of,
            (string, Action<Parts>)[] Uses
        )[]
        {
            ("model", p => p.Model, OfModel),
            ("backend", p => p.Backend, [.. OfModel, .. OfBackend]),
            ("plan", p => p.Plan, OfPlan),
            ("optimizer", p => p.Optimizer, OfOptimizer),
            ("loss", p => p.Loss, OfLoss),
        }
        from use in kind.Uses
        select new TestCaseData(kind.Of, use.Item2).SetArgDisplayNames(kind.Name, use.Item1);

    [TestCaseSource(nameof(Uses))]
    public void Use_after_the_end_is_refused(Func<Parts, IDisposable> disposed, Action<Parts> use)
    {
        using var parts = new Parts();
        parts.Step(parts.Loss);
        disposed(parts).Dispose();

        Refusal.Of<ObjectDisposedException>("", () => use(parts)).Check();
    }

    [Test]
    public void A_layer_that_was_disposed_is_refused_in_a_model()
    {
        using Backend backend = Cpu();
        var layer = new Linear(2, 2);
        using var model = new Sequential(layer, new Linear(2, 1));
        layer.Dispose();

        Refusal
            .Of<ObjectDisposedException>(
                "",
                () => model.Plan(backend, 1, 1, Mode.Evaluation),
                "Linear"
            )
            .Check();
    }

    private static Backend Cpu() => Backend.Create(Device.Cpu, new CpuOptions { Threads = 1 });

    // The type that says what Dispose does.
    private static Type DeclaringType(Type type)
    {
        MethodInfo dispose = type.GetInterfaceMap(typeof(IDisposable)).TargetMethods.Single();
        Type declaring = dispose.DeclaringType!;
        return declaring.IsGenericType ? declaring.GetGenericTypeDefinition() : declaring;
    }

    /// <summary>What a step of training takes.</summary>
    public sealed class Parts : IDisposable
    {
        internal Parts()
        {
            Backend = Cpu();
            Model = new Sequential(new Gru(3, 4), new Linear(4, 1));
            Plan = Model.Plan(
                Backend,
                4,
                2,
                Mode.Training,
                new PlanOptions { VariableLengths = true }
            );
            Loss = new MeanSquaredError(Plan);
            Optimizer = new Adam(Plan, 0.1f);
        }

        internal Backend Backend { get; }
        internal Sequential Model { get; }
        internal Plan Plan { get; }
        internal MeanSquaredError Loss { get; }
        internal Adam Optimizer { get; }

        internal void Step(Loss loss)
        {
            Plan.Forward(X, 4, 2);
            Plan.Backward(loss.Compute(new float[8]));
            Optimizer.Step();
        }

        internal void Use(IDisposable item)
        {
            if (item == Loss)
                Loss.ReadValue();
            else if (item == Optimizer)
                Optimizer.Step();
            else
                Plan.Forward(X, 4, 2);
        }

        public void Dispose()
        {
            Optimizer.Dispose();
            Loss.Dispose();
            Plan.Dispose();
            Model.Dispose();
            Backend.Dispose();
        }
    }

    private sealed class TwoPieces : Dataset
    {
        public override string Name => "two";
        public override int? Count => 2;
        public override int InputSize => 2;
        public override int OutputSize => 1;
        public override int TargetSize => 1;
        public override bool OneOutput => false;
        public override string Metric => "mse";

        public override Loss CreateLoss(Plan plan) => new MeanSquaredError(plan);

        public override int LengthOf(long sequence) => 3;

        public override void Fill(SequenceBatch batch, int b, long sequence)
        {
            for (int t = 0; t < 3; t++)
            {
                batch.Input(t, b).Fill(sequence);
                batch.Target(t, b).Fill(0.5f);
            }
        }
    }
}
