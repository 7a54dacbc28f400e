using System.Numerics;

namespace Sequor.Layers;

/// <summary>Rows of a table by class numbers.</summary>
/// <param name="Count">Rows of the table; numbers of classes are below it.</param>
/// <param name="Size">Columns of the table.</param>
/// <param name="Positions">The most positions of a batch, T * B.</param>
/// <param name="Padding">The class whose row has no gradient; -1 for none.</param>
internal readonly record struct EmbeddingDescriptor(
    int Count,
    int Size,
    int Positions,
    int Padding = -1
)
{
    /// <summary>
    /// Sorted positions whose gradients are added up in floats before they go to double. By the plan's size alone, so that
    /// every backend and number of threads adds in one order: about as many as there are then partial sums.
    /// </summary>
    public int Piece =>
        (int)Math.Clamp(BitOperations.RoundUpToPowerOf2((uint)Math.Sqrt(Positions)) / 2, 16, 1024);
}

/// <summary>
/// y [T, B, C] = the rows of a table [count, C] that classes [T, B, 1] name, or packed rows of both. A class is a whole number
/// below count; what is none gives a row of NaN, and nothing to the table's gradient.
/// </summary>
internal abstract class EmbeddingOperation : PlannedOperation
{
    public abstract void Forward(Tensor classes, Tensor table, Tensor y);

    /// <summary>
    /// dtable += dy, row by row. The rows of a class are added in the order of its positions, in an order that goes by the plan
    /// and the batch alone: runs repeat bit for bit.
    /// </summary>
    public abstract void Backward(Tensor classes, Tensor dy, Tensor dtable, Tensor workspace);
}
