using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The times of profiled steps, and the steps themselves, of which one is told. Of very many only every second, fourth or eighth is kept,
/// and so on: a step may take some hundred kilobytes.
/// </summary>
public sealed class ProfiledSteps
{
    /// <summary>The most steps that are kept.</summary>
    public const int Most = 128;

    private readonly List<double> _times = [];
    private readonly List<ProfiledStep> _kept = [];
    private int _stride = 1;

    /// <summary>Milliseconds of all, in their order.</summary>
    public IReadOnlyList<double> Times => _times;

    /// <summary>How many of the steps are kept.</summary>
    public int Kept => _kept.Count;

    /// <summary>Adds a step.</summary>
    public void Add(ProfiledStep step)
    {
        ArgumentNullException.ThrowIfNull(step);
        if (_times.Count % _stride == 0)
            _kept.Add(step);
        _times.Add(step.Milliseconds);
        if (_kept.Count <= Most)
            return;
        for (int i = 1; i < _kept.Count; i++)
            _kept.RemoveAt(i);
        _stride *= 2;
    }

    /// <summary>Of the kept steps the one whose time is nearest to a time; of two alike the faster one.</summary>
    public ProfiledStep Nearest(double milliseconds) =>
        _kept
            .OrderBy(step => step.Milliseconds)
            .MinBy(step => Math.Abs(step.Milliseconds - milliseconds))!;
}
