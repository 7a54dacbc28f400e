namespace Sequor.Layers;

// Which layer is planned, and where its scratch may lie.
public sealed partial class PlanBuilder
{
    /// <summary>
    /// Where the scratch ends that the layer planned last uses as long as it reads the gradient that it is given: what lies behind
    /// can hold that gradient. A layer that gives it to several of its own sets it to the end of the one that has most.
    /// </summary>
    internal long ScratchEnd { get; set; }

    /// <summary>Names of the layer being planned and of those that it is in, by dots.</summary>
    internal string Path => string.Join('.', _path);

    /// <summary>
    /// Begins a layer, whose scratch may lie where that of its neighbours does, but not where that lies which its container has
    /// taken so far.
    /// </summary>
    /// <param name="name">Its name; "" for a model.</param>
    internal LayerScope Enter(string name)
    {
        if (name.Length > 0)
            _path.Add(name);
        var scope = new LayerScope(this, name, _scratchBegin, _hasOutput);
        _scratchBegin = _layerOffset;
        _hasOutput = false;
        ScratchEnd = 0;
        return scope;
    }

    /// <summary>Ends a layer's planning.</summary>
    internal readonly struct LayerScope(
        PlanBuilder builder,
        string name,
        long begin,
        bool hasOutput
    ) : IDisposable
    {
        public void Dispose()
        {
            if (name.Length > 0)
                builder._path.RemoveAt(builder._path.Count - 1);
            builder.ScratchEnd = Math.Max(builder.ScratchEnd, builder._layerOffset);
            builder._layerOffset = builder._scratchBegin;
            builder._scratchBegin = begin;
            builder._hasOutput = hasOutput;
        }
    }
}
