using System.Globalization;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>What a module says that it is written in and for: <c>.version</c> and <c>.target</c>.</summary>
/// <param name="Version">As in <c>.version</c>, in tenths: 78.</param>
/// <param name="Capability">As in <c>.target</c>: 75.</param>
/// <param name="Name">The target's whole name: sm_75.</param>
internal sealed record PtxTarget(int Version, int Capability, string Name)
{
    // Every version that ptxas 11.8 reads.
    private static readonly HashSet<int> s_versions =
    [
        .. (int[])[10, 11, 12, 13, 14, 15, 20, 21, 22, 23, 30, 31, 32, 40, 41, 42, 43, 50, 51],
        .. (int[])[60, 61, 62, 63, 64, 65, 70, 71, 72, 73, 74, 75, 76, 77, 78],
    ];

    // Every target that ptxas 11.8 knows, and the first version that has it; without those before sm_20, which have few
    // of the instructions.
    private static readonly Dictionary<string, int> s_targets = new(StringComparer.Ordinal)
    {
        ["sm_20"] = 20,
        ["sm_21"] = 20,
        ["sm_30"] = 30,
        ["sm_32"] = 40,
        ["sm_35"] = 31,
        ["sm_37"] = 41,
        ["sm_50"] = 40,
        ["sm_52"] = 41,
        ["sm_53"] = 42,
        ["sm_60"] = 50,
        ["sm_61"] = 50,
        ["sm_62"] = 50,
        ["sm_70"] = 60,
        ["sm_72"] = 61,
        ["sm_75"] = 63,
        ["sm_80"] = 70,
        ["sm_82"] = 62,
        ["sm_86"] = 71,
        ["sm_87"] = 74,
        ["sm_89"] = 78,
        ["sm_90"] = 78,
        ["sm_90a"] = 78,
    };

    /// <summary>A version in tenths; null where there is none such.</summary>
    public static int? ParseVersion(string text) =>
        text is [>= '0' and <= '9', '.', >= '0' and <= '9']
        && (10 * (text[0] - '0')) + text[2] - '0' is var version
        && s_versions.Contains(version)
            ? version
            : null;

    /// <summary>The first version that has a target, in tenths; null where there is no such target.</summary>
    public static int? FirstVersion(string target) =>
        s_targets.TryGetValue(target, out int version) ? version : null;

    /// <summary>The capability in a target's name that <see cref="FirstVersion"/> knows.</summary>
    public static int CapabilityOf(string target) =>
        int.Parse(target.AsSpan(3).TrimEnd('a'), NumberStyles.None, CultureInfo.InvariantCulture);

    /// <summary>What is missing for a feature, as the end of a sentence; null where nothing is.</summary>
    /// <param name="version">The version that the feature needs, in tenths.</param>
    /// <param name="capability">The least target that has it.</param>
    public string? Lacks(int version, int capability) =>
        Version < version
            ? $"needs .version {version / 10}.{version % 10}; the module says {Version / 10}.{Version % 10}"
        : Capability < capability ? $"needs .target sm_{capability}; the module says {Name}"
        : null;
}
