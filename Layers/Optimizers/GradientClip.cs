namespace Sequor.Layers;

/// <summary>
/// Norm, clipping and count of steps for a rule that the backend does not know. They are those of plain gradient descent on a
/// block of zeros at a rate of -1, which then holds the clipped gradients.
/// </summary>
internal sealed class GradientClip
{
    private readonly Plan _plan;
    private readonly Storage _clipped;
    private readonly Storage _state;
    private readonly Storage? _placed;
    private readonly OptimizerSegment[] _segments;

    /// <param name="plan">The training plan whose gradients are clipped.</param>
    /// <param name="own">Is given each block that is taken, to free it.</param>
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

    /// <summary>Counts a step in an optimizer's state, or a skipped one, and notes its norm there.</summary>
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
                // Neither mean nor mean square: plain gradient descent.
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

    /// <summary>Puts the clipped gradients in the place of the plan's.</summary>
    public void Replace() => _plan.Backend.Copy(Clipped, _plan.Gradients);
}
