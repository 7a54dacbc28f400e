namespace Sequor.Interop;

/// <summary>One matrix or bias in a recurrent net's weight space.</summary>
/// <param name="PseudoLayer">The layer; with two directions 2 * layer, + 1 for backwards.</param>
/// <param name="LinearLayer">
/// The gate as cuDNN counts it: those of the input first, then the recurrent ones, then the LSTM's projection.
/// </param>
/// <param name="IsBias">Whether it is the bias, not the matrix.</param>
/// <param name="Offset">Elements from the weight space's begin.</param>
/// <param name="Rows">Rows of the matrix, or elements of the bias.</param>
/// <param name="Columns">Columns of the matrix, row-major; 1 for a bias.</param>
public readonly record struct RnnWeight(
    int PseudoLayer,
    int LinearLayer,
    bool IsBias,
    long Offset,
    int Rows,
    int Columns
)
{
    /// <summary>Elements.</summary>
    public long Count => (long)Rows * Columns;
}
