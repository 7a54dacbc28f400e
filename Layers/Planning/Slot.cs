namespace Sequor.Layers;

/// <summary>A tensor that the plan places once all layers have said what they need.</summary>
internal sealed class Slot
{
    private readonly Shape _shape;
    private Tensor _tensor;

    public Slot(Shape shape) => _shape = shape;

    public long Count => _shape.Count;

    public void Place(Storage storage, long offset) =>
        _tensor = new Tensor(storage, offset, _shape);

    /// <summary>All of it.</summary>
    public Tensor All => _tensor;

    /// <summary>The part for T steps of B sequences.</summary>
    public Tensor For(int steps, int batch) =>
        _tensor.View(new Shape(steps, batch, _shape.Columns));
}
