namespace Sequor.Reference;

/// <summary>
/// Parameters of one layer in one direction; G gates, in the order that <see cref="RecurrentKind"/> gives.
/// </summary>
/// <param name="Inputs">I</param>
/// <param name="Hidden">H</param>
/// <param name="WeightIh">[G * H, I]</param>
/// <param name="WeightHh">[G * H, H]</param>
/// <param name="BiasIh">[G * H]</param>
/// <param name="BiasHh">[G * H]</param>
public sealed record RecurrentLayer(
    int Inputs,
    int Hidden,
    double[] WeightIh,
    double[] WeightHh,
    double[] BiasIh,
    double[] BiasHh
);
