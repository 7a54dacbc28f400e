using System.Globalization;

namespace Sequor.Layers;

/// <summary>A copy of the states that a stream carries from one call to the next.</summary>
public sealed class StreamState
{
    internal StreamState(StreamLayout layout, float[] values, long steps, int batch)
    {
        Layout = layout;
        Values = values;
        Steps = steps;
        Batch = batch;
    }

    /// <summary>The number of steps that the stream had taken.</summary>
    public long Steps { get; }

    /// <summary>The number of sequences; 0 before the first call.</summary>
    public int Batch { get; }

    internal float[] Values { get; }

    /// <summary>What the values mean.</summary>
    internal StreamLayout Layout { get; }
}

/// <summary>
/// Describes what the values of a stream's state belong to. A state can be used on another plan if their layouts are alike.
/// </summary>
/// <param name="model">The model that the stream runs.</param>
/// <param name="backend">The backend that it runs on.</param>
/// <param name="maxBatch">The plan's largest batch, which determines where values lie.</param>
/// <param name="slots">The shapes of the states, in the order of the layers.</param>
internal sealed class StreamLayout(Layer model, Backend backend, int maxBatch, Shape[] slots)
{
    private readonly string _layers = Describe(model);
    private readonly string _device = backend.Info.Device.Split(':')[0];
    private readonly int _maxBatch = maxBatch;
    private readonly Shape[] _slots = slots;

    /// <summary>Whether a state of this layout can be used where the other one is expected.</summary>
    public bool IsLike(StreamLayout other) =>
        _layers == other._layers
        && _device == other._device
        && _maxBatch == other._maxBatch
        && _slots.AsSpan().SequenceEqual(other._slots);

    /// <summary>For example: Sequential(0: Gru 3 -> 4, 1: Linear 4 -> 1) for up to 2 sequences on cpu, which carries [1, 2, 4].</summary>
    public override string ToString() =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"{_layers} for up to {Amount.Of(_maxBatch, "sequence")} on {_device}, which carries {(_slots.Length == 0 ? "nothing" : string.Join(" and ", _slots))}"
        );

    private static string Describe(Layer layer)
    {
        string name = layer.GetType().Name;
        string kind = layer switch
        {
            Recurrent { Kind: RecurrentKind.Relu } => " relu",
            Recurrent { Kind: RecurrentKind.Linear } => " linear",
            TcnBlock block =>
                $" k={block.Kernel} d={block.Dilation}{(block.Activation == TcnActivation.Gated ? " gated" : "")}",
            _ => "",
        };
        return layer.Children.Count == 0
            ? $"{name} {layer.InputSize} -> {layer.OutputSize}{kind}"
            : $"{name}({string.Join(", ", layer.Children.Select(c => $"{c.Name}: {Describe(c.Layer)}"))})";
    }
}
