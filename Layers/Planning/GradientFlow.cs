namespace Sequor.Layers;

/// <summary>
/// Two places in memory between which the gradients of a plan's layers alternate. A layer's backward pass reads the gradient by its
/// output from one place and writes the gradient by its input to the other, or over the first. Their sizes are found by a
/// rehearsal of all passes, so a pass has to use the same places whatever the values are.
/// </summary>
public sealed class GradientFlow
{
    internal GradientFlow() { }

    private Storage? _first;
    private Storage? _second;

    // The most floats that were put in each place during a rehearsal; null outside of one.
    private long[]? _needs;

    /// <summary>
    /// Steps of the sequences that are pooled to their last one: a gradient of fewer is put where it lies among theirs, so that
    /// <see cref="Whole"/> has the zeros before it to write only. 0 where nothing is pooled so, or what lies before differs.
    /// </summary>
    internal int PooledSteps { get; set; }

    internal void Place(Storage first, Storage second)
    {
        _first = first;
        _second = second;
    }

    /// <summary>Begins a rehearsal: the places have unlimited size, and what is put in them is noted.</summary>
    /// <returns>The most floats put in each place, which the passes that follow update.</returns>
    internal IReadOnlyList<long> Rehearse(RehearsalBackend backend)
    {
        Place(
            backend.Pretend(long.MaxValue, MemoryCategory.Workspace),
            backend.Pretend(long.MaxValue, MemoryCategory.Workspace)
        );
        return _needs = new long[2];
    }

    /// <summary>The place that the given gradient does not lie in, for the gradient by a layer's input.</summary>
    /// <param name="dy">The gradient by the layer's output.</param>
    /// <param name="shape">The shape of the gradient by its input: as many steps as dy.</param>
    /// <returns>Room whose contents are undefined.</returns>
    /// <exception cref="InvalidOperationException">None of this size came when passes were rehearsed.</exception>
    public Tensor Other(Tensor dy, Shape shape)
    {
        Storage other = ReferenceEquals(dy.Storage, _first) ? _second! : _first!;
        if (other.Count < shape.Count)
        {
            throw new InvalidOperationException(
                $"A gradient of {shape} did not come when the plan was made, which has room for {Amount.Of(other.Count, "value")}: backward passes have to go the same way at each size."
            );
        }
        Need(other, shape.Count);
        long before = Math.Max(0L, PooledSteps - shape.First) * shape[1] * shape[2];
        bool fits = before <= other.Count - shape.Count && dy.Shape.First == shape.First;
        return new Tensor(other, fits ? before : 0, shape);
    }

    /// <summary>Whether the given gradient lies in one of the two, so that a layer may write dx over it.</summary>
    /// <param name="dy">The gradient by the layer's output.</param>
    public bool Owns(Tensor dy) =>
        ReferenceEquals(dy.Storage, _first) || ReferenceEquals(dy.Storage, _second);

    /// <summary>
    /// A gradient of <paramref name="steps"/> steps in a place of the flow: the given one if it is that already, else a copy
    /// with zeros before it.
    /// </summary>
    /// <param name="dy">A gradient by a layer's output, which may be that of the last steps alone.</param>
    /// <param name="steps">The first size of the layer's output: its steps, or its packed rows.</param>
    public Tensor Whole(Tensor dy, int steps)
    {
        if (dy.Shape.First == steps && Owns(dy))
            return dy;
        var shape = new Shape(steps, dy.Shape[1], dy.Shape[2]);
        int first = steps - dy.Shape.First;
        bool inPlace = Owns(dy) && first > 0 && dy.Offset == shape.Count - dy.Count;
        Tensor whole = inPlace ? new Tensor(dy.Storage, 0, shape) : Other(dy, shape);
        Need(whole.Storage, shape.Count);
        dy.Backend.Fill(whole.Slice(0, first), 0f);
        if (!inPlace)
            dy.Backend.Copy(dy, whole.Slice(first, dy.Shape.First));
        return whole;
    }

    private void Need(Storage place, long count)
    {
        if (_needs is null)
            return;
        int at = ReferenceEquals(place, _first) ? 0 : 1;
        _needs[at] = Math.Max(_needs[at], count);
    }
}
