namespace Sequor.Layers;

/// <summary>
/// A tensor that a layer asks for while it is planned. It is empty until all layers have said what they need; then it gets its memory.
/// </summary>
public sealed class Slot
{
    private readonly Shape _shape;
    private Tensor _tensor;

    internal Slot(Shape shape) => _shape = shape;

    internal long Count => _shape.Count;

    internal void Place(Storage storage, long offset) =>
        _tensor = new Tensor(storage, offset, _shape);

    /// <summary>The whole slot, in the shape that was asked for.</summary>
    public Tensor All => _tensor;

    /// <summary>The part for T steps of B sequences, with fewer columns than the slot was asked for with.</summary>
    internal Tensor For(int steps, int batch, int columns) =>
        _tensor.View(new Shape(steps, batch, columns));

    /// <summary>The part for T steps of B sequences, or for packed rows: [T, B, C].</summary>
    /// <param name="steps">T, or the number of packed rows.</param>
    /// <param name="batch">B, or 1 for packed rows.</param>
    /// <exception cref="ArgumentException">It is more than the slot was asked for with.</exception>
    public Tensor For(int steps, int batch) =>
        _tensor.View(new Shape(steps, batch, _shape.Columns));
}
