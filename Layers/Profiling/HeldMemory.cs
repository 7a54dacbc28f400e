namespace Sequor.Layers;

/// <summary>Says who holds what the ledger of a plan's backend counts.</summary>
internal static class HeldMemory
{
    /// <summary>By layer and category, the largest first; together they are the ledger's bytes.</summary>
    public static IReadOnlyList<OwnedMemory> Of(Plan plan)
    {
        var sums = new Dictionary<(string Layer, bool IsLayer, MemoryCategory Category), long>();
        foreach (
            (MemoryCategory category, MemoryOwner? owner, long bytes) in plan.Backend.Memory.Owned()
        )
        {
            if (owner is null)
                Add(
                    category == MemoryCategory.Graphs ? OwnedMemory.Graphs : OwnedMemory.Backend,
                    false,
                    category,
                    bytes
                );
            else if (owner.Group != plan.MemoryGroup && owner.Group != plan.Store.Group)
                Add(OwnedMemory.Others, false, category, bytes);
            else if (owner.Shares is null)
                Add(owner.Name, owner.IsLayer, category, bytes);
            else
            {
                long rest = bytes;
                foreach ((string layer, long share) in owner.Shares)
                {
                    Add(Planned(plan, layer), true, category, share);
                    rest -= share;
                }
                Add(OwnedMemory.Padding, false, category, rest);
            }
        }
        return
        [
            .. sums.Where(sum => sum.Value != 0)
                .Select(sum => new OwnedMemory(
                    sum.Key.Layer,
                    sum.Key.IsLayer,
                    sum.Key.Category,
                    sum.Value
                ))
                .OrderByDescending(owned => owned.Bytes)
                .ThenBy(owned => owned.Layer, StringComparer.Ordinal)
                .ThenBy(owned => owned.Category),
        ];

        void Add(string layer, bool isLayer, MemoryCategory category, long bytes) =>
            sums[(layer, isLayer, category)] =
                sums.GetValueOrDefault((layer, isLayer, category)) + bytes;
    }

    /// <summary>
    /// The planned layer that a layer's name belongs to: one whose passes are part of its container's has parameters of its own name.
    /// </summary>
    public static string Planned(Plan plan, string layer)
    {
        while (!plan.LayerNames.Contains(layer) && layer.Length > 0)
            layer = layer[..Math.Max(0, layer.LastIndexOf('.'))];
        return layer;
    }
}
