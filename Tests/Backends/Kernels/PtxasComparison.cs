using Sequor.VirtualGpu.Ptxas;

namespace Sequor.Tests.Kernels;

/// <summary>
/// Compares a module's rows in the table with what a ptxas says now. The one that made the table says the same. Another
/// version gives registers and schedules as it likes: it may not spill where there was no spill, nor need other shared memory,
/// which the PTX declares, and what differs beside that is told.
/// </summary>
/// <param name="Faults">Differences that may not be.</param>
/// <param name="Notes">Differences that another version may make.</param>
internal sealed record PtxasComparison(IReadOnlyList<string> Faults, IReadOnlyList<string> Notes)
{
    /// <summary>Compares them.</summary>
    /// <param name="recorded">The module in the table.</param>
    /// <param name="version">The version of ptxas that is asked.</param>
    /// <param name="found">What it says.</param>
    public static PtxasComparison Of(
        PtxasModule recorded,
        string version,
        IReadOnlyList<PtxasRow> found
    )
    {
        bool same = version == recorded.Version;
        List<string> faults = [];
        List<string> notes = [];
        foreach (PtxasRow now in found)
        {
            PtxasRow? before = recorded.Rows.FirstOrDefault(r =>
                r.Kernel == now.Kernel && r.Architecture == now.Architecture
            );
            if (before == now)
                continue;
            string what = before is null
                ? $"{now.Kernel}, sm_{now.Architecture}: no row"
                : $"{now.Kernel}, sm_{now.Architecture}: {Difference(before, now)}";
            bool allowed =
                !same
                && before is not null
                && now.SharedBytes == before.SharedBytes
                && now.Threads == before.Threads
                && (now.Stack == 0 || before.Stack > 0)
                && (now.SpillStores == 0 || before.SpillStores > 0);
            (allowed ? notes : faults).Add(what);
        }
        return new(faults, notes);
    }

    private static string Difference(PtxasRow before, PtxasRow now)
    {
        (string Name, decimal Before, decimal Now)[] all =
        [
            ("threads", before.Threads, now.Threads),
            ("registers", before.Registers, now.Registers),
            ("spill stores", before.SpillStores, now.SpillStores),
            ("spill loads", before.SpillLoads, now.SpillLoads),
            ("stack", before.Stack, now.Stack),
            ("shared", before.SharedBytes, now.SharedBytes),
            ("blocks", before.Blocks, now.Blocks),
            ("occupancy", before.Occupancy, now.Occupancy),
        ];
        return string.Join(
            ", ",
            all.Where(x => x.Before != x.Now)
                .Select(x => FormattableString.Invariant($"{x.Name} {x.Before} -> {x.Now}"))
        );
    }
}
