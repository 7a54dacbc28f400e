namespace Sequor.Layers;

// Tells a probe of what runs. Every operation of the seam says what it is about to do through Report and Begin; where nobody listens, that
// is one comparison with null.
public abstract partial class Backend
{
    private readonly OperationReport _report = new();
    private bool _inOperation;
    private bool _inStep;
    private StepClock? _clock;
    private long _launchesBefore;

    /// <summary>Who is told of steps, layers and operations; null for nobody.</summary>
    internal StepProbe? Probe { get; private set; }

    /// <summary>The profile that runs on this backend; null for none.</summary>
    internal Profile? Profile { get; set; }

    /// <summary>The launches of own kernels and the calls of libraries so far; 0 on a CPU.</summary>
    internal virtual long LaunchCount => 0;

    /// <summary>Has a probe be told from now on, beside those that are.</summary>
    internal void AddProbe(StepProbe probe) => Probe = StepProbes.With(Probe, probe);

    /// <summary>Has a probe be told no more.</summary>
    internal void RemoveProbe(StepProbe probe) => Probe = StepProbes.Without(Probe, probe);

    /// <summary>
    /// A report that an operation fills before it runs; null where nobody listens, and within another operation, which it is a part of.
    /// </summary>
    internal OperationReport? Report(OperationName name) =>
        Probe is null || _inOperation ? null : _report.Begin(name);

    /// <summary>Tells that the reported operation begins; the scope's end tells that it ended. Does nothing without a report.</summary>
    internal OperationScope Begin(OperationReport? report) =>
        report is null ? default : BeginReported(report);

    private OperationScope BeginReported(OperationReport report)
    {
        _inOperation = true;
        try
        {
            Probe!.BeginOperation(report);
        }
        catch
        {
            // A listener's error ends the step; the next one is told again.
            _inOperation = false;
            throw;
        }
        _launchesBefore = LaunchCount;
        return new OperationScope(this);
    }

    /// <summary>
    /// Tells that a step begins, and at the scope's end that it has been queued; one within another is part of it. Also tells those who
    /// listen to the <see cref="StepMeter"/>.
    /// </summary>
    /// <param name="plan">The plan that the step runs.</param>
    internal StepScope BeginStep(Plan plan)
    {
        bool metered = StepMeter.IsOn && !_inStep && !IsRecording;
        if (Probe is null && !metered)
            return default;
        Probe?.BeginStep();
        if (metered)
        {
            _inStep = true;
            (_clock ??= new StepClock(this)).Begin();
        }
        return new StepScope(this, plan, metered ? plan.Tokens : -1);
    }

    private void EndStep(Plan plan, long tokensBefore)
    {
        Probe?.EndStep();
        if (tokensBefore < 0)
            return;
        _inStep = false;
        _clock!.End();
        StepMeter.Count(this, plan.Tokens - tokensBefore);
    }

    /// <summary>Tells that a pass of a plan, a loss or an optimizer begins, and at the scope's end that it has been queued.</summary>
    internal PassScope BeginPass(ProfilePass pass, object of)
    {
        if (Probe is not { } probe)
            return default;
        probe.BeginPass(pass, of);
        return new PassScope(this);
    }

    /// <summary>Tells that a layer's pass begins, and at the scope's end that it has been queued.</summary>
    internal LayerPassScope BeginLayer(PlannedLayer layer, ProfilePass pass)
    {
        if (Probe is not { } probe)
            return default;
        probe.BeginLayer(layer, pass);
        return new LayerPassScope(this);
    }

    private void EndOperation()
    {
        _inOperation = false;
        if (_report.Launches is not null)
            _report.Launches = (int)(LaunchCount - _launchesBefore);
        Probe?.EndOperation(_report);
    }

    /// <summary>Ends an operation.</summary>
    internal readonly ref struct OperationScope(Backend? backend)
    {
        public void Dispose() => backend?.EndOperation();
    }

    /// <summary>Ends a step.</summary>
    internal readonly ref struct StepScope(Backend? backend, Plan plan, long tokensBefore)
    {
        public void Dispose() => backend?.EndStep(plan, tokensBefore);
    }

    /// <summary>Ends a pass.</summary>
    internal readonly ref struct PassScope(Backend? backend)
    {
        public void Dispose() => backend?.Probe?.EndPass();
    }

    /// <summary>Ends a layer's pass.</summary>
    internal readonly ref struct LayerPassScope(Backend? backend)
    {
        public void Dispose() => backend?.Probe?.EndLayer();
    }
}
