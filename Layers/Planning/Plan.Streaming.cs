namespace Sequor.Layers;

// Begins streams, and saves and restores the states that a stream, or a plan with PlanOptions.Carry, carries from call to call.
public sealed partial class Plan
{
    private readonly StreamLayout? _streamLayout;

    /// <summary>
    /// Begins a new stream, with states of zero and the model's current parameters, also if they were changed by an address. With <see cref="PlanOptions.Carry"/>, the next window
    /// is the first one, of any number of sequences.
    /// </summary>
    /// <exception cref="InvalidOperationException">The plan neither streams nor carries.</exception>
    public void Reset()
    {
        using OwnerScope inside = Backend.Enter("Plan.Reset");
        RequireLive();
        RequireStreaming();
        if (!_states.IsEmpty)
            Backend.Fill(_states, 0f);
        _resets?.Clear();
        _streamIsTorn = false;
        _position.Steps = 0;
        _position.Forget();
        _streamBatch = 0;
    }

    /// <summary>Copies all states that the stream carries from call to call.</summary>
    /// <exception cref="InvalidOperationException">The plan neither streams nor carries, or its last Forward failed.</exception>
    public StreamState GetState()
    {
        using OwnerScope inside = Backend.Enter("Plan.GetState");
        RequireLive();
        RequireStreaming();
        RequireWholeStream();
        return new StreamState(
            _streamLayout!,
            _states.IsEmpty ? [] : _states.ToArray(),
            _position.Steps,
            _streamBatch
        );
    }

    /// <summary>Continues from a state of this plan, or of a plan made alike for the same model.</summary>
    /// <param name="state">What <see cref="GetState"/> returned.</param>
    /// <exception cref="ArgumentException">
    /// The state belongs to a plan of other layers, of another largest batch, or on another kind of backend; of a state space on a CPU also
    /// to one with other vectors.
    /// </exception>
    /// <exception cref="InvalidOperationException">The plan neither streams nor carries.</exception>
    public void SetState(StreamState state)
    {
        using OwnerScope inside = Backend.Enter("Plan.SetState");
        ArgumentNullException.ThrowIfNull(state);
        RequireLive();
        RequireStreaming();
        if (!state.Layout.IsLike(_streamLayout!))
        {
            throw new ArgumentException(
                $"The state is of {state.Layout}; this plan is of {_streamLayout}.",
                nameof(state)
            );
        }
        if (!_states.IsEmpty)
            _states.Write(state.Values);
        _streamIsTorn = false;
        _position.Steps = state.Steps;
        _streamBatch = state.Batch;
    }

    /// <summary>Notes that the carried states were written.</summary>
    /// <param name="batch">The sequences that they are of; 0 where they are those before the first call.</param>
    /// <param name="steps">The steps that each of these has taken.</param>
    internal void ContinueStream(int batch, long steps)
    {
        (_streamBatch, _streamIsTorn) = (batch, false);
        _position.Steps = steps;
    }

    private void RequireStreaming()
    {
        if (_streamLayout is null)
            throw new InvalidOperationException(
                "A state needs a plan made for Mode.Streaming, or with PlanOptions.Carry."
            );
    }
}
