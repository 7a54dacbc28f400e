namespace Sequor.Layers;

/// <summary>A step that is identified by its calls, in their order, with the graph that was recorded of it, if any.</summary>
internal sealed class StepTrace : IDisposable
{
    private readonly (StepCall Call, Tensor Result)[] _calls;
    private readonly List<(
        Plan Plan,
        IReadOnlyList<(string Layer, Tensor Output)> Layers
    )> _plans = [];

    /// <param name="calls">The calls, each with the tensor that it returned. They have just been queued.</param>
    public StepTrace(IEnumerable<(StepCall Call, Tensor Result)> calls)
    {
        _calls = [.. calls];
        foreach ((StepCall call, _) in _calls)
        {
            if (call.Target is Plan plan && !_plans.Exists(p => p.Plan == plan))
                _plans.Add((plan, plan.LayerOutputs));
        }
    }

    /// <summary>The recorded graph; null if the step was not recorded.</summary>
    public RecordedWork? Work { get; set; }

    /// <summary>Why the step cannot be recorded; null if no reason is known.</summary>
    public string? Reason { get; set; }

    /// <summary>How often the step ran without being replayed.</summary>
    public int Runs { get; private set; }

    /// <summary>The number of the last step that had these calls.</summary>
    public long LastSeen { get; private set; }

    /// <summary>The shape of input that the plan was last asked for before the step.</summary>
    public Shape Input { get; private set; }

    /// <summary>Whether the step can never come again, since the target of one of its calls has been disposed.</summary>
    public bool IsGone => Array.Exists(_calls, noted => noted.Call.IsGone);

    /// <summary>Whether the call at an index equals the given one; if so, also gives the tensor that it returned.</summary>
    public bool Has(int index, in StepCall call, out Tensor result)
    {
        bool has = index < _calls.Length && _calls[index].Call.Equals(call);
        result = has ? _calls[index].Result : default;
        return has;
    }

    /// <summary>Whether the step begins with these calls.</summary>
    public bool BeginsWith(List<(StepCall Call, Tensor Result)> calls)
    {
        if (calls.Count > _calls.Length)
            return false;
        for (int i = 0; i < calls.Count; i++)
        {
            if (!_calls[i].Call.Equals(calls[i].Call))
                return false;
        }
        return true;
    }

    /// <summary>Whether the step consists of exactly these calls.</summary>
    public bool Is(List<(StepCall Call, Tensor Result)> calls) =>
        calls.Count == _calls.Length && BeginsWith(calls);

    /// <summary>Notes that the step ran without being replayed.</summary>
    public void Ran(Shape input, long step)
    {
        Runs++;
        LastSeen = step;
        Input = input;
    }

    /// <summary>Queues the step's work, call by call.</summary>
    public void Queue()
    {
        foreach ((StepCall call, _) in _calls)
            call.Queue();
    }

    /// <summary>Queues the recorded graph, and leaves the plans as they would be after the calls.</summary>
    /// <param name="probe">Who is told, and may queue the step with marks of its own; null for nobody.</param>
    public void Replay(StepProbe? probe)
    {
        probe?.PrepareReplay(this);
        foreach ((Plan plan, IReadOnlyList<(string, Tensor)> layers) in _plans)
            plan.Replayed(layers);
        if (probe?.Replay(this) != true)
            Work!.Run();
    }

    public void Dispose() => Work?.Dispose();
}
