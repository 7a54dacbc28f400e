namespace Sequor.Layers;

/// <summary>
/// Notes the calls of a step on plans, losses and optimizers. As long as they are those of a known step, it puts them off; at the end of
/// the step they can then be replayed as one graph, or be queued after all. As soon as a call differs from all known steps, the calls that
/// were put off are queued, and the step goes on normally.
/// </summary>
/// <remarks>
/// <para>
/// The host runs the step's action each time, so that none of its decisions can be missed. What follows lists all that the host can
/// change between two steps, and what happens then. Each case is tested against steps that are not recorded
/// (StepGraphHostTests, StepGraphStateTests, StepCaptureTests).
/// </para>
/// <para>
/// On the device, where a replay reads it: the values of inputs, targets and a loss's weights; parameters, buffers, gradients and moments,
/// also from a checkpoint that was loaded; the learning rate, <see cref="Optimizer.MaxGradientNorm"/> and the count of steps; the step that
/// dropout draws for, and the states that cuDNN draws from; and the initial states of recurrent layers, whether they are written, asked
/// for, carried over or reset.
/// </para>
/// <para>
/// Part of the recording, so that a change leads to another graph (<see cref="StepCall"/>): which plans, losses and optimizers are called,
/// how often and in which order; the address and shape of each tensor that is passed; whether a loss has weights; whether gradients
/// accumulate; whether states are carried over or reset within the step; and time marks.
/// </para>
/// <para>
/// Not recorded, so that the step runs normally and gives the reason: sequences of a batch that differ in length, since cuDNN takes the
/// lengths as arguments; a stream, whose steps the host counts; a norm to clip at that the step changes by
/// <see cref="Optimizer.Step(float)"/>; values copied in or read back, and memory allocated or freed, within the step; and work that the
/// step queues by itself, about which nothing is known here.
/// </para>
/// <para>
/// Never changed: seeds, the settings of layers, optimizers and their groups of parameters, arithmetic, and the method of convolutions.
/// They are given when the object is made, and a call on another object is another call.
/// </para>
/// <para>
/// A caller may also capture the backend's stream and keep the graph. In it, too, what lies on the device is read at each replay, and
/// what is part of the recording stays as it was at the capture, so that the caller needs a graph for each case. Everything that
/// would make a step run normally is refused during the capture.
/// </para>
/// </remarks>
internal sealed class StepTracer(Backend backend)
{
    /// <summary>The reason given for a step that allocates, frees or fills memory outside of its calls.</summary>
    public const string Beside =
        "the step takes, frees or fills memory, which cannot be part of a captured step: put it before the step";

    private readonly List<(StepCall Call, Tensor Result)> _noted = [];
    private readonly List<StepTrace> _known = [];

    // The known step that was last found to begin with the calls noted so far.
    private StepTrace? _like;
    private bool _inside;

    /// <summary>Whether calls are being put off, so that none of the noted ones has been queued yet.</summary>
    public bool IsPuttingOff { get; private set; }

    /// <summary>Why the step did more than the noted calls; null if it did not.</summary>
    public string? Reason { get; private set; }

    /// <summary>The known steps.</summary>
    public List<StepTrace> Known => _known;

    /// <summary>Runs a step and notes its calls.</summary>
    /// <param name="step">The step's action. If it throws, the calls that it made before are still queued.</param>
    /// <param name="putOff">Whether calls are put off as long as they are known.</param>
    public void Trace(Action step, bool putOff)
    {
        _noted.Clear();
        _inside = false;
        Reason = null;
        IsPuttingOff = putOff;
        backend.Tracer = this;
        try
        {
            step();
        }
        catch
        {
            QueueNoted();
            throw;
        }
        finally
        {
            backend.Tracer = null;
        }
    }

    /// <summary>
    /// Notes a call and returns true if it is put off. If not, the caller has to queue it and then call <see cref="Queued"/>.
    /// </summary>
    /// <param name="call">The call, whose arguments have been checked.</param>
    /// <param name="result">What the call returns, if it is put off.</param>
    public bool PutOff(in StepCall call, out Tensor result)
    {
        result = default;
        if (_inside)
            Stop("a call of the step failed");
        if (IsPuttingOff && Find(call, out result))
        {
            _noted.Add((call, result));
            return true;
        }
        QueueNoted();
        _inside = true;
        return false;
    }

    /// <summary>Notes a call that has been queued.</summary>
    public void Queued(in StepCall call, Tensor result)
    {
        _inside = false;
        _noted.Add((call, result));
    }

    /// <summary>Notes that the step is about to do something that a recorded step cannot contain, and queues what was put off.</summary>
    public void Stop(string reason)
    {
        QueueNoted();
        Reason ??= reason;
    }

    /// <summary>
    /// Notes that memory is allocated, freed or filled. Unless a call does it, this stops the tracing as <see cref="Stop"/> does.
    /// </summary>
    public void Memory()
    {
        if (!_inside)
            Stop(Beside);
    }

    /// <summary>Queues the calls that were put off.</summary>
    public void QueueNoted()
    {
        if (!IsPuttingOff)
            return;
        IsPuttingOff = false;
        StepTracer? traced = backend.Tracer;
        backend.Tracer = null;
        try
        {
            foreach ((StepCall call, _) in _noted)
                call.Queue();
        }
        finally
        {
            backend.Tracer = traced;
        }
    }

    /// <summary>The known step whose calls are exactly those noted; null if there is none.</summary>
    public StepTrace? Noted()
    {
        if (_like?.Is(_noted) == true)
            return _like;
        foreach (StepTrace trace in _known)
        {
            if (trace.Is(_noted))
                return _like = trace;
        }
        return null;
    }

    /// <summary>Adds the noted calls to the known steps.</summary>
    public StepTrace Remember()
    {
        var trace = new StepTrace(_noted);
        _known.Add(trace);
        return _like = trace;
    }

    /// <summary>Removes a step from the known ones and frees its graph.</summary>
    public void Forget(StepTrace trace)
    {
        _known.Remove(trace);
        trace.Dispose();
        if (_like == trace)
            _like = null;
    }

    private bool Find(in StepCall call, out Tensor result)
    {
        int index = _noted.Count;
        if (_like is not null && _like.Has(index, call, out result) && _like.BeginsWith(_noted))
            return true;
        foreach (StepTrace trace in _known)
        {
            if (trace.Has(index, call, out result) && trace.BeginsWith(_noted))
            {
                _like = trace;
                return true;
            }
        }
        result = default;
        return false;
    }
}
