namespace Sequor.Layers;

// Streams: what is carried from call to call.
public sealed partial class Plan
{
    private readonly StreamLayout? _streamLayout;

    /// <summary>Begins a stream anew, with zero states and the parameters as they are now.</summary>
    /// <exception cref="InvalidOperationException">The plan is not for streaming.</exception>
    public void Reset()
    {
        using OwnerScope inside = Backend.Enter("Plan.Reset");
        RequireLive();
        RequireStreaming();
        if (!_states.IsEmpty)
            Backend.Fill(_states, 0f);
        _position.Steps = 0;
        _position.NewWeights = true;
        _streamBatch = 0;
    }

    /// <summary>A copy of all that the stream carries on.</summary>
    /// <exception cref="InvalidOperationException">The plan is not for streaming.</exception>
    public StreamState GetState()
    {
        using OwnerScope inside = Backend.Enter("Plan.GetState");
        RequireLive();
        RequireStreaming();
        return new StreamState(
            _streamLayout!,
            _states.IsEmpty ? [] : _states.ToArray(),
            _position.Steps,
            _streamBatch
        );
    }

    /// <summary>Goes on from a state of this plan, or of one that was made alike for the same model.</summary>
    /// <param name="state">What <see cref="GetState"/> gave.</param>
    /// <exception cref="ArgumentException">
    /// The state is of a plan of other layers, for another largest batch, or on another kind of backend.
    /// </exception>
    /// <exception cref="InvalidOperationException">The plan is not for streaming.</exception>
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
        _position.Steps = state.Steps;
        _streamBatch = state.Batch;
    }

    private void RequireStreaming()
    {
        if (Mode != Mode.Streaming)
            throw new InvalidOperationException("A state needs a plan made for Mode.Streaming.");
    }
}
