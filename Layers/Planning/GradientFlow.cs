using System.Runtime.InteropServices;

namespace Sequor.Layers;

/// <summary>
/// Two places in memory between which the gradients of a plan's layers alternate. A layer's backward pass reads the gradient of its output
/// from one place, and writes the gradient of its input to the other or over the first. Their sizes are found by a rehearsal of all passes,
/// so a pass must use the same places whatever the values are.
/// </summary>
public sealed class GradientFlow
{
    internal GradientFlow() { }

    private Storage? _first;
    private Storage? _second;

    // The most floats that a rehearsal has put in each place so far; null outside of a rehearsal.
    private long[]? _needs;

    /// <summary>
    /// The steps of sequences that are pooled to their last step, or 0. A gradient of fewer steps is then placed where it belongs within
    /// the gradient of all steps, so that <see cref="Whole"/> only writes the zeros before it. It is 0 where nothing is pooled so, and for
    /// packed rows.
    /// </summary>
    internal int PooledSteps { get; set; }

    // The backward pass that runs, and the last one in which each gradient of a parameter was asked for.
    private readonly Dictionary<long, long> _asked = [];
    private long _pass;
    private bool _beganWithZeros;

    /// <summary>A backward pass begins.</summary>
    /// <param name="zeros">Whether the parameters' gradients are zeros, and not those of a pass before.</param>
    internal void BeginPass(bool zeros)
    {
        _pass++;
        _beganWithZeros = zeros;
    }

    /// <summary>
    /// Whether a parameter's gradient still holds the zeros that the pass began with. It says so once in a pass: whoever asks writes it.
    /// </summary>
    internal bool IsZero(Tensor gradient)
    {
        ref long last = ref CollectionsMarshal.GetValueRefOrAddDefault(
            _asked,
            gradient.Offset,
            out _
        );
        bool first = last != _pass;
        last = _pass;
        return first && _beganWithZeros;
    }

    internal void Place(Storage first, Storage second)
    {
        _first = first;
        _second = second;
    }

    /// <summary>Begins a rehearsal, in which the places have unlimited size and the sizes that are put in them are noted.</summary>
    /// <returns>The most floats put in each place; the passes that follow update them.</returns>
    internal IReadOnlyList<long> Rehearse(RehearsalBackend backend)
    {
        Place(
            backend.Pretend(long.MaxValue, MemoryCategory.Workspace),
            backend.Pretend(long.MaxValue, MemoryCategory.Workspace)
        );
        return _needs = new long[2];
    }

    /// <summary>The place that the given gradient does not lie in, for the gradient of a layer's input.</summary>
    /// <param name="dy">The gradient of the layer's output.</param>
    /// <param name="shape">The shape of the gradient of its input, with as many steps as dy.</param>
    /// <returns>A tensor whose values are undefined.</returns>
    /// <exception cref="InvalidOperationException">It is larger than any gradient was when the passes were rehearsed.</exception>
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

    /// <summary>Whether the given gradient lies in one of the two places, so that a layer may write dx over it.</summary>
    /// <param name="dy">The gradient of the layer's output.</param>
    public bool Owns(Tensor dy) =>
        ReferenceEquals(dy.Storage, _first) || ReferenceEquals(dy.Storage, _second);

    /// <summary>
    /// Makes a gradient of <paramref name="steps"/> steps that lies in a place of the flow: the given one if it already is that, else a
    /// copy with zeros for the steps before it.
    /// </summary>
    /// <param name="dy">The gradient of a layer's output, which may be that of the last steps alone.</param>
    /// <param name="steps">The first size of the layer's output: its number of steps, or of packed rows.</param>
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
