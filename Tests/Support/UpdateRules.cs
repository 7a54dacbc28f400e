using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Every combination of parts that makes an update rule, under names for tests.</summary>
internal static class UpdateRules
{
    private static readonly Dictionary<string, UpdateRule> All = Every()
        .ToDictionary(rule => NameOf(rule), rule => rule);

    public static IEnumerable<string> Names => All.Keys;

    public static UpdateRule Get(string name) => All[name];

    private static IEnumerable<UpdateRule> Every() =>
        from weight in new[] { 0f, 1f, 1f - 0.9f }
        from square in new[] { false, true }
        from ahead in weight == 0 ? [false] : new[] { false, true }
        from corrected in weight == 0 && !square ? [false] : new[] { false, true }
        from decay in weight == 0 || !square ? [0f] : new[] { 0f, 0.05f }
        select new UpdateRule
        {
            Beta1 = weight == 0 ? 0f : 0.9f,
            Weight = weight,
            Ahead = ahead,
            Beta2 = square ? 0.999f : 0f,
            Epsilon = square ? 1e-8f : 0f,
            Corrected = corrected,
            Decay = decay,
        };

    private static string NameOf(UpdateRule rule)
    {
        List<string> parts =
        [
            !rule.HasMean ? "gradient"
            : rule.Weight == 1 ? "sum"
            : "mean",
        ];
        if (rule.Ahead)
            parts.Add("ahead");
        if (rule.HasMeanSquare)
            parts.Add("by square");
        if (rule.Corrected)
            parts.Add("corrected");
        if (rule.Decay != 0)
            parts.Add("decaying");
        return string.Join(' ', parts);
    }
}
