using System.Globalization;

namespace Sequor.Layers;

/// <summary>Parameters that an optimizer treats differently from the rest: at another rate, or without weight decay.</summary>
public sealed class ParameterGroup
{
    /// <summary>Makes a group.</summary>
    /// <param name="contains">Whether a parameter, given with its full name in the model, belongs to the group.</param>
    /// <param name="rateFactor">The factor of the learning rate, finite and at least 0.</param>
    /// <param name="decays">Whether weight decay applies, where the optimizer has one.</param>
    /// <exception cref="ArgumentOutOfRangeException">The factor is negative or not finite.</exception>
    public ParameterGroup(
        Func<NamedParameter, bool> contains,
        float rateFactor = 1f,
        bool decays = true
    )
    {
        ArgumentNullException.ThrowIfNull(contains);
        if (!(rateFactor >= 0 && float.IsFinite(rateFactor)))
            throw new ArgumentOutOfRangeException(
                nameof(rateFactor),
                rateFactor,
                "A factor of the learning rate must be finite and at least 0."
            );
        Contains = contains;
        RateFactor = rateFactor;
        Decays = decays;
    }

    /// <summary>Whether a parameter belongs to the group.</summary>
    public Func<NamedParameter, bool> Contains { get; }

    /// <summary>The factor of the learning rate.</summary>
    public float RateFactor { get; }

    /// <summary>Whether weight decay applies to the group.</summary>
    public bool Decays { get; }
}

/// <summary>A model's block of parameters, cut into ranges by groups. Parameters of no group have the factor 1 and decay.</summary>
internal sealed class GroupedParameters
{
    /// <exception cref="ArgumentException">A group is null or empty, or a parameter is in two groups.</exception>
    public GroupedParameters(ParameterStore store, IReadOnlyList<ParameterGroup> groups)
    {
        var members = new List<string>[groups.Count];
        for (int i = 0; i < groups.Count; i++)
        {
            if (groups[i] is null)
                throw new ArgumentException($"Group {i} is null.", nameof(groups));
            members[i] = [];
        }
        var segments = new List<OptimizerSegment>();
        // A range extends to the next parameter, as the gap between them is zero and stays so.
        foreach (NamedParameter named in store.Named.OrderBy(p => p.Parameter.Offset))
        {
            int group = GroupOf(named, groups);
            if (group >= 0)
                members[group].Add(named.Name);
            float factor = group < 0 ? 1f : groups[group].RateFactor;
            bool decays = group < 0 || groups[group].Decays;
            if (segments.Count > 0)
            {
                OptimizerSegment last = segments[^1];
                if (last.RateFactor == factor && last.Decays == decays)
                    continue;
                segments[^1] = last with { To = named.Parameter.Offset };
            }
            segments.Add(
                new OptimizerSegment(
                    segments.Count == 0 ? 0 : named.Parameter.Offset,
                    store.Count,
                    factor,
                    decays
                )
            );
        }
        for (int i = 0; i < groups.Count; i++)
        {
            if (members[i].Count == 0)
                throw new ArgumentException(
                    $"Group {i} contains no parameter; there are: {string.Join(", ", store.Named.Select(p => p.Name))}.",
                    nameof(groups)
                );
        }
        Segments = [.. segments];
        Text = string.Concat(groups.Select((group, i) => Describe(group, members[i])));
    }

    /// <summary>Ranges that follow each other without gaps and cover the block.</summary>
    public OptimizerSegment[] Segments { get; }

    /// <summary>A description of the groups for checkpoints; empty where there are none.</summary>
    public string Text { get; }

    private static int GroupOf(NamedParameter named, IReadOnlyList<ParameterGroup> groups)
    {
        int found = -1;
        for (int i = 0; i < groups.Count; i++)
        {
            if (!groups[i].Contains(named))
                continue;
            if (found >= 0)
                throw new ArgumentException(
                    $"Parameter {named.Name} is in the groups {found} and {i}; it may be in one.",
                    nameof(groups)
                );
            found = i;
        }
        return found;
    }

    private static string Describe(ParameterGroup group, List<string> members) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"; rate x {group.RateFactor}{(group.Decays ? "" : " without decay")}: {string.Join(' ', members)}"
        );
}
