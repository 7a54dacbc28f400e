namespace Sequor.Layers;

/// <summary>The hidden and cell states of a recurrent layer, or their gradients.</summary>
/// <param name="Hidden">
/// [layers * directions, B, H], or [.., P] with a projection; layer l and direction d lie at l * directions + d.
/// </param>
/// <param name="Cell">[layers * directions, B, H] of an LSTM, else empty.</param>
public readonly record struct RecurrentState(Tensor Hidden, Tensor Cell);

/// <summary>
/// The states of one recurrent layer of a plan, in the caller's order of sequences. Initial states come before the first step and are zero
/// unless they are written; final states come after each sequence's last step. The reverse direction begins at a sequence's last step.
/// </summary>
/// <remarks>
/// Initial states are always read, even where they are zeros, so that a recorded pass uses whatever they hold when it runs again.
/// </remarks>
public sealed class RecurrentStates
{
    private readonly int _count;
    private readonly Pair _initial;
    private readonly Pair _final;
    private readonly Pair? _initialGradient;
    private readonly Pair? _finalGradient;
    private readonly int _maxBatch;

    // The number of sequences that initial states were asked for; 0 where the states are zero and fit any number.
    private int _begunBatch;

    // How often the initial states had been written when the last forward pass began.
    private int _begunWrites;

    // The number of sequences that the values of the initial states are laid out for, where they are not zero. A graph that a caller
    // captured may carry states over without this class noticing; this number is all that is known then.
    private int _laidOutBatch;

    internal RecurrentStates(PlanBuilder builder, Recurrent layer, in RecurrentDescriptor d)
    {
        Backend = builder.Stage;
        Layer = layer;
        _count = d.Layers * d.Directions;
        _maxBatch = d.MaxBatch;
        _initial = new Pair(builder, d);
        _final = new Pair(builder, d);
        if (!builder.Training)
            return;
        _initialGradient = new Pair(builder, d);
        _finalGradient = new Pair(builder, d);
    }

    /// <summary>The layer's name, as in its parameters' full names; "" where it is the whole model.</summary>
    public string Name { get; internal set; } = "";

    /// <summary>The recurrent layer that the states belong to.</summary>
    public Recurrent Layer { get; }

    internal Backend Backend { get; }

    /// <summary>
    /// The states before the first step, to be written before Forward. They must stay unchanged until Backward has run, and are kept from
    /// one Forward to the next. Asking for another number of sequences sets them to zero.
    /// </summary>
    /// <param name="batch">B, the number of sequences of the next input.</param>
    /// <exception cref="ArgumentOutOfRangeException">The batch is below 1 or above the plan's limit.</exception>
    public RecurrentState Initial(int batch)
    {
        using OwnerScope inside = Backend.Enter("RecurrentStates.Initial");
        if (batch < 1 || batch > _maxBatch)
        {
            throw new ArgumentOutOfRangeException(
                nameof(batch),
                batch,
                $"The batch must be 1 to {_maxBatch}, the plan's limit."
            );
        }
        RecurrentState initial = _initial.For(_count, batch);
        if (_begunBatch != batch)
        {
            if (_laidOutBatch != batch)
                Clear(initial);
            Changed = true;
            _begunBatch = _laidOutBatch = batch;
        }
        return initial;
    }

    /// <summary>The states after each sequence's last step, from the last Forward; empty before it.</summary>
    public RecurrentState Final { get; private set; }

    /// <summary>
    /// The gradient of the final states that comes from outside of the plan. Forward sets it to zero, and it may be written between Forward
    /// and Backward. Empty in evaluation.
    /// </summary>
    public RecurrentState FinalGradient { get; private set; }

    /// <summary>The gradient of the initial states, from the last Backward; empty before it and in evaluation.</summary>
    public RecurrentState InitialGradient { get; private set; }

    /// <summary>Whether the initial states have changed since the last forward pass began.</summary>
    internal bool IsChanged => Changed || _initial.Writes != _begunWrites;

    private bool Changed { get; set; }

    /// <summary>The states that the pass begins from.</summary>
    internal RecurrentState Begun => _initial.For(_count, Final.Hidden.Shape[1]);

    internal void RequireBatch(int batch)
    {
        if (_begunBatch != 0 && _begunBatch != batch)
        {
            throw new ArgumentException(
                $"The initial states of layer '{Name}' are those of {Amount.Of(_begunBatch, "sequence")}, the input has {batch}; ask for Initial({batch}), or Reset the states.",
                nameof(batch)
            );
        }
    }

    internal void BeginForward(int batch, bool queue)
    {
        Final = _final.For(_count, batch);
        Changed = false;
        _begunWrites = _initial.Writes;
        if (_finalGradient is null)
            return;
        FinalGradient = _finalGradient.For(_count, batch);
        if (queue)
            Clear(FinalGradient);
    }

    internal RecurrentState BeginBackward() =>
        InitialGradient = _initialGradient!.For(_count, Final.Hidden.Shape[1]);

    internal void CarryOver(bool queue)
    {
        int batch = Final.Hidden.Shape[1];
        if (queue)
        {
            RecurrentState initial = _initial.For(_count, batch);
            Backend.Copy(Final.Hidden, initial.Hidden);
            if (!initial.Cell.IsEmpty)
                Backend.Copy(Final.Cell, initial.Cell);
        }
        Changed = true;
        _begunBatch = _laidOutBatch = batch;
    }

    internal void Reset(bool queue)
    {
        if (queue)
            Clear(_initial.For(_count, _maxBatch));
        Changed |= _begunBatch != 0;
        _begunBatch = 0;
    }

    private void Clear(RecurrentState state)
    {
        Backend.Fill(state.Hidden, 0f);
        if (!state.Cell.IsEmpty)
            Backend.Fill(state.Cell, 0f);
    }

    private sealed class Pair(PlanBuilder builder, RecurrentDescriptor d)
    {
        private readonly Slot _hidden = Take(builder, d, d.StateSize);
        private readonly Slot? _cell =
            d.Kind == RecurrentKind.Lstm ? Take(builder, d, d.HiddenSize) : null;

        /// <summary>How often the caller has written the states.</summary>
        public int Writes => _hidden.All.Storage.Writes + (_cell?.All.Storage.Writes ?? 0);

        public RecurrentState For(int count, int batch) =>
            new(_hidden.For(count, batch), _cell?.For(count, batch) ?? default);

        private static Slot Take(PlanBuilder builder, in RecurrentDescriptor d, int width) =>
            builder.Kept(
                new Shape(d.Layers * d.Directions, d.MaxBatch, width),
                MemoryCategory.InputOutput
            );
    }
}
