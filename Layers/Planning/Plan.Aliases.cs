namespace Sequor.Layers;

// Inputs and gradients that a caller hands in and that lie in memory which the plan itself writes: they are copied elsewhere
// before a pass could overwrite them.
public sealed partial class Plan
{
    // Where the plan's own memory lies, that of the input apart, and the model's.
    private readonly (nint From, nint To)[] _own;

    // Where a gradient goes that lies where the backward pass writes; taken when one does for the first time.
    private Storage? _gradientCopy;

    private static (nint From, nint To) RangeOf(Storage storage) =>
        (storage.Address, storage.Address + (nint)(storage.Count * sizeof(float)));

    // By addresses: a caller may have wrapped one of them.
    private bool IsOwn(Tensor tensor)
    {
        (nint from, nint to) = tensor.Range;
        foreach ((nint first, nint end) in _own)
        {
            if (from < end && first < to)
                return true;
        }
        return false;
    }

    // What a copy was put in the place of is no input any more.
    private void RequireInput(Tensor x)
    {
        Tensor place = _input.All;
        if (place.Storage.IsReplaced && x.Overlaps(place))
        {
            throw new InvalidOperationException(
                "What was loaded as the input is no longer there: a Forward since then ran on a tensor of the plan's own memory, which is copied to that place. Load the input again."
            );
        }
    }

    // Where the input stays until the backward pass is done: one in the plan's own memory goes where inputs do.
    private Tensor Placed(Tensor x)
    {
        if (!IsOwn(x))
            return x;
        Tensor place = _input.All;
        ForgetLengths();
        place.Storage.IsReplaced = true;
        return place.View(x.Shape);
    }

    // The input in its place.
    private Tensor Apart(Tensor x)
    {
        Tensor placed = Placed(x);
        if (placed.Address != x.Address)
            Backend.Copy(x, placed);
        return placed;
    }

    // A loss may have its gradient in scratch that passes use.
    private void RequireComputed(Tensor dy)
    {
        if (_spareIsStale && IsSpare(dy))
        {
            throw new InvalidOperationException(
                "The gradient is of a loss that was computed before the plan last ran, and is no longer there: compute the loss after Forward."
            );
        }
    }

    // The gradient where no layer writes before it has read it.
    private Tensor GradientApart(Tensor dy)
    {
        if (IsSpare(dy) || (!IsOwn(dy) && !dy.Overlaps(_x) && !dy.Overlaps(_input.All)))
            return dy;
        _gradientCopy ??= Backend.Allocate(MaxOutput.Count, MemoryCategory.Workspace);
        var copy = new Tensor(_gradientCopy, 0, dy.Shape);
        Backend.Copy(dy, copy);
        return copy;
    }

    private bool IsSpare(Tensor dy)
    {
        if (_spare.Count == 0)
            return false;
        nint first = _spare.Storage.Address + (nint)(_spare.First * sizeof(float));
        (nint from, nint to) = dy.Range;
        return from >= first && to <= first + (nint)(_spare.Count * sizeof(float));
    }

    // Backward computes from what Forward read and wrote.
    private void RequireUnwritten()
    {
        // Of a caller's own block other parts may be written meanwhile; of packed rows the plan has a copy.
        bool copied = _layout is { IsPacked: true } && !_packedByCaller;
        if (!copied && _x.Storage == _input.All.Storage && _x.Storage.Writes != _inputWrites)
            throw Written("input");
        if (Output.Storage != _x.Storage && Output.Storage.Writes != _outputWrites)
            throw Written("output");
        _layerStates?.RequireUnchanged();

        static InvalidOperationException Written(string what) =>
            new(
                $"Backward needs the {what} of the Forward before it, which has been written over since."
            );
    }

    /// <summary>Says that a loss has put its gradient into the scratch that <see cref="Borrow"/> lent.</summary>
    internal void FillSpare() => _spareIsStale = false;

    /// <summary>Raises an error once the plan, its model or its backend was disposed.</summary>
    internal void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ObjectDisposedException.ThrowIf(Store.IsDisposed, Model);
        Backend.RequireLive();
    }
}
