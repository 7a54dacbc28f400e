namespace Sequor.Layers;

/// <summary>
/// Computes norm, clipping and count of steps for a rule that the backend does not know. It runs plain gradient descent on a block of zeros
/// at a rate of -1, after which the block holds the clipped gradients.
/// </summary>
internal sealed class GradientClip
{
    private readonly Plan _plan;
    private readonly Storage _clipped;
    private readonly Storage _state;
    private readonly Storage? _placed;
    private readonly OptimizerSegment[] _segments;

    /// <param name="plan">The training plan whose gradients are clipped.</param>
    /// <param name="own">Is given each block that is allocated, in order to free it.</param>
    public GradientClip(Plan plan, Func<Storage, Storage> own)
    {
        _plan = plan;
        Backend backend = plan.Backend;
        _segments = [new OptimizerSegment(0, plan.Parameters.Count, 1f, false)];
        _clipped = own(backend.Allocate(plan.Parameters.Count, MemoryCategory.Optimizer));
        _state = own(backend.Allocate(OptimizerUpdate.StateLength, MemoryCategory.Optimizer));
        if (backend.PlaceSegments(_segments) is { } placed)
            _placed = own(placed);
        State.Slice(OptimizerUpdate.LearningRate, 1).Write([-1f]);
    }

    private Tensor State => new(_state, 0, new Shape(OptimizerUpdate.StateLength));

    private Tensor Clipped => _plan.Store.Block(_clipped);

    /// <summary>Counts a step, or a skipped one, in an optimizer's state, and stores the norm there.</summary>
    public void Run(Tensor state)
    {
        Backend backend = _plan.Backend;
        const int first = OptimizerUpdate.Step;
        backend.Copy(
            state.Slice(first, OptimizerUpdate.StateLength - first),
            State.Slice(first, OptimizerUpdate.StateLength - first)
        );
        backend.Fill(Clipped, 0f);
        backend.Optimize(
            new OptimizerUpdate
            {
                // A rule with neither mean nor mean square is plain gradient descent.
                Rule = default,
                Parameters = Clipped,
                Gradients = _plan.Gradients,
                State = State,
                Segments = _segments,
                PlacedSegments = _placed,
            }
        );
        backend.Copy(
            State.Slice(first, OptimizerUpdate.SavedLength - first),
            state.Slice(first, OptimizerUpdate.SavedLength - first)
        );
    }

    /// <summary>Overwrites the plan's gradients with the clipped ones.</summary>
    public void Replace() => _plan.Backend.Copy(Clipped, _plan.Gradients);
}
