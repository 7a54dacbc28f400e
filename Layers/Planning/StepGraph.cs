using System.Globalization;

namespace Sequor.Layers;

/// <summary>
/// Runs a training step repeatedly and submits it to a GPU as one piece of work. The step's action runs normally twice and is then recorded
/// as a CUDA graph; from then on a single driver call replays the graph. On a CPU, and if the step cannot be recorded, it always runs
/// normally.
/// </summary>
/// <remarks>
/// <para>
/// The results are those of steps that are not recorded, whatever the host changes between two steps. The action itself runs each time, but
/// its calls on plans, losses and optimizers are only compared with the recorded ones; if they are the same, the graph is replayed at the
/// end of the action. So each shape of input has a graph of its own, with and without weights of the loss, and so has anything else that an
/// action does differently: another tensor that is passed, gradients that accumulate, an update that is left out.
/// </para>
/// <para>
/// Copy values in before the step, by <see cref="Plan.SetInput"/> and <see cref="Loss.SetTargets"/>, and read losses after it. A step whose
/// action does either runs normally, and <see cref="EagerReason"/> says why. The same holds for batches of sequences that differ in length,
/// whose lengths only the host knows, and for steps that queue work of their own besides the calls on plans, losses and optimizers.
/// </para>
/// </remarks>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu); // on a GPU steps are replayed from the third on
/// using var model = new Sequential(new Gru(2, 16), new Last(16), new Linear(16, 1));
/// using Plan plan = model.Plan(backend, maxLength: 20, maxBatch: 4, Mode.Training);
/// using var loss = new MeanSquaredError(plan);
/// using var adam = new Adam(plan, learningRate: 1e-3f);
/// using var step = new StepGraph(
///     plan,
///     () =>
///     {
///         plan.Forward(plan.Input(length: 20, batch: 4));
///         plan.Backward(loss.Compute());
///         adam.Step();
///     }
/// );
/// for (int i = 0; i &lt; 10; i++)
/// {
///     plan.SetInput(new float[20 * 4 * 2], length: 20, batch: 4); // copies in before the step
///     loss.SetTargets(new float[4]);
///     step.Run();
/// }
/// Console.WriteLine($"{step.Replays} replays; {step.EagerReason}");
/// </code>
/// </example>
public sealed class StepGraph : IDisposable
{
    /// <summary>How often a step runs normally before it is recorded. In these runs libraries choose and load their kernels.</summary>
    public const int EagerSteps = 2;

    private readonly Plan _plan;
    private readonly Action _step;
    private readonly int _most;
    private readonly StepTracer _tracer;
    private long _steps;

    // Whether a step has been recorded and did nothing besides its calls; from then on its calls can be put off until its end.
    private bool _calledOnly;

    // Why no step is recorded; null if steps are.
    private string? _reason;
    private RecordedWork? _unused;
    private bool _disposed;

    /// <summary>Prepares to run a step. Nothing runs yet.</summary>
    /// <param name="plan">The plan that the step runs.</param>
    /// <param name="step">
    /// The step's action: forward on the plan's input, loss, backward and update, without copies from or to the host.
    /// </param>
    /// <param name="most">The largest number of graphs that are kept, at least 1; steps beyond that run normally.</param>
    public StepGraph(Plan plan, Action step, int most = 32)
    {
        ArgumentNullException.ThrowIfNull(plan);
        ArgumentNullException.ThrowIfNull(step);
        ArgumentOutOfRangeException.ThrowIfLessThan(most, 1);
        (_plan, _step, _most) = (plan, step, most);
        _tracer = new StepTracer(plan.Backend);
    }

    /// <summary>Number of graphs: one for each shape of input, and for whatever else makes a step different.</summary>
    public int Graphs { get; private set; }

    /// <summary>Number of operations in the largest graph; 0 if there is no graph.</summary>
    public long Nodes { get; private set; }

    /// <summary>Number of steps that were replayed from a graph.</summary>
    public long Replays { get; private set; }

    /// <summary>Number of steps that ran normally.</summary>
    public long EagerRuns { get; private set; }

    /// <summary>
    /// Why the last step that was not replayed ran normally, or null if there was none. The normal runs that precede a recording do not
    /// count.
    /// </summary>
    public string? EagerReason { get; private set; }

    /// <summary>Runs one step: replays its graph, records it, or runs it normally.</summary>
    /// <exception cref="ObjectDisposedException">The graphs or the plan were disposed.</exception>
    public void Run()
    {
        using OwnerScope inside = _plan.Backend.Enter("StepGraph.Run");
        RequireLive();
        using Backend.StepScope told = _plan.Backend.BeginStep(_plan);
        if (WhyUntraced() is { } reason)
        {
            RunEager(reason);
            return;
        }
        _steps++;
        Shape input = _plan.CurrentInput;
        if (!_calledOnly && Last(input) is { } last && IsDue(last) && RecordFirst(last, input))
            return;
        _tracer.Trace(_step, putOff: _calledOnly);
        StepTrace? trace = _tracer.Noted();
        if (_tracer.IsPuttingOff && trace is not null && HasGraph(trace))
        {
            Replay(trace);
            return;
        }
        _tracer.QueueNoted();
        EagerRuns++;
        EagerReason = _tracer.Reason ?? Note(trace, input) ?? EagerReason;
    }

    /// <summary>Runs one step normally, without recording or replaying it.</summary>
    /// <param name="reason">What <see cref="EagerReason"/> is to say; null leaves it as it is.</param>
    /// <exception cref="ObjectDisposedException">The graphs or the plan were disposed.</exception>
    public void RunEager(string? reason = null)
    {
        using OwnerScope inside = _plan.Backend.Enter("StepGraph.RunEager");
        RequireLive();
        using Backend.StepScope told = _plan.Backend.BeginStep(_plan);
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
        using OwnerScope inside = _plan.Backend.Enter("StepGraph.Dispose");
        _disposed = true;
        foreach (StepTrace trace in _tracer.Known)
            trace.Dispose();
        _tracer.Known.Clear();
        _unused?.Dispose();
    }

    private string? WhyUntraced() =>
        _plan.Backend.RecordsNothing
        ?? (
            _plan.Backend.Tracer is not null ? "it is part of another step"
            // A caller who records the stream himself gets the step as it is.
            : _plan.Backend.IsRecording ? "the caller records the stream"
            : _reason
        );

    // Of the steps with such an input, the one that was seen last.
    private StepTrace? Last(Shape input)
    {
        StepTrace? last = null;
        foreach (StepTrace trace in _tracer.Known)
        {
            if (trace.Input == input && trace.LastSeen >= (last?.LastSeen ?? 0))
                last = trace;
        }
        return last;
    }

    private static bool IsDue(StepTrace trace) =>
        trace.Work is null && trace.Reason is null && trace.Runs >= EagerSteps;

    // Records the action itself, and separately its calls alone. If the former has more operations than the latter, the action queues work
    // that could not be put off with the calls.
    private bool RecordFirst(StepTrace expected, Shape input)
    {
        Backend backend = _plan.Backend;
        RecordedWork work;
        try
        {
            work = backend.Record(() => _tracer.Trace(_step, putOff: false));
        }
        catch (NotRecordableException e)
        {
            expected.Reason = e.Message;
            return false;
        }
        StepTrace trace = _tracer.Noted() ?? _tracer.Remember();
        _reason = _tracer.Reason ?? WhyMore(trace, work);
        if (_reason is null)
        {
            _calledOnly = true;
            Keep(trace, work);
            Replay(trace);
            return true;
        }
        // The action was recorded instead of being run, so the recording must be run once.
        _unused = work;
        work.Run();
        trace.Ran(input, _steps);
        EagerRuns++;
        EagerReason = _reason;
        return true;
    }

    private string? WhyMore(StepTrace trace, RecordedWork work)
    {
        try
        {
            long more = work.Nodes - _plan.Backend.CountRecorded(trace.Queue);
            return more == 0
                ? null
                : string.Create(
                    CultureInfo.InvariantCulture,
                    $"the step queues {Amount.Of(more, "operation")} of its own, which cannot be put off with those of plans, losses and optimizers"
                );
        }
        catch (NotRecordableException e)
        {
            return e.Message;
        }
    }

    private bool HasGraph(StepTrace trace)
    {
        if (!IsDue(trace) || IsFull())
            return trace.Work is not null;
        try
        {
            Keep(trace, _plan.Backend.Record(trace.Queue));
            return true;
        }
        catch (NotRecordableException e)
        {
            trace.Reason = e.Message;
            return false;
        }
    }

    private void Keep(StepTrace trace, RecordedWork work)
    {
        trace.Work = work;
        Graphs++;
        Nodes = Math.Max(Nodes, work.Nodes);
    }

    private void Replay(StepTrace trace)
    {
        trace.Replay(_plan.Backend.Probe);
        _plan.Store.NoteChange();
        Replays++;
    }

    // Notes a step that ran normally. Returns the reason why it always will, or null.
    private string? Note(StepTrace? trace, Shape input)
    {
        if (trace?.Reason is { } reason)
            return reason;
        if (trace?.Work is null && IsFull())
        {
            return string.Create(
                CultureInfo.InvariantCulture,
                $"{_most} {(_most == 1 ? "graph is" : "graphs are")} kept, and this is yet another step"
            );
        }
        if (trace is null)
        {
            MakeRoom();
            trace = _tracer.Remember();
        }
        trace.Ran(input, _steps);
        return null;
    }

    private bool IsFull()
    {
        if (Graphs < _most)
            return false;
        for (int i = _tracer.Known.Count - 1; i >= 0; i--)
        {
            StepTrace trace = _tracer.Known[i];
            if (!trace.IsGone)
                continue;
            Graphs -= trace.Work is null ? 0 : 1;
            _tracer.Forget(trace);
        }
        return Graphs >= _most;
    }

    // Forgets the step without a graph that was seen longest ago, once there are as many of them as there may be graphs.
    private void MakeRoom()
    {
        StepTrace? oldest = null;
        int others = 0;
        foreach (StepTrace trace in _tracer.Known)
        {
            if (trace.Work is not null)
                continue;
            others++;
            if (oldest is null || trace.LastSeen < oldest.LastSeen)
                oldest = trace;
        }
        if (others >= _most)
            _tracer.Forget(oldest!);
    }
}
