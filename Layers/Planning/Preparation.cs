namespace Sequor.Layers;

/// <summary>
/// What layers make of their parameters alone before they compute with it, such as filters of a given norm, and the gradients that go back
/// from that to the parameters. Where the backend prepares together (<see cref="Backend.PreparesTogether"/>), all layers of a plan join one
/// preparation of a kind, which runs once before the forward passes of all layers, and its gradients once after their backward passes.
/// Elsewhere each layer has its own, which runs within the layer's passes, while its values are in the caches.
/// </summary>
/// <param name="backend">The backend that it runs on.</param>
/// <param name="together">Whether the plan runs it for all layers.</param>
internal abstract class Preparation(Backend backend, bool together) : IDisposable
{
    private bool[] _ready = [];
    private int _count;

    private protected Backend Backend => backend;

    /// <summary>Where the backend's kernels find the tensors; null where they need no table.</summary>
    private protected PreparationTable? Table { get; private set; }

    /// <summary>The floats of the table, once all layers have joined.</summary>
    public abstract long TableCount { get; }

    /// <summary>Called once the tensors have their memory.</summary>
    public void Place()
    {
        _ready = new bool[Gather()];
        Table = MakeTable();
    }

    /// <summary>Called by a layer before its forward pass reads what is prepared, where that may have changed.</summary>
    public void Forward()
    {
        if (!together)
            Prepare();
    }

    /// <summary>Called by the plan before the forward passes of its layers.</summary>
    /// <param name="changed">Whether parameters may have changed since the last call.</param>
    public void BeginForward(bool changed)
    {
        // Those of a backward pass that failed.
        Forget();
        if (together && changed)
            Prepare();
    }

    /// <summary>Called by the plan after the backward passes of its layers.</summary>
    /// <exception cref="InvalidOperationException">A layer that joined has not said that its gradient is there.</exception>
    public void EndBackward()
    {
        // Of a layer's own, which it has run when its last item was ready.
        if (!together && _count == 0)
            return;
        int missing = Array.IndexOf(_ready, false);
        if (missing >= 0)
            throw new InvalidOperationException(
                $"Of the {_ready.Length} items that {GetType().Name} prepares, number {missing} has no gradient: the backward pass of its layer did not run."
            );
        RunBackward();
        Forget();
    }

    /// <summary>Notes that the gradient of an item is there.</summary>
    private protected void MarkReady(int item)
    {
        if (!_ready[item])
            _count++;
        _ready[item] = true;
        if (together || _count < _ready.Length)
            return;
        RunBackward();
        Forget();
    }

    private void Forget()
    {
        Array.Clear(_ready);
        _count = 0;
    }

    /// <summary>Takes the tensors of all items, which have their memory now, and returns their number.</summary>
    private protected abstract int Gather();

    /// <inheritdoc cref="Table"/>
    private protected abstract PreparationTable? MakeTable();

    /// <summary>Runs the operation for all items.</summary>
    private protected abstract void Prepare();

    /// <summary>Runs the operation's gradient for all items, each of which has its own.</summary>
    private protected abstract void RunBackward();

    public void Dispose() => Table?.Dispose();
}
