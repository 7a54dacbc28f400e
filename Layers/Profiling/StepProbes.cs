namespace Sequor.Layers;

/// <summary>Several probes, which are told of everything one after another.</summary>
internal sealed class StepProbes : StepProbe
{
    private readonly StepProbe[] _probes;

    private StepProbes(StepProbe[] probes) => _probes = probes;

    /// <summary>Those who were told, and one more.</summary>
    public static StepProbe With(StepProbe? before, StepProbe probe) =>
        before is null ? probe : new StepProbes([.. Of(before), probe]);

    /// <summary>Those who were told, without one; null for nobody.</summary>
    public static StepProbe? Without(StepProbe? before, StepProbe probe)
    {
        StepProbe[] left = before is null ? [] : [.. Of(before).Where(p => p != probe)];
        return left.Length switch
        {
            0 => null,
            1 => left[0],
            _ => new StepProbes(left),
        };
    }

    private static StepProbe[] Of(StepProbe probe) =>
        probe is StepProbes several ? several._probes : [probe];

    public override void BeginStep()
    {
        foreach (StepProbe probe in _probes)
            probe.BeginStep();
    }

    public override void EndStep()
    {
        foreach (StepProbe probe in _probes)
            probe.EndStep();
    }

    public override void BeginPass(ProfilePass pass, object of)
    {
        foreach (StepProbe probe in _probes)
            probe.BeginPass(pass, of);
    }

    public override void EndPass()
    {
        foreach (StepProbe probe in _probes)
            probe.EndPass();
    }

    public override void BeginLayer(PlannedLayer layer, ProfilePass pass)
    {
        foreach (StepProbe probe in _probes)
            probe.BeginLayer(layer, pass);
    }

    public override void EndLayer()
    {
        foreach (StepProbe probe in _probes)
            probe.EndLayer();
    }

    public override void BeginOperation(OperationReport operation)
    {
        foreach (StepProbe probe in _probes)
            probe.BeginOperation(operation);
    }

    public override void EndOperation(OperationReport operation)
    {
        foreach (StepProbe probe in _probes)
            probe.EndOperation(operation);
    }

    public override void PrepareReplay(StepTrace trace)
    {
        foreach (StepProbe probe in _probes)
            probe.PrepareReplay(trace);
    }

    // At most one of them records steps anew.
    public override bool Replay(StepTrace trace)
    {
        bool queued = false;
        foreach (StepProbe probe in _probes)
            queued |= probe.Replay(trace);
        return queued;
    }
}
