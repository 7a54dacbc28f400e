using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Tests.Support;

namespace Sequor.Tests.Plans;

/// <summary>
/// What depends on parameters alone is prepared once for all steps of a stream, and anew when they have changed, however that came about;
/// a step allocates nothing.
/// </summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
internal sealed class StreamWeightTests(int bits, int threads)
{
    private const int Inputs = StreamModels.Inputs;

    private CpuBackend Backend => Backends.Get(bits, threads);

    private static IEnumerable<TestCaseData> Models() =>
        StreamModels.All.Select(m => new TestCaseData(m.Make).SetArgDisplayNames(m.Name));

    private static readonly (string Name, Action<Layer, CpuBackend> Change)[] Ways =
    [
        ("a write", (model, _) => Each(model, (tensor, values) => tensor.Write(values))),
        (
            "a copy",
            (model, backend) => Each(model, (tensor, values) => Copy(backend, tensor, values))
        ),
        ("a file", Load),
        ("new initial values", (model, backend) => model.Initialize(backend, seed: 77)),
        ("an update", Update),
        ("the best parameters", Restore),
        ("one's own code", Run),
    ];

    private static IEnumerable<TestCaseData> Changes() =>
        from model in StreamModels.All
        from way in Ways
        select new TestCaseData(model.Make, way.Change).SetArgDisplayNames(model.Name, way.Name);

    [TestCaseSource(nameof(Changes))]
    public void AStreamGoesOnWithTheNewParameters(
        Func<Layer> make,
        Action<Layer, CpuBackend> change
    )
    {
        using Layer model = make();
        using Plan stream = model.Plan(Backend, 1, 1, Mode.Streaming);
        float[] x = new Draw(9).Uniform(8 * Inputs);
        Steps(stream, x.AsSpan(0, 4 * Inputs));
        StreamState state = stream.GetState();
        float[] before = Steps(stream, x.AsSpan(4 * Inputs));
        stream.SetState(state);

        change(model, Backend);
        float[] after = Steps(stream, x.AsSpan(4 * Inputs));

        using Plan fresh = model.Plan(Backend, 1, 1, Mode.Streaming);
        fresh.SetState(state);
        Close.CheckBits(after, Steps(fresh, x.AsSpan(4 * Inputs)), "the stream that went on");
        Assert.That(after, Is.Not.EqualTo(before), "the parameters are others");
    }

    [Test]
    public void ATrainingPassThatMovesRunningStatisticsIsSeen()
    {
        using var model = new Sequential(new BatchNorm(Inputs), new Linear(Inputs, 2));
        using Plan stream = model.Plan(Backend, 1, 1, Mode.Streaming);
        using Plan training = model.Plan(Backend, 6, 2, Mode.Training);
        float[] x = new Draw(2).Uniform(12 * Inputs);
        float[] before = Steps(stream, x.AsSpan(0, Inputs));

        training.Forward(x, 6, 2);
        float[] after = Steps(stream, x.AsSpan(0, Inputs));

        using Plan fresh = model.Plan(Backend, 1, 1, Mode.Streaming);
        Close.CheckBits(after, Steps(fresh, x.AsSpan(0, Inputs)), "the stream that went on");
        Assert.That(after, Is.Not.EqualTo(before));
    }

    [TestCaseSource(nameof(Models))]
    public void WhatDependsOnParametersIsPreparedOnce(Func<Layer> make)
    {
        using Layer model = make();
        using Plan stream = model.Plan(Backend, 1, 1, Mode.Streaming);
        float[] x = new Draw(1).Uniform(Inputs);
        var counter = new Counter();
        Backend.AddProbe(counter);
        try
        {
            (long First, int Made) first = Count(() => stream.Forward(x, 1, 1));
            Assert.That(first.First, Is.Positive);
            (long, int) further = Count(() =>
            {
                for (int i = 0; i < 20; i++)
                    stream.Forward(x, 1, 1);
            });
            Assert.That(further, Is.EqualTo((0L, 0)), "with the same parameters");
            StreamState state = stream.GetState();
            stream.SetState(state);
            Assert.That(Count(() => stream.Forward(x, 1, 1)), Is.EqualTo((0L, 0)), "a state");

            NamedParameter named = model.NamedParameters().First();
            stream.Parameter(named.Name).Write(new float[named.Parameter.Shape.Count]);
            Assert.That(Count(() => stream.Forward(x, 1, 1)), Is.EqualTo(first), "a write");
            Assert.That(Count(() => stream.Forward(x, 1, 1)), Is.EqualTo((0L, 0)), "behind it");
            stream.Reset();
            Assert.That(Count(() => stream.Forward(x, 1, 1)), Is.EqualTo(first), "Reset");
        }
        finally
        {
            Backend.RemoveProbe(counter);
        }

        (long, int) Count(Action steps)
        {
            (long prepared, int made) = (Backend.Preparations, counter.Made);
            steps();
            return (Backend.Preparations - prepared, counter.Made - made);
        }
    }

    // A matrix or filter each: both of each layer of a recurrent network at once, two filters of a block and its way around where widths
    // differ, and of a block around a diagonal B, C, the mixing and lambda.
    [TestCase("rnn", 2)]
    [TestCase("lstm", 3)]
    [TestCase("tcn", 2 * 3 + 2)]
    [TestCase("gated tcn", 2 * 3 + 2)]
    [TestCase("lru", 1 + 3 * 4)]
    [TestCase("s4d", 2)]
    [TestCase("linear layer", 1)]
    public void SoMuchIsPrepared(string name, int expected)
    {
        using Layer model = StreamModels.All.Single(m => m.Name == name).Make();
        using Plan stream = model.Plan(Backend, 1, 1, Mode.Streaming);
        long before = Backend.Preparations;

        stream.Forward(new float[Inputs], 1, 1);

        Assert.That(Backend.Preparations - before, Is.EqualTo(expected));
    }

    [TestCaseSource(nameof(Models))]
    public void AStepAllocatesNothing(Func<Layer> make)
    {
        using Layer model = make();
        using Plan stream = model.Plan(Backend, 1, 2, Mode.Streaming);
        float[] x = new Draw(1).Uniform(2 * Inputs);
        for (int i = 0; i < 50; i++)
            stream.Forward(x, 1, 2);
        long native = Backend.Memory.Allocations;

        Assert.That(Allocated.LeastHere(() => stream.Forward(x, 1, 2)), Is.Zero);
        Assert.That(Backend.Memory.Allocations, Is.EqualTo(native));
    }

    // What is prepared serves any batch.
    [TestCaseSource(nameof(Models))]
    public void AStateOfAnotherBatchNeedsNothingNew(Func<Layer> make)
    {
        using Layer model = make();
        using Plan stream = model.Plan(Backend, 1, 3, Mode.Streaming);
        StreamState begin = stream.GetState();
        float[] x = new Draw(4).Uniform(6 * Inputs);
        stream.Forward(x.AsSpan(0, Inputs), 1, 1);
        stream.SetState(begin);

        float[] first = stream.Forward(x.AsSpan(0, 3 * Inputs), 1, 3).ToArray();
        float[] second = stream.Forward(x.AsSpan(3 * Inputs), 1, 3).ToArray();

        using Plan fresh = model.Plan(Backend, 1, 3, Mode.Streaming);
        Close.CheckBits(first, fresh.Forward(x.AsSpan(0, 3 * Inputs), 1, 3).ToArray(), "step 0");
        Close.CheckBits(second, fresh.Forward(x.AsSpan(3 * Inputs), 1, 3).ToArray(), "step 1");
    }

    private static float[] Steps(Plan stream, ReadOnlySpan<float> x)
    {
        var outputs = new List<float>();
        for (int at = 0; at < x.Length; at += Inputs)
            outputs.AddRange(stream.Forward(x.Slice(at, Inputs), 1, 1).ToArray());
        return [.. outputs];
    }

    // Other values for each parameter, near the old ones, so that those that must be positive stay so.
    private static void Each(Layer model, Action<Tensor, float[]> change)
    {
        foreach (NamedParameter named in model.NamedParameters())
        {
            Tensor tensor = model.Store!.View(named.Parameter);
            change(tensor, Array.ConvertAll(tensor.ToArray(), v => v * 0.9f + 0.01f));
        }
    }

    private static void Copy(CpuBackend backend, Tensor tensor, float[] values)
    {
        using Storage storage = backend.Allocate(values.Length, MemoryCategory.InputOutput);
        Tensor other = storage.View(tensor.Shape);
        other.Write(values);
        other.CopyTo(tensor);
    }

    private static void Load(Layer model, CpuBackend backend)
    {
        string path = Path.GetTempFileName();
        try
        {
            float[][] old =
            [
                .. model.NamedParameters().Select(p => model.Store!.View(p.Parameter).ToArray()),
            ];
            Each(model, (tensor, values) => tensor.Write(values));
            model.Save(path);
            int i = 0;
            Each(model, (tensor, _) => tensor.Write(old[i++]));
            model.Load(path, backend);
        }
        finally
        {
            File.Delete(path);
        }
    }

    private static void Update(Layer model, CpuBackend backend)
    {
        using Plan plan = model.Plan(backend, 4, 2, Mode.Training);
        using var sgd = new Sgd(plan, learningRate: 0.1f);
        plan.Forward(new Draw(3).Uniform(8 * Inputs), 4, 2);
        using Storage gradient = backend.Allocate(plan.Output.Count, MemoryCategory.InputOutput);
        Tensor dy = gradient.View(plan.Output.Shape);
        dy.Write(new Draw(8).Uniform((int)dy.Count));
        plan.Backward(dy);
        sgd.Step();
    }

    // As a trainer puts back the best parameters that it has seen.
    private static void Restore(Layer model, CpuBackend backend)
    {
        Tensor state = model.Store!.State;
        using Storage best = backend.Allocate(state.Count, MemoryCategory.Optimizer);
        best.View(state.Shape).Write(Array.ConvertAll(state.ToArray(), v => v * 0.8f));
        backend.Copy(best.View(state.Shape), state);
    }

    private static unsafe void Run(Layer model, CpuBackend backend)
    {
        Tensor all = model.Store!.Parameters;
        new TensorOperations(backend).Run(
            () =>
            {
                foreach (ref float value in new Span<float>((void*)all.Address, (int)all.Count))
                    value *= 0.7f;
            },
            all
        );
    }

    /// <summary>Counts the operations that make something of parameters alone.</summary>
    private sealed class Counter : StepProbe
    {
        private static readonly OperationName[] OfParameters =
        [
            OperationName.WeightNorm,
            OperationName.LruParametrization,
            OperationName.DiagonalParametrization,
            OperationName.StateSpaceParametrization,
            OperationName.BatchNormRecall,
        ];

        public int Made { get; private set; }

        public override void EndOperation(OperationReport operation)
        {
            if (OfParameters.Contains(operation.Name))
                Made++;
        }
    }
}
