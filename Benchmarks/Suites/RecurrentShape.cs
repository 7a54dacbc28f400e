using Sequor.Layers;

namespace Sequor.Suites;

/// <summary>A recurrent network and the batch that it is given.</summary>
/// <param name="Name">The task or collection that the sizes are of.</param>
/// <param name="Kind">The recurrence.</param>
/// <param name="Length">T, steps.</param>
/// <param name="Batch">B, sequences.</param>
/// <param name="Inputs">Channels in.</param>
/// <param name="Hidden">H, hidden units.</param>
/// <param name="Layers">Layers, one above the other.</param>
public sealed record RecurrentShape(
    string Name,
    RecurrentKind Kind,
    int Length,
    int Batch,
    int Inputs,
    int Hidden,
    int Layers = 1
)
{
    private int Gates =>
        Kind switch
        {
            RecurrentKind.Lstm => 4,
            RecurrentKind.Gru => 3,
            _ => 1,
        };

    /// <summary>Operations of the products of a forward pass.</summary>
    public double Flops =>
        2.0 * Length * Batch * Gates * Hidden * (Inputs + Hidden + ((Layers - 1) * 2.0 * Hidden));

    /// <summary>The network.</summary>
    internal Layer Create() =>
        Kind switch
        {
            RecurrentKind.Lstm => new Lstm(Inputs, Hidden, Layers),
            RecurrentKind.Gru => new Gru(Inputs, Hidden, Layers),
            _ => new Rnn(Inputs, Hidden, Layers),
        };

    /// <summary>As in adding Lstm T600 B32 I2 H130.</summary>
    public override string ToString() =>
        FormattableString.Invariant($"{Name} {Kind} T{Length} B{Batch} I{Inputs} H{Hidden}")
        + (Layers > 1 ? FormattableString.Invariant($" x{Layers}") : "");
}
