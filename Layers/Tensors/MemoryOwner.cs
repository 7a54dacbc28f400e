namespace Sequor.Layers;

/// <summary>Whom memory was allocated for, so that a profile can tell who holds how much.</summary>
/// <param name="group">The same object for all owners of one plan, or of one model's parameters.</param>
/// <param name="name">A layer's full name, or a word for what is of no layer.</param>
/// <param name="isLayer">Whether the name is that of a layer.</param>
/// <param name="shares">
/// For a block that several layers share, their names and bytes in it; what they leave is padding. Null for a block of one owner.
/// </param>
internal sealed class MemoryOwner(
    object group,
    string name,
    bool isLayer = false,
    IReadOnlyList<(string Layer, long Bytes)>? shares = null
)
{
    public object Group => group;

    public string Name => name;

    public bool IsLayer => isLayer;

    public IReadOnlyList<(string Layer, long Bytes)>? Shares => shares;
}
