namespace Sequor.Layers;

/// <summary>
/// Times steps for the <see cref="StepMeter"/> without waiting for the device: by marks before and after a step, whose times are told once
/// the device has passed them. If more steps are under way than there are marks, some are not timed.
/// </summary>
internal sealed class StepClock(Backend backend) : IDisposable
{
    private const int Most = 16;

    private readonly (TimeMark Begin, TimeMark End)[] _marks =
    [
        .. Enumerable.Range(0, Most).Select(_ => (backend.CreateMark(), backend.CreateMark())),
    ];
    private int _first;
    private int _pending;
    private bool _isTimed;

    /// <summary>A step begins.</summary>
    public void Begin()
    {
        Tell();
        _isTimed = _pending < Most;
        if (_isTimed)
            _marks[(_first + _pending) % Most].Begin.PlaceNow();
    }

    /// <summary>The step has been queued.</summary>
    public void End()
    {
        if (!_isTimed)
            return;
        _marks[(_first + _pending) % Most].End.PlaceNow();
        _pending++;
        _isTimed = false;
        Tell();
    }

    // Tells the times of the steps that are done.
    private void Tell()
    {
        while (_pending > 0 && _marks[_first].End.IsReached)
        {
            (TimeMark begin, TimeMark end) = _marks[_first];
            StepMeter.Took(backend, end.NanosecondsSince(begin));
            _first = (_first + 1) % Most;
            _pending--;
        }
    }

    public void Dispose()
    {
        foreach ((TimeMark begin, TimeMark end) in _marks)
        {
            begin.Dispose();
            end.Dispose();
        }
    }
}
