using System.Numerics;

namespace Sequor.Layers;

/// <summary>The sizes of an embedding: a table whose rows are chosen by class numbers.</summary>
/// <param name="Count">The number of rows of the table; class numbers are below it.</param>
/// <param name="Size">The number of columns of the table.</param>
/// <param name="Positions">The most positions of a batch, T * B.</param>
/// <param name="Padding">The class whose row gets no gradient; -1 for none.</param>
internal readonly record struct EmbeddingDescriptor(
    int Count,
    int Size,
    int Positions,
    int Padding = -1
)
{
    /// <summary>
    /// How many sorted positions have their gradients added up in single precision before the sum goes to double. It depends on the plan's
    /// size alone, so that every backend adds in the same order with any number of threads. It grows with the square root of the positions,
    /// so that there are about as many pieces as positions in a piece.
    /// </summary>
    public int Piece =>
        (int)Math.Clamp(BitOperations.RoundUpToPowerOf2((uint)Math.Sqrt(Positions)) / 2, 16, 1024);
}

/// <summary>
/// y [T, B, C] holds the rows of a table [count, C] that the classes [T, B, 1] name; both may be packed rows. A class is a whole number
/// from 0 to count - 1. Any other value gives a row of NaN and adds nothing to the table's gradient.
/// </summary>
/// <param name="backend">The backend.</param>
internal abstract class EmbeddingOperation(Backend backend) : PlannedOperation(backend)
{
    public void Forward(Tensor classes, Tensor table, Tensor y)
    {
        // Of the table a row for each position is read, though all of it is in use.
        using Backend.OperationScope scope = Begin(
            Report(OperationName.Embedding)
                ?.Reads(classes, table)
                .Writes(y)
                .Moves((y.Count - table.Count) * sizeof(float))
        );
        ForwardCore(classes, table, y);
    }

    /// <inheritdoc cref="Forward"/>
    protected abstract void ForwardCore(Tensor classes, Tensor table, Tensor y);

    /// <summary>
    /// Adds the rows of dy to the rows of dtable that the classes name. The rows of a class are added in an order that depends only on the
    /// plan and the batch, so results repeat bit for bit.
    /// </summary>
    public void Backward(Tensor classes, Tensor dy, Tensor dtable, Tensor workspace)
    {
        // Of the table's gradient no more rows are added to than there are positions.
        long added = Math.Min(dy.Count, dtable.Count);
        using Backend.OperationScope scope = Begin(
            Report(OperationName.EmbeddingGradient)
                ?.Reads(classes, dy)
                .Updates(dtable)
                .Scratch(workspace)
                .Moves(2 * (added - dtable.Count) * sizeof(float))
                .Costs(dy.Count)
        );
        BackwardCore(classes, dy, dtable, workspace);
    }

    /// <inheritdoc cref="Backward"/>
    protected abstract void BackwardCore(
        Tensor classes,
        Tensor dy,
        Tensor dtable,
        Tensor workspace
    );
}
