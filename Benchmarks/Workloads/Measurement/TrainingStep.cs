using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// One training step of a workload, ready to run again and again: forward, loss and backward, Adam without clipping. The
/// batches are made beforehand.
/// </summary>
/// <remarks>
/// Behind each step that it waits for stands the copy of the next step's batch, as in a training loop, whose host is ahead of the device.
/// So a GPU can copy it while the step runs.
/// </remarks>
public sealed class TrainingStep : IDisposable
{
    private const int Batches = 4;
    private const float LearningRate = 2e-3f;

    private readonly List<IDisposable> _owned = [];
    private readonly SequenceBatch[] _batches = new SequenceBatch[Batches];
    private readonly TimeMark[] _marks = new TimeMark[4];
    private readonly TimeMark[] _loading = new TimeMark[2];
    private readonly Plan _plan;
    private readonly Loss _loss;
    private readonly Adam _optimizer;
    private int _next;

    // Whether the batch of the next step has been copied in, between the marks of loading.
    private bool _isLoaded;

    /// <summary>Takes all memory that the step needs.</summary>
    /// <param name="workload">What to train.</param>
    /// <param name="backend">Where; it is disposed with the step, so that its memory is this step's alone.</param>
    /// <param name="seed">Of parameters and data.</param>
    /// <exception cref="DeviceMemoryException">The backend has not the memory.</exception>
    public TrainingStep(Workload workload, Backend backend, ulong seed)
    {
        ArgumentNullException.ThrowIfNull(workload);
        ArgumentNullException.ThrowIfNull(backend);
        Workload = workload;
        Backend = Own(backend);
        try
        {
            Sequential model = Own(workload.CreateModel());
            SequenceTask task = workload.Task;
            _plan = Own(
                model.Plan(
                    backend,
                    task.Length,
                    workload.Batch,
                    Mode.Training,
                    new PlanOptions { Seed = seed, GradientInOutput = true }
                )
            );
            _loss = Own(task.CreateLoss(_plan));
            _optimizer = Own(new Adam(_plan, LearningRate));
            for (int i = 0; i < _batches.Length; i++)
            {
                _batches[i] = new SequenceBatch(task, workload.Batch);
                _batches[i].Load(task.Stream(seed), (long)i * workload.Batch, workload.Batch);
            }
            for (int i = 0; i < _marks.Length; i++)
                _marks[i] = Own(backend.CreateMark());
            for (int i = 0; i < _loading.Length; i++)
                _loading[i] = Own(backend.CreateMark());
            Graph = Own(new StepGraph(_plan, RunStep));
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>What is trained.</summary>
    public Workload Workload { get; }

    /// <summary>Where it runs; counts the memory.</summary>
    public Backend Backend { get; }

    /// <summary>The plan that it runs.</summary>
    public Plan Plan => _plan;

    /// <summary>What its plan computes in another way than was asked for, and why.</summary>
    public IReadOnlyList<string> Fallbacks => _plan.Fallbacks;

    /// <summary>How the step reaches the device: as a graph, or why not.</summary>
    public StepGraph Graph { get; }

    /// <summary>One step, and the copy of the next one's batch.</summary>
    public void Run()
    {
        LoadFirst();
        Graph.Run();
        var host = new HostClock();
        LoadNext(ref host);
        Backend.Synchronize();
    }

    /// <summary>As <see cref="Run"/>, with the time that the step's parts took, its batch's copy among them.</summary>
    public StepTime RunTimed()
    {
        LoadFirst();
        double loading = _loading[1].MillisecondsSince(_loading[0]);
        long replays = Graph.Replays;
        var host = new HostClock();
        _marks[0].Record();
        host.Start();
        Graph.Run();
        host.Stop();
        _marks[3].Record();
        LoadNext(ref host);
        // Nothing of this step is left to run beside another one that is measured in turn.
        Backend.Synchronize();
        return new StepTime(
            loading + _marks[1].MillisecondsSince(_marks[0]),
            _marks[2].MillisecondsSince(_marks[1]),
            _marks[3].MillisecondsSince(_marks[2]),
            loading + _marks[3].MillisecondsSince(_marks[0])
        )
        {
            Host = Graph.Replays > replays ? host.Taken : null,
        };
    }

    /// <summary>One step, and what a profile of its plan saw of it, which is paused before and after.</summary>
    public ProfiledStep RunProfiled(Profile profile)
    {
        ArgumentNullException.ThrowIfNull(profile);
        profile.IsPaused = false;
        using (profile.Step())
            Queue();
        profile.IsPaused = true;
        return profile.Read();
    }

    /// <summary>Queues one step and does not wait for it.</summary>
    public void Queue()
    {
        Load();
        Graph.Run();
    }

    /// <summary>Queues one step operation by operation, never as a graph.</summary>
    public void QueueEager()
    {
        Load();
        Graph.RunEager();
    }

    /// <summary>The loss of the last step's batch.</summary>
    public float ReadLoss() => _loss.ReadValue();

    private void LoadFirst()
    {
        var host = new HostClock();
        if (!_isLoaded)
            LoadNext(ref host);
    }

    private void LoadNext(ref HostClock host)
    {
        _loading[0].Record();
        host.Start();
        Load();
        host.Stop();
        _loading[1].Record();
        _isLoaded = true;
    }

    private void Load()
    {
        SequenceBatch batch = _batches[_next];
        _next = (_next + 1) % Batches;
        _plan.SetInput(batch.X, batch.Length, batch.Size);
        _loss.SetTargets(batch.Targets);
        _isLoaded = false;
    }

    private void RunStep()
    {
        _plan.Forward(_plan.Input(Workload.Task.Length, Workload.Batch));
        _marks[1].Record();
        _plan.Backward(_loss.Compute());
        _marks[2].Record();
        _optimizer.Step();
    }

    private T Own<T>(T owned)
        where T : IDisposable
    {
        _owned.Add(owned);
        return owned;
    }

    /// <summary>Frees the step's memory and its backend.</summary>
    public void Dispose()
    {
        for (int i = _owned.Count - 1; i >= 0; i--)
            _owned[i].Dispose();
        _owned.Clear();
    }
}

/// <summary>Milliseconds of a training step.</summary>
/// <param name="Forward">What of copying the batch and its targets in was left when the step before was over, and the forward pass.</param>
/// <param name="Backward">The loss, its gradient, and the backward pass.</param>
/// <param name="Optimizer">The gradients' norm and the update.</param>
/// <param name="Whole">All three.</param>
public readonly record struct StepTime(
    double Forward,
    double Backward,
    double Optimizer,
    double Whole
)
{
    /// <summary>
    /// What the host took for a step that was replayed as one graph, until it could have gone on with the next: copying a batch and its
    /// targets in and handing the step over, without waiting for it. Null where the step was not replayed.
    /// </summary>
    public HostTime? Host { get; init; }
}
