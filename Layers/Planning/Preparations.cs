namespace Sequor.Layers;

/// <summary>All that the layers of a plan prepare of their parameters; the plan runs it around the passes of its layers.</summary>
internal sealed class Preparations : IDisposable
{
    private readonly List<Preparation> _all = [];

    /// <summary>Adds a preparation.</summary>
    public T Add<T>(T preparation)
        where T : Preparation
    {
        _all.Add(preparation);
        return preparation;
    }

    /// <summary>The floats of each table.</summary>
    public IEnumerable<long> TableCounts =>
        _all.Select(preparation => preparation.TableCount).Where(count => count > 0);

    /// <inheritdoc cref="Preparation.Place"/>
    public void Place()
    {
        foreach (Preparation preparation in _all)
            preparation.Place();
    }

    /// <inheritdoc cref="Preparation.BeginForward"/>
    public void BeginForward(bool changed)
    {
        foreach (Preparation preparation in _all)
            preparation.BeginForward(changed);
    }

    /// <inheritdoc cref="Preparation.EndBackward"/>
    public void EndBackward()
    {
        foreach (Preparation preparation in _all)
            preparation.EndBackward();
    }

    public void Dispose()
    {
        foreach (Preparation preparation in _all)
            preparation.Dispose();
    }
}
