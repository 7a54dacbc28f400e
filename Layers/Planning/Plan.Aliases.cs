namespace Sequor.Layers;

// A caller's inputs and gradients may lie in memory that the plan itself writes. They are copied elsewhere before a pass could overwrite
// them.
public sealed partial class Plan
{
    // The address ranges of the model's memory and of the plan's own, except the input's.
    private readonly (nint From, nint To)[] _own;

    // Where a gradient is copied to that lies where the backward pass writes. It is allocated when that happens for the first time.
    private Storage? _gradientCopy;

    private static (nint From, nint To) RangeOf(Storage storage) =>
        (storage.Address, storage.Address + (nint)(storage.Count * sizeof(float)));

    // Addresses are compared rather than storages, since a caller may have wrapped some of this memory.
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

    // An input is gone once a copy of another one has been put in its place.
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

    // Where the input stays until the backward pass is done. One in the plan's own memory is moved to the place of Input.
    private Tensor Placed(Tensor x)
    {
        Tensor place = _input.All;
        if (x.Storage == place.Storage || !IsOwn(x))
            return x;
        ForgetLengths();
        place.Storage.IsReplaced = true;
        return place.View(x.Shape);
    }

    // Copies the input to that place, if it is not there already.
    private Tensor Apart(Tensor x)
    {
        Tensor placed = Placed(x);
        if (placed.Address != x.Address)
            Backend.Copy(x, placed);
        return placed;
    }

    // A loss may keep its gradient in scratch memory that the passes use too, so it must be computed after Forward.
    private void RequireComputed(Tensor dy)
    {
        if (_spareIsStale && IsSpare(dy))
        {
            throw new InvalidOperationException(
                "The gradient is of a loss that was computed before the plan last ran, and is no longer there: compute the loss after Forward."
            );
        }
        if (_outputIsTaken && !_outputIsGradient && dy.Overlaps(_output))
        {
            throw new InvalidOperationException(
                "The gradient lies in the place of the output, where a loss is going to write it: compute the loss after Forward, or give a copy of the output."
            );
        }
    }

    // Copies the gradient if a layer could overwrite it before it is read, or may not overwrite it at all.
    private Tensor GradientApart(Tensor dy)
    {
        if (
            IsSpare(dy)
            || (_outputIsGradient && dy.Address == _output.Address)
            || (
                !dy.Storage.IsReadOnly && !IsOwn(dy) && !dy.Overlaps(_x) && !dy.Overlaps(_input.All)
            )
        )
            return dy;
        if (_gradientCopy is null)
        {
            using Backend.OwnedScope owned = Backend.AllocateFor(
                new MemoryOwner(MemoryGroup, OwnedMemory.Flow)
            );
            _gradientCopy = Backend.Allocate(MaxOutput.Count, MemoryCategory.Workspace);
        }
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

    // Backward reads what Forward read and wrote, so neither may have changed since.
    private void RequireUnwritten()
    {
        // In a caller's own block other tensors may be written meanwhile, and of packed rows the plan has a copy of its own.
        bool copied = _layout is { IsPacked: true } && !_packedByCaller;
        if (!copied && _x.Storage == _input.All.Storage && _x.Storage.Writes != _inputWrites)
            throw Written("input");
        if (_output.Storage != _x.Storage && _output.Storage.Writes != _outputWrites)
            throw Written("output");
        if (_resets is not null && _resets.Words.Storage.Writes != _resetWrites)
            throw new InvalidOperationException(
                "Backward needs the marks of the Forward before it, which have been set anew since."
            );
        _layerStates?.RequireUnchanged();

        static InvalidOperationException Written(string what) =>
            new(
                $"Backward needs the {what} of the Forward before it, which has been written over since."
            );
    }

    /// <summary>Notes that a loss has put its gradient into the scratch memory that <see cref="Borrow"/> lent.</summary>
    internal void FillSpare() => _spareIsStale = false;

    /// <summary>Notes that a loss has written its gradient over the output, which <see cref="BorrowOutput"/> lent.</summary>
    internal void FillOutput() => _outputIsGradient = true;

    /// <summary>Throws once the plan, its model or its backend has been disposed.</summary>
    internal void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        ObjectDisposedException.ThrowIf(Store.IsDisposed, Model);
        Backend.RequireLive();
    }
}
