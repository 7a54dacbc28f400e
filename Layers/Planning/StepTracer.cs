namespace Sequor.Layers;

/// <summary>
/// Notes what a step asks for, call by call, and puts calls off as long as they are those of a step that it knows: at the end
/// they can be replayed as one graph, or be queued after all. As soon as one is unlike any that it knows, those put off are
/// queued, and it goes on as it is.
/// </summary>
/// <remarks>
/// <para>
/// The host runs the whole step each time, so that nothing that it decides can be missed. This is the list of what it can
/// change between two steps, and of what then holds; each is tested beside steps that are not recorded
/// (StepGraphHostTests, StepGraphStateTests, StepCaptureTests).
/// </para>
/// <para>
/// On the device, where a replay finds it: values of inputs, targets and weights of a loss; parameters, buffers, gradients,
/// moments, also those of a checkpoint that was loaded; the learning rate, <see cref="Optimizer.MaxGradientNorm"/> and the
/// count of steps; the step that dropout draws for, and the states that cuDNN draws from; the initial states of recurrent
/// layers, be they written, asked for, carried over or reset.
/// </para>
/// <para>
/// Part of what is recorded, so that another one is another graph (<see cref="StepCall"/>): which plans, losses and optimizers
/// are called, how often and in which order; address and shape of each tensor that is handed over; whether a loss has weights;
/// whether gradients accumulate; states that are carried over or reset within the step; marks of time.
/// </para>
/// <para>
/// Runs as it is, with the reason: sequences of a batch that differ in length, since cuDNN's calls have the lengths; a stream,
/// whose count of steps is the host's; a norm to clip at that the step changes by <see cref="Optimizer.Step(float)"/>; values
/// copied in or read back, and memory taken or freed within the step; work that the step queues by itself, of which nothing is
/// known here.
/// </para>
/// <para>
/// Cannot change: seeds, the settings of layers and of optimizers and their groups of parameters, arithmetic and method of
/// convolutions. They are given when the object is made, and another object is another call.
/// </para>
/// <para>
/// A caller who captures the stream himself has the graph himself. What lies on the device goes on there as well. What is part
/// of what is recorded is for him as it was at the capture: he captures one for each. All else is refused while he captures.
/// </para>
/// </remarks>
internal sealed class StepTracer(Backend backend)
{
    /// <summary>What a step that takes memory, or writes to it outside of its calls, is told.</summary>
    public const string Beside =
        "the step takes, frees or fills memory, which cannot be part of a captured step: put it before the step";

    private readonly List<(StepCall Call, Tensor Result)> _noted = [];
    private readonly List<StepTrace> _known = [];

    // One that begins with what was noted so far.
    private StepTrace? _like;
    private bool _inside;

    /// <summary>Calls are put off: none of those noted was queued.</summary>
    public bool IsPuttingOff { get; private set; }

    /// <summary>Why what was noted is not all that the step did; null where it is.</summary>
    public string? Reason { get; private set; }

    /// <summary>The steps that it knows.</summary>
    public List<StepTrace> Known => _known;

    /// <summary>Runs a step.</summary>
    /// <param name="step">The step. What it had asked for before an error is queued.</param>
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

    /// <summary>Whether a call was noted and is not to be queued now; if not, <see cref="Queued"/> follows.</summary>
    /// <param name="call">The call, whose arguments are valid.</param>
    /// <param name="result">What it returns.</param>
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

    /// <summary>Notes a call that was queued.</summary>
    public void Queued(in StepCall call, Tensor result)
    {
        _inside = false;
        _noted.Add((call, result));
    }

    /// <summary>Says that what comes next can be no part of a recorded step.</summary>
    public void Stop(string reason)
    {
        QueueNoted();
        Reason ??= reason;
    }

    /// <summary>As <see cref="Stop"/>, unless it is the work of a call.</summary>
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

    /// <summary>The step that is just what was noted; null where it is not known.</summary>
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

    /// <summary>Knows from now on what was noted.</summary>
    public StepTrace Remember()
    {
        var trace = new StepTrace(_noted);
        _known.Add(trace);
        return _like = trace;
    }

    /// <summary>Forgets a step that it knows.</summary>
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
