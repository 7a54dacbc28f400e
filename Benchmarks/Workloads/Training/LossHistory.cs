using System.Globalization;

namespace Sequor.Workloads;

/// <summary>
/// Losses by step, thinned as they grow many: at most <see cref="Most"/> are kept, of steps that are equally far apart, and
/// the last.
/// </summary>
public sealed class LossHistory
{
    /// <summary>The most points that are kept, without the last.</summary>
    public const int Most = 2000;

    private readonly List<(long Step, float Loss)> _points = new(Most);
    private long _stride = 1;
    private (long Step, float Loss) _last;

    /// <summary>Adds the loss of a step; steps grow.</summary>
    public void Add(long step, float loss)
    {
        _last = (step, loss);
        if (step % _stride != 0)
            return;
        if (_points.Count == Most)
        {
            _stride *= 2;
            _points.RemoveAll(p => p.Step % _stride != 0);
            if (step % _stride != 0)
                return;
        }
        _points.Add(_last);
    }

    /// <summary>[step, loss] of the steps that were kept.</summary>
    public IReadOnlyList<double[]> ToArrays()
    {
        IEnumerable<(long Step, float Loss)> points =
            _last.Step == 0 || (_points.Count > 0 && _points[^1] == _last)
                ? _points
                : _points.Append(_last);
        return [.. points.Select(p => (double[])[p.Step, Decimal(p.Loss)])];
    }

    // The number that the float's shortest decimal form stands for: a file shows no digits that mean nothing.
    private static double Decimal(float value) =>
        double.Parse(value.ToString(CultureInfo.InvariantCulture), CultureInfo.InvariantCulture);
}
