using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// A training step that a GPU is given as one piece: it runs as it is for two times, is then recorded as a CUDA graph, and
/// replayed from there on, which spares the host all but one call. Where it cannot be recorded, and on a CPU, it always runs
/// as it is.
/// </summary>
/// <remarks>
/// <para>
/// What is recorded are operations and addresses. So a batch is copied in beforehand, by <see cref="Plan.Load"/> and
/// <see cref="Loss.Load"/>; losses are read afterwards; and what the host passes as a number, such as the norm to clip at, is
/// what it was when the step was recorded. The learning rate, the optimizer's count of steps and dropout's random numbers lie
/// on the device, and go on.
/// </para>
/// <para>
/// Each shape of <see cref="Plan.Input"/> has a graph of its own, with and without weights of the loss. Batches of sequences that differ in length have none, since
/// their lengths are the host's: <see cref="RunEager"/> is for them.
/// </para>
/// </remarks>
public sealed class StepGraph : IDisposable
{
    /// <summary>How often a step runs as it is before it is recorded: libraries choose and load their kernels then.</summary>
    public const int EagerSteps = 2;

    private readonly Plan _plan;
    private readonly Action _step;
    private readonly int _most;
    private bool _disposed;
    private readonly Dictionary<(Shape Input, bool Weighted), Recording> _recordings = [];

    /// <summary>A step of a plan.</summary>
    /// <param name="plan">The plan that the step runs.</param>
    /// <param name="step">Forward on the plan's input, loss, backward, update; without copies from or to the host.</param>
    /// <param name="most">Graphs kept at most, at least 1; steps of further shapes run as they are.</param>
    public StepGraph(Plan plan, Action step, int most = 32)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(step);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        (_plan, _step, _most) = (plan, step, most);
    }

    /// <summary>Shapes of input whose step is recorded.</summary>
    public int Graphs { get; private set; }

    /// <summary>Operations of the largest graph; 0 where there is none.</summary>
    public long Nodes { get; private set; }

    /// <summary>Steps that were replayed.</summary>
    public long Replays { get; private set; }

    /// <summary>Steps that ran as they are.</summary>
    public long EagerRuns { get; private set; }

    /// <summary>Why the last step that was not replayed ran as it is, those before the recording apart; null where none did.</summary>
    public string? EagerReason { get; private set; }

    /// <summary>One step, for the input that the plan was last asked for.</summary>
    /// <exception cref="ObjectDisposedException">The graphs or the plan were disposed.</exception>
    public void Run()
    {
        RequireLive();
        if (_plan.Backend.RecordsNothing is { } nothing)
        {
            RunEager(nothing);
            return;
        }
        // A caller who records the stream himself gets the step as it is.
        if (_plan.Backend.IsRecording)
        {
            RunEager("the caller records the stream");
            return;
        }
        (Shape, bool) key = (_plan.CurrentInput, _plan.IsWeighted);
        if (!_recordings.TryGetValue(key, out Recording? recording))
        {
            if (_recordings.Count == _most)
            {
                RunEager(
                    string.Create(
                        CultureInfo.InvariantCulture,
                        $"{_most} graphs are kept, and this is a step of yet another shape"
                    )
                );
                return;
            }
            recording = new Recording();
            _recordings.Add(key, recording);
        }
        if (recording.Work is null && recording.Reason is null && recording.Runs >= EagerSteps)
            Record(recording);
        if (recording.Work is not { } work)
        {
            recording.Runs++;
            RunEager(recording.Reason);
            return;
        }
        _plan.Replayed(recording.Results!);
        work.Run();
        Replays++;
    }

    /// <summary>One step as it is.</summary>
    /// <param name="reason">What <see cref="EagerReason"/> tells; null for nothing.</param>
    /// <exception cref="ObjectDisposedException">The graphs or the plan were disposed.</exception>
    public void RunEager(string? reason = null)
    {
        RequireLive();
        _step();
        EagerRuns++;
        EagerReason = reason ?? EagerReason;
    }

    private void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        _plan.RequireLive();
    }

    /// <summary>Frees the graphs; a second call does nothing.</summary>
    public void Dispose()
    {
        _disposed = true;
        foreach (Recording recording in _recordings.Values)
            recording.Work?.Dispose();
        _recordings.Clear();
    }

    private void Record(Recording recording)
    {
        try
        {
            recording.Work = _plan.Backend.Record(_step);
        }
        catch (NotRecordableException e)
        {
            recording.Reason = e.Message;
            return;
        }
        recording.Results = _plan.Results;
        Graphs++;
        Nodes = Math.Max(Nodes, recording.Work.Nodes);
    }

    private sealed class Recording
    {
        public int Runs { get; set; }

        public RecordedWork? Work { get; set; }

        public PlanResults? Results { get; set; }

        public string? Reason { get; set; }
    }
}
