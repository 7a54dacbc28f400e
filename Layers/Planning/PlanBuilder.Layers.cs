namespace Sequor.Layers;

// Keeps track of which layer is planned, and where its scratch memory may lie.
public sealed partial class PlanBuilder
{
    /// <summary>
    /// Where the scratch memory ends that the last planned layer uses while it reads the gradient of its output; that gradient can lie
    /// behind it. A layer that passes the gradient to several inner layers sets it to the largest of their ends.
    /// </summary>
    internal long ScratchEnd { get; set; }

    /// <summary>The names of the layers that contain the layer being planned, and its own, joined by dots.</summary>
    internal string Path => string.Join('.', _path);

    /// <summary>Stands for the plan among owners of memory.</summary>
    internal object Group { get; } = new();

    /// <summary>The full names of the layers that were planned.</summary>
    internal HashSet<string> LayerNames { get; } = [];

    // Whom memory that is asked for now belongs to.
    private MemoryOwner Owner { get; set; } = null!;

    /// <summary>
    /// Begins a layer. Its scratch memory may be shared with its neighbours', but not with what its container has taken so far.
    /// </summary>
    /// <param name="name">The layer's name in its container; "" for a model.</param>
    internal LayerScope Enter(string name)
    {
        if (name.Length > 0)
            _path.Add(name);
        var scope = new LayerScope(
            this,
            name,
            _scratchBegin,
            _hasOutput,
            Owner,
            _stage.AllocateFor(new MemoryOwner(Group, Path, isLayer: true))
        );
        Owner = _stage.AllocatesFor!;
        LayerNames.Add(Path);
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
        bool hasOutput,
        MemoryOwner before,
        Backend.OwnedScope owned
    ) : IDisposable
    {
        public void Dispose()
        {
            owned.Dispose();
            builder.Owner = before;
            if (name.Length > 0)
                builder._path.RemoveAt(builder._path.Count - 1);
            builder.ScratchEnd = Math.Max(builder.ScratchEnd, builder._layerOffset);
            builder._layerOffset = builder._scratchBegin;
            builder._scratchBegin = begin;
            builder._hasOutput = hasOutput;
        }
    }
}
