using Sequor.Layers;
using Sequor.Layers.Cuda;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>A small model with all that trains it, step after step, and the losses that came out.</summary>
internal sealed class StepRun : IDisposable
{
    private const int T = 3;
    private const int B = 2;

    private readonly Sequential _model;
    private readonly CudaBackend _backend;
    private readonly StepGraph _inner;

    public StepRun(
        CudaBackend on,
        Layer? body = null,
        bool states = false,
        bool variableLengths = false,
        float dropout = 0f,
        Mode mode = Mode.Training,
        int most = 32,
        bool nested = false
    )
    {
        _backend = on;
        body ??= new Gru(2, 4);
        _model = new Sequential(
            body,
            new Dropout(body.OutputSize, dropout),
            new Linear(body.OutputSize, 2)
        );
        Plan = _model.Plan(
            on,
            T,
            B,
            mode,
            new PlanOptions
            {
                Seed = 7,
                VariableLengths = variableLengths,
                States = states,
            }
        );
        Second = _model.Plan(on, T, B, Mode.Evaluation);
        Loss = new BinaryCrossEntropy(Plan);
        Other = new SoftmaxCrossEntropy(Plan);
        Optimizer = mode == Mode.Training ? new Adam(Plan, 0.02f) : null!;
        Step = run => run.Train();
        for (int i = 0; i < Inputs.Length; i++)
        {
            Inputs[i] = on.Allocate(new Shape(T, B, 2), MemoryCategory.InputOutput);
            Inputs[i].Write(new Draw((ulong)(70 + i)).Uniform(T * B * 2));
        }
        Kept = on.Allocate(new Shape(T, B, 2), MemoryCategory.InputOutput);
        Kept.Write([.. Enumerable.Repeat(0.5f, T * B * 2)]);
        _inner = new StepGraph(Plan, () => Step(this), most);
        Graph = nested ? new StepGraph(Plan, _inner.Run) : _inner;
    }

    public Plan Plan { get; }
    public Plan Second { get; }
    public Loss Loss { get; }
    public Loss Other { get; }
    public Optimizer Optimizer { get; set; }
    public StepGraph Graph { get; }

    /// <summary>Three inputs elsewhere than the plan's own.</summary>
    public Tensor[] Inputs { get; } = new Tensor[3];

    /// <summary>As large as the output.</summary>
    public Tensor Kept { get; }

    /// <summary>What a step does.</summary>
    public Action<StepRun> Step { get; set; }

    /// <summary>Runs its steps without the graph.</summary>
    public bool IsEager { get; set; }

    /// <summary>Steps before this one.</summary>
    public int Number { get; private set; } = -1;

    public int Batch { get; set; } = B;

    /// <summary>Losses, and what else a test notes.</summary>
    public List<float> Noted { get; } = [];

    public void Next(Action<StepRun>? before = null, Action<StepRun>? after = null)
    {
        Number++;
        before?.Invoke(this);
        Plan.SetInput(new Draw((ulong)Number).Uniform(T * Batch * 2), T, Batch);
        LoadTargets();
        try
        {
            if (IsEager)
                Step(this);
            else
                Graph.Run();
        }
        catch (FormatException)
        {
            // An error that a test throws.
        }
        after?.Invoke(this);
        Noted.Add(Loss.ReadValue());
    }

    private void LoadTargets()
    {
        float[] targets = new Draw((ulong)(500 + Number)).Uniform(T * Batch * 2);
        Loss.SetTargets([.. targets.Select(Math.Abs)]);
    }

    public void Train(float? clip = null)
    {
        Plan.Forward(Plan.Input(T, Batch));
        Plan.Backward(Loss.Compute());
        if (clip is { } norm)
            Optimizer.Step(norm);
        else
            Optimizer.Step();
    }

    /// <summary>What follows a forward pass: by the loss where it is that of the targets, else by a gradient of 0.5.</summary>
    public void TrainFrom(Tensor output)
    {
        if (output.Shape == new Shape(T, B, 2))
            Plan.Backward(Loss.Compute());
        else
            Plan.Backward(Kept.View(output.Shape));
        Optimizer.Step();
    }

    /// <summary>Packed rows.</summary>
    public Tensor Rows(int count) => Inputs[2].View(new Shape(count, 1, 2));

    public void Dispose()
    {
        _backend.Synchronize();
        Graph.Dispose();
        _inner.Dispose();
        Optimizer?.Dispose();
        Other.Dispose();
        Loss.Dispose();
        Second.Dispose();
        Plan.Dispose();
        _model.Dispose();
        Kept.Storage.Dispose();
        foreach (Tensor input in Inputs)
            input.Storage.Dispose();
    }
}
