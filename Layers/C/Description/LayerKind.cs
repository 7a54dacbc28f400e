using Sequor.Layers;

namespace Sequor.C;

/// <summary>A kind of layer that descriptions can name: its keys, and what makes the layer of them.</summary>
/// <param name="Name">The value of the key "type".</param>
/// <param name="Keys">The keys beside "type", those that can be left out with a question mark behind them.</param>
/// <param name="Make">
/// Makes the layer of its keys, and of what stands before it.
/// </param>
internal sealed record LayerKind(string Name, string Keys, Func<Fields, Before, Layer> Make)
{
    /// <summary>The names of all keys, "type" first.</summary>
    public string[] Names { get; } =
    ["type", .. Keys.Split(' ', StringSplitOptions.RemoveEmptyEntries).Select(k => k.TrimEnd('?'))];
}
