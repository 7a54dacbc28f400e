using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Threads;

/// <summary>
/// While a thread is in a backend, what another one calls there is refused and changes nothing. The first thread is held in a
/// step, from which it waits for the second one.
/// </summary>
[TestFixtureSource(nameof(Devices))]
public sealed class OneThreadTests(string device) : ThreadFixture(device)
{
    private static readonly string[] Devices = ["cpu", "cuda"];

    private Layer _model = null!;
    private Plan _plan = null!;
    private Plan _stream = null!;
    private Loss _loss = null!;
    private Adam _adam = null!;
    private StepGraph _graph = null!;

    [SetUp]
    public void Make()
    {
        _model = new Gru(2, 4);
        _plan = _model.Plan(
            Backend,
            6,
            3,
            Mode.Training,
            new PlanOptions
            {
                InputGradient = true,
                VariableLengths = true,
                States = true,
            }
        );
        _stream = _model.Plan(Backend, 6, 3, Mode.Streaming);
        _loss = new SoftmaxCrossEntropy(_plan);
        _adam = new Adam(_plan, 0.01f);
        _graph = new StepGraph(_plan, () => { });
        _model.Predict(new float[4], 2);
        Forward();
    }

    [TearDown]
    public void Free()
    {
        _graph.Dispose();
        _adam.Dispose();
        _loss.Dispose();
        _stream.Dispose();
        _plan.Dispose();
        _model.Dispose();
    }

    private Tensor Forward() => _plan.Forward(new Draw(1).Uniform(36), 6, 3);

    // Every call that reaches the backend's threads, scratch or stream.
    private Dictionary<string, Action> Entries()
    {
        Tensor y = _plan.Output;
        Tensor x = _plan.Input(6, 3);
        StreamState state = _stream.GetState();
        string file = Path.Combine(TestContext.CurrentContext.WorkDirectory, "never-written");
        return new()
        {
            ["Backend.Allocate"] = () => Backend.Allocate(1, MemoryCategory.InputOutput),
            ["Backend.Synchronize"] = Backend.Synchronize,
            ["Backend.Dispose"] = Backend.Dispose,
            ["Storage.Dispose"] = y.Storage.Dispose,
            ["Tensor.Write"] = () => x.Write(new float[36]),
            ["Tensor.Read"] = () => y.Read(new float[72]),
            ["Tensor.ToArray"] = () => y.ToArray(),
            ["Tensor.CopyTo"] = () => y.CopyTo(_loss.Gradient),
            ["Layer.Initialize"] = () => _model.Initialize(Backend),
            ["Layer.Plan"] = () => _model.Plan(Backend, 1, 1, Mode.Evaluation),
            ["Layer.Predict"] = () => _model.Predict(new float[4], 2),
            ["Layer.Save"] = () => _model.Save(file),
            ["Layer.Load"] = () => _model.Load(file),
            ["Layer.Dispose"] = _model.Dispose,
            ["TorchWeights.Save"] = () => TorchWeights.Save(_model, file),
            ["TorchWeights.Load"] = () => TorchWeights.Load(_model, file),
            ["Plan.Input"] = () => _plan.Input(6, 3),
            ["Plan.SetInput"] = () => _plan.SetInput(new float[36], 6, 3),
            ["Plan.Forward"] = () => _plan.Forward(x),
            ["Plan.Forward of values"] = () => Forward(),
            ["Plan.ForwardPacked"] = () => _plan.ForwardPacked(new float[12], [3, 2, 1]),
            ["Plan.Backward"] = () => _plan.Backward(y),
            ["Plan.FirstNonFinite"] = () => _plan.FirstNonFinite(),
            ["Plan.Dispose"] = _plan.Dispose,
            ["another plan's Dispose"] = _stream.Dispose,
            ["another plan's Forward"] = () => _stream.Forward(new float[6], 1, 3),
            ["Plan.Reset"] = _stream.Reset,
            ["Plan.GetState"] = () => _stream.GetState(),
            ["Plan.SetState"] = () => _stream.SetState(state),
            ["PlanStates.CarryOver"] = _plan.States.CarryOver,
            ["PlanStates.Reset"] = _plan.States.Reset,
            ["RecurrentStates.Initial"] = () => _plan.States.Layers[0].Initial(3),
            ["new Loss"] = () => _ = new MeanSquaredError(_plan),
            ["Loss.Compute"] = () => _loss.Compute(),
            ["Loss.Compute of targets"] = () => _loss.Compute(new float[18]),
            ["Loss.SetTargets"] = () => _loss.SetTargets(new float[18]),
            ["Loss.ReadValue"] = () => _loss.ReadValue(),
            ["Loss.Dispose"] = _loss.Dispose,
            ["new Optimizer"] = () => _ = new Adam(_plan, 0.1f),
            ["Optimizer.Step"] = () => _adam.Step(),
            ["Optimizer.LearningRate"] = () => _adam.LearningRate = 0.5f,
            ["Optimizer.GradientNorm"] = () => _ = _adam.GradientNorm,
            ["Optimizer.SkippedSteps"] = () => _ = _adam.SkippedSteps,
            ["Optimizer.Dispose"] = _adam.Dispose,
            ["StepGraph.Run"] = _graph.Run,
            ["StepGraph.RunEager"] = () => _graph.RunEager(),
            ["StepGraph.Dispose"] = _graph.Dispose,
            ["Checkpoint.Save"] = () =>
                Checkpoint.Save(file, _plan, _adam, 0, new Dictionary<string, string>()),
            ["Checkpoint.Load"] = () => Checkpoint.Load(file, _plan, _adam),
        };
    }

    [Test]
    public void A_second_thread_is_refused_by_every_entry_and_changes_nothing()
    {
        Tensor gradient = _loss.Compute(new Draw(2).Classes(18, 4));
        float[] before = [.. _plan.Output.ToArray(), .. gradient.ToArray(), .. Parameters()];
        long bytes = Backend.Memory.CurrentBytes;
        Dictionary<string, Action> entries = Entries();
        var errors = new Dictionary<string, Exception?>();

        Held(() =>
        {
            foreach ((string name, Action entry) in entries)
                errors[name] = Record(entry);
        });

        foreach ((string name, Exception? error) in errors)
        {
            Assert.That(error, Is.TypeOf<InvalidOperationException>(), name);
            Assert.That(
                error!.Message,
                Does.Contain("another thread is in StepGraph.RunEager")
                    .And.Contain(Backend.Info.Description)
                    .And.Contain("one thread at a time")
                    .And.Contain("a backend and a model each"),
                name
            );
        }
        Assert.That(errors, Has.Count.EqualTo(entries.Count));
        Assert.That(Backend.Memory.CurrentBytes, Is.EqualTo(bytes));
        Assert.That(
            (float[])[.. _plan.Output.ToArray(), .. gradient.ToArray(), .. Parameters()],
            Is.EqualTo(before)
        );
        // All works as before, Dispose too.
        _plan.Backward(gradient);
        _adam.Step();
        Assert.That(Parameters(), Is.Not.EqualTo(before[^Parameters().Length..]));
    }

    private float[] Parameters() => _plan.Parameters.ToArray();

    // Runs on another thread while this one is inside.
    private void Held(Action other)
    {
        using var step = new StepGraph(
            _plan,
            () =>
            {
                var thread = new Thread(() => other());
                thread.Start();
                thread.Join();
            }
        );
        step.RunEager();
    }

    [Test]
    public void A_thread_may_call_from_within_its_own_call()
    {
        using var step = new StepGraph(
            _plan,
            () =>
            {
                Forward();
                _plan.Backward(_loss.Compute(new float[18]));
            }
        );

        Assert.That(() => step.RunEager(), Throws.Nothing);
    }

    [Test]
    public void An_error_within_a_call_lets_others_in()
    {
        using var step = new StepGraph(_plan, () => throw new FormatException("in the step"));
        Assert.That(() => step.RunEager(), Throws.TypeOf<FormatException>());
        Assert.That(() => _plan.Forward(new float[1], 6, 3), Throws.ArgumentException);

        Assert.That(Record(On(() => Forward())), Is.Null);
    }

    [Test]
    public async Task Threads_may_follow_each_other()
    {
        float[] expected = Forward().ToArray();
        var threads = new HashSet<int>();
        for (int i = 0; i < 8; i++)
        {
            float[] y = await Task.Factory.StartNew(
                () =>
                {
                    threads.Add(Environment.CurrentManagedThreadId);
                    return Forward().ToArray();
                },
                CancellationToken.None,
                TaskCreationOptions.LongRunning,
                TaskScheduler.Default
            );
            Assert.That(y, Is.EqualTo(expected));
        }
        Assert.That(threads, Has.Count.GreaterThan(1));
    }

    [Test]
    public void A_model_on_no_backend_is_for_one_thread_too()
    {
        using var model = new Sequential(new Linear(2, 3));
        Exception? error = null;
        var path = Path.Combine(TestContext.CurrentContext.WorkDirectory, "no-such-file");
        using (model.Enter("Layer.Plan"))
            On(() => error = Record(() => model.Load(path, Backend)))();

        Assert.That(
            error,
            Is.TypeOf<InvalidOperationException>()
                .With.Message.Contains("another thread is in Layer.Plan of the same Sequential")
        );
        Assert.That(() => model.Plan(Backend, 1, 1, Mode.Evaluation).Dispose(), Throws.Nothing);
    }

    private static Action On(Action act) =>
        () =>
        {
            var thread = new Thread(() => act());
            thread.Start();
            thread.Join();
        };
}
