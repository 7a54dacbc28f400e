namespace Sequor.Reference;

/// <summary>
/// Parameters of one layer in one direction; G gates, in the order that <see cref="RecurrentKind"/> gives.
/// </summary>
/// <param name="Inputs">I</param>
/// <param name="Hidden">H</param>
/// <param name="WeightIh">[G * H, I]</param>
/// <param name="WeightHh">[G * H, H], with a projection [G * H, P]</param>
/// <param name="BiasIh">[G * H]</param>
/// <param name="BiasHh">[G * H]</param>
/// <param name="WeightHr">[P, H], the projection of an LSTM's output; null for none</param>
/// <param name="CellClip">the bounds an LSTM's cell state is read within; null for none</param>
public sealed record RecurrentLayer(
    int Inputs,
    int Hidden,
    double[] WeightIh,
    double[] WeightHh,
    double[] BiasIh,
    double[] BiasHh,
    double[]? WeightHr = null,
    (double Min, double Max)? CellClip = null
)
{
    /// <summary>Channels of the hidden state: P with a projection, else H.</summary>
    public int State => WeightHr is null ? Hidden : WeightHr.Length / Hidden;
}
