namespace Sequor.Interop;

/// <summary>One matrix or bias in a recurrent network's weight space.</summary>
/// <param name="PseudoLayer">The layer; with two directions, 2 * layer, plus 1 for the reverse direction.</param>
/// <param name="LinearLayer">
/// The gate by cuDNN's numbers: first those of the input, then the recurrent ones, then the LSTM's projection.
/// </param>
/// <param name="IsBias">Whether it is a bias and not a matrix.</param>
/// <param name="Offset">The number of elements from the beginning of the weight space.</param>
/// <param name="Rows">The rows of the matrix, or the elements of the bias.</param>
/// <param name="Columns">The columns of the matrix, which is row-major; 1 for a bias.</param>
public readonly record struct RnnWeight(
    int PseudoLayer,
    int LinearLayer,
    bool IsBias,
    long Offset,
    int Rows,
    int Columns
)
{
    /// <summary>The number of elements.</summary>
    public long Count => (long)Rows * Columns;
}
