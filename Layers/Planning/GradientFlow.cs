namespace Sequor.Layers;

/// <summary>What a layer does with the place that the gradient lies in.</summary>
internal enum FlowUse
{
    /// <summary>Writes dx to the other place: <see cref="GradientFlow.Other"/>.</summary>
    Move,

    /// <summary>Asks for all steps: <see cref="GradientFlow.Whole"/>. Where they are there already, stays.</summary>
    Whole,

    /// <summary>
    /// Asks for all steps, by <see cref="GradientFlow.Whole"/>, only where there are fewer: where it then lies depends on that.
    /// </summary>
    Fill,

    /// <summary>Uses the other place as scratch and stays.</summary>
    Aside,

    /// <summary>
    /// Passes the gradient of the last steps on as it is; of so many floats where lengths differ, when it moves: where it comes
    /// to lie then depends on the lengths of the batch.
    /// </summary>
    LastSteps,
}

/// <summary>Two places that gradients between layers move to and fro in.</summary>
internal sealed class GradientFlow
{
    private Storage? _first;
    private Storage? _second;

    /// <summary>
    /// Steps of the sequences that are pooled to their last one: a gradient of fewer is put where it lies among theirs, so that
    /// <see cref="Whole"/> has the zeros before it to write only. 0 where nothing is pooled so, or what lies before differs.
    /// </summary>
    public int PooledSteps { get; set; }

    public void Place(Storage first, Storage second)
    {
        _first = first;
        _second = second;
    }

    /// <summary>The place in which the given gradient is not.</summary>
    public Tensor Other(Tensor dy, Shape shape)
    {
        Storage other = ReferenceEquals(dy.Storage, _first) ? _second! : _first!;
        if (other.Count < shape.Count)
        {
            throw new InvalidOperationException(
                $"A gradient of {shape} was not announced to the plan, which has room for {Amount.Of(other.Count, "value")}."
            );
        }
        long before = Math.Max(0L, PooledSteps - shape.First) * shape[1] * shape[2];
        bool fits = before <= other.Count - shape.Count && dy.Shape.First == shape.First;
        return new Tensor(other, fits ? before : 0, shape);
    }

    /// <summary>Whether the given gradient lies in one of the two, so that a layer may write dx over it.</summary>
    public bool Owns(Tensor dy) =>
        ReferenceEquals(dy.Storage, _first) || ReferenceEquals(dy.Storage, _second);

    /// <summary>
    /// A gradient of <paramref name="steps"/> steps in a place of the flow: the given one if it is that already, else a copy
    /// with zeros before it.
    /// </summary>
    public Tensor Whole(Tensor dy, int steps)
    {
        if (dy.Shape.First == steps && Owns(dy))
            return dy;
        var shape = new Shape(steps, dy.Shape[1], dy.Shape[2]);
        int first = steps - dy.Shape.First;
        bool inPlace = Owns(dy) && first > 0 && dy.Offset == shape.Count - dy.Count;
        Tensor whole = inPlace ? new Tensor(dy.Storage, 0, shape) : Other(dy, shape);
        dy.Backend.Fill(whole.Slice(0, first), 0f);
        if (!inPlace)
            dy.Backend.Copy(dy, whole.Slice(first, dy.Shape.First));
        return whole;
    }
}
