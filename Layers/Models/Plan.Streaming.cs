namespace Sequor.Layers;

// Streams: what is carried from call to call.
public sealed partial class Plan
{
    /// <summary>Begins a stream anew, with zero states and the parameters as they are now.</summary>
    /// <exception cref="InvalidOperationException">The plan is not for streaming.</exception>
    public void Reset()
    {
        using OwnerScope inside = Backend.Enter("Plan.Reset");
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
        RequireStreaming();
        return new StreamState(
            _states.IsEmpty ? [] : _states.ToArray(),
            _position.Steps,
            _streamBatch
        );
    }

    /// <summary>Goes on from a state of this plan, or of one that was made alike for the same model.</summary>
    /// <param name="state">What <see cref="GetState"/> gave.</param>
    /// <exception cref="ArgumentException">The state is of another size.</exception>
    /// <exception cref="InvalidOperationException">The plan is not for streaming.</exception>
    public void SetState(StreamState state)
    {
        using OwnerScope inside = Backend.Enter("Plan.SetState");
        ArgumentNullException.ThrowIfNull(state);
        RequireStreaming();
        long count = _states.IsEmpty ? 0 : _states.Count;
        if (state.Values.Length != count)
        {
            throw new ArgumentException(
                $"A state of this plan has {count} values, not {state.Values.Length}.",
                nameof(state)
            );
        }
        if (count > 0)
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

/// <summary>What a stream carries from one call to the next.</summary>
public sealed class StreamState
{
    internal StreamState(float[] values, long steps, int batch)
    {
        Values = values;
        Steps = steps;
        Batch = batch;
    }

    /// <summary>Steps taken so far.</summary>
    public long Steps { get; }

    /// <summary>Sequences; 0 before the first call.</summary>
    public int Batch { get; }

    internal float[] Values { get; }
}
