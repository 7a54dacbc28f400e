namespace Sequor.Layers;

/// <summary>
/// Notes the steps of a plan for a <see cref="Profile"/>: each operation between two marks of the queue. A step that was recorded as a graph
/// is recorded anew with the marks in it; the graph without them stays as it is for when the profile ends.
/// </summary>
internal sealed partial class ProfileRecorder : StepProbe, IDisposable
{
    private readonly Plan _plan;
    private readonly Backend _backend;
    private readonly ProfileListener? _listener;
    private readonly StepRecord _step;
    private readonly TimeMark _begin;
    private readonly TimeMark _end;
    private readonly List<PlannedLayer> _layers = [];
    private readonly List<(ProfilePass Pass, object Of, bool IsOwn)> _passes = [];
    private readonly Dictionary<StepTrace, MarkedStep> _marked = [];

    // What operations are noted in: the step, or a graph while this recorder has one recorded.
    private StepRecord _target;
    private bool _records;
    private int _depth;
    private bool _isOpen;

    // Whether somebody tells where the step that is under way ends.
    private bool _isFramed;
    private bool _isNoting;

    public ProfileRecorder(Plan plan, ProfileListener? listener)
    {
        _plan = plan;
        _backend = plan.Backend;
        _listener = listener;
        _step = _target = new StepRecord(_backend);
        _begin = _backend.CreateMark();
        _end = _backend.CreateMark();
    }

    /// <summary>The steps that have ended.</summary>
    public long Steps { get; private set; }

    /// <summary>Whether the last step was replayed.</summary>
    public bool IsReplay { get; private set; }

    /// <summary>Why the last step's times cannot be told; null if they can.</summary>
    public string? Spoilt { get; private set; }

    /// <summary>What the last step did.</summary>
    public StepRecord Step => _step;

    /// <summary>The mark at the step's begin.</summary>
    public TimeMark Begin => _begin;

    /// <summary>The mark at its end: the last operation's where nobody said where the step ends.</summary>
    public TimeMark? End { get; private set; }

    /// <summary>Whether a step has begun whose end somebody is going to tell.</summary>
    public bool IsWithin => _depth > 0;

    public override void BeginStep()
    {
        if (_depth++ > 0)
            return;
        try
        {
            EndCycle();
            Start();
        }
        catch
        {
            (_depth, _isOpen) = (0, false);
            throw;
        }
    }

    public override void EndStep()
    {
        // It began before this recorder was there.
        if (_depth == 0 || --_depth > 0 || !_isOpen)
            return;
        _end.PlaceNow();
        Finish(_end);
    }

    public override void BeginPass(ProfilePass pass, object of)
    {
        bool isOwn =
            of switch
            {
                Plan plan => plan,
                Loss loss => loss.Plan,
                Optimizer optimizer => optimizer.Plan,
                _ => null,
            } == _plan;
        // Where nobody tells of steps, one goes from a forward pass to the next.
        if (_depth == 0 && isOwn && pass == ProfilePass.Forward && !_records)
        {
            EndCycle();
            Start();
        }
        _passes.Add((pass, of, isOwn));
    }

    public override void EndPass() => RemoveLast(_passes);

    public override void BeginLayer(PlannedLayer layer, ProfilePass pass)
    {
        // A listener that throws ends the step before the layer has begun.
        if (_listener is not null && IsNoted)
            _listener.LayerBegan(layer.Name, layer.Kind, pass);
        _layers.Add(layer);
    }

    public override void EndLayer()
    {
        if (_layers.Count == 0)
            return;
        PlannedLayer layer = _layers[^1];
        RemoveLast(_layers);
        if (_listener is not null && IsNoted)
            _listener.LayerEnded(layer.Name, layer.Kind);
    }

    public override void BeginOperation(OperationReport operation)
    {
        _isNoting = IsNoted;
        if (!_isNoting)
            return;
        (string layer, string kind, ProfilePass pass, bool isLayer) = Place(operation);
        // A listener that throws ends the step before the operation is noted.
        _listener?.OperationBegan(layer, operation.Name.Text, pass, operation.Operands);
        TimeMark begin = _target.NextMark();
        TimeMark end = _target.NextMark();
        _target.Add(
            new OperationRecord
            {
                Name = operation.Name,
                Layer = layer,
                Kind = kind,
                Pass = pass,
                IsLayer = isLayer,
                FirstOperand = _target.OperandCount,
                OperandCount = operation.Operands.Length,
                BytesMoved = operation.BytesMoved,
                Flops = operation.Flops,
                Begin = begin,
                End = end,
            },
            operation.Operands
        );
        begin.PlaceNow();
    }

    public override void EndOperation(OperationReport operation)
    {
        if (!_isNoting)
            return;
        _isNoting = false;
        _target[_target.Count - 1].End.PlaceNow();
        _target.Launched(operation.Launches);
        _listener?.OperationEnded(_target[_target.Count - 1].Layer, operation.Name.Text);
    }

    /// <summary>Ends a step that goes from one forward pass to the next, where one is under way.</summary>
    public void EndCycle()
    {
        if (_isOpen && !_isFramed)
            Finish(_step.Count > 0 ? _step[_step.Count - 1].End : null);
    }

    // Whether operations are noted now. Work that others record does not run now, so marks would tell nothing.
    private bool IsNoted => _isOpen && (_records || !_backend.IsRecording);

    private void Start()
    {
        if (_backend.IsRecording)
            return;
        _step.Clear();
        _target = _step;
        (IsReplay, Spoilt, _isFramed) = (false, null, _depth > 0);
        foreach (MarkedStep marked in _marked.Values)
            marked.IsUsed = false;
        _isOpen = true;
        _listener?.StepBegan(Steps + 1);
        _begin.PlaceNow();
    }

    private void Finish(TimeMark? end)
    {
        (End, _isOpen) = (end, false);
        Steps++;
        _listener?.StepEnded(Steps);
    }

    // Which layer an operation belongs to, and which part of the step.
    private (string Layer, string Kind, ProfilePass Pass, bool IsLayer) Place(
        OperationReport operation
    )
    {
        if (_passes.Count == 0)
            return operation.Name.IsCopy
                ? (ProfiledOperation.CopiesLayer, "", ProfilePass.Copy, false)
                : (ProfiledOperation.OtherLayer, "", ProfilePass.Other, false);
        (ProfilePass pass, object of, bool isOwn) = _passes[^1];
        if (!isOwn)
            return (ProfiledOperation.OtherLayer, "", ProfilePass.Other, false);
        return pass switch
        {
            ProfilePass.Loss => (ProfiledOperation.LossLayer, of.GetType().Name, pass, false),
            ProfilePass.Update => (
                ProfiledOperation.OptimizerLayer,
                of.GetType().Name,
                pass,
                false
            ),
            _ when _layers.Count > 0 => (_layers[^1].Name, _layers[^1].Kind, pass, true),
            _ => (ProfiledOperation.OtherLayer, "", pass, false),
        };
    }

    private static void RemoveLast<T>(List<T> list)
    {
        // What began before this recorder was there is not in it.
        if (list.Count > 0)
            list.RemoveAt(list.Count - 1);
    }

    public void Dispose()
    {
        foreach (MarkedStep marked in _marked.Values)
            marked.Dispose();
        _marked.Clear();
        _step.Dispose();
        _begin.Dispose();
        _end.Dispose();
    }
}
