using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Sequor.VirtualGpu.Ptxas;

/// <summary>What one version of ptxas made of a module's kernels.</summary>
/// <param name="Name">The module, as Native/Kernels has it.</param>
/// <param name="Version">The version of ptxas, such as 11.8.89.</param>
/// <param name="Digest">SHA-256 of the module's PTX, in lower-case hexadecimal digits.</param>
/// <param name="Rows">A row for each kernel and architecture.</param>
internal sealed record PtxasModule(
    string Name,
    string Version,
    string Digest,
    IReadOnlyList<PtxasRow> Rows
);

/// <summary>The table of what ptxas makes of Sequor's kernels: a readable text, and its rows.</summary>
/// <param name="modules">Its modules, in the order of their names.</param>
internal sealed partial class PtxasTable(IReadOnlyList<PtxasModule> modules)
{
    private const string Heading = """
        # What NVIDIA's assembler makes of Sequor's kernels. `./build.sh test --update-ptxas` writes this file anew, where
        # SEQUOR_PTXAS names a ptxas or PATH has one; PtxasTests compares it with what that ptxas says, and PtxasTableTests
        # holds it complete where there is none. Each section is a module of Native/Kernels/Ptx, by the ptxas named and with
        # the SHA-256 of the PTX that it was given: PTX that changed needs a new table.
        #
        # threads       The most that a block of the kernel has.
        # registers     Of a thread; 65536 on a multiprocessor.
        # spills        Bytes that a thread stores and loads because its registers did not suffice.
        # stack         Local memory of a thread, bytes, spilled registers among it.
        # shared        Static shared memory of a block, bytes.
        # blocks        Blocks of so many threads that fit on a multiprocessor at a time.
        # occupancy     Their warps, in percent of those that a multiprocessor can have.

        """;

    private static readonly string[] Columns =
    [
        "arch",
        "threads",
        "registers",
        "spill stores",
        "spill loads",
        "stack",
        "shared",
        "blocks",
        "occupancy",
    ];

    private static readonly int[] Widths = [8, 9, 11, 14, 13, 7, 8, 8, 11];

    private const int NameWidth = 38;

    private static readonly Lazy<PtxasTable> Read = new(() =>
    {
        using Stream stream = typeof(PtxasTable).Assembly.GetManifestResourceStream("ptxas.txt")!;
        using var reader = new StreamReader(stream);
        return Parse(reader.ReadToEnd());
    });

    private readonly Dictionary<(string, string, int), PtxasRow> _rows = modules
        .SelectMany(m => m.Rows, (m, row) => (m.Digest, row))
        .ToDictionary(p => (p.Digest, p.row.Kernel, p.row.Architecture), p => p.row);

    /// <summary>The table that was checked in.</summary>
    public static PtxasTable Shipped => Read.Value;

    public IReadOnlyList<PtxasModule> Modules => modules;

    /// <summary>By what a module's PTX is known.</summary>
    public static string DigestOf(ReadOnlySpan<byte> ptx) =>
        Convert.ToHexStringLower(SHA256.HashData(ptx));

    /// <inheritdoc cref="DigestOf(ReadOnlySpan{byte})"/>
    public static string DigestOf(string ptx) => DigestOf(Encoding.UTF8.GetBytes(ptx));

    /// <summary>The row of a kernel; null if the table has none for that PTX and architecture.</summary>
    public PtxasRow? Find(string digest, string kernel, int architecture) =>
        _rows.GetValueOrDefault((digest, kernel, architecture));

    /// <summary>Reads a table.</summary>
    /// <exception cref="FormatException">A line is not as it should be; the message has its number.</exception>
    public static PtxasTable Parse(string text)
    {
        List<PtxasModule> modules = [];
        List<PtxasRow> rows = [];
        int number = 0;
        foreach (string line in text.ReplaceLineEndings("\n").Split('\n'))
        {
            number++;
            if (
                line.Length == 0
                || line[0] == '#'
                || line.StartsWith("kernel ", StringComparison.Ordinal)
            )
                continue;
            if (Section().Match(line) is { Success: true } section)
            {
                rows = [];
                modules.Add(
                    new(
                        section.Groups[1].Value,
                        section.Groups[2].Value,
                        section.Groups[3].Value,
                        rows
                    )
                );
            }
            else if (modules.Count > 0 && Row().Match(line) is { Success: true } row)
            {
                rows.Add(RowOf(row));
            }
            else
            {
                throw new FormatException(
                    $"line {number} of the table of ptxas is neither a section, \"== module: ptxas VERSION, SHA-256 ==\", nor a row of a kernel with {Columns.Length} values: '{line}'"
                );
            }
        }
        return new PtxasTable(modules);
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder(Heading);
        foreach (PtxasModule module in modules)
        {
            text.Append(
                CultureInfo.InvariantCulture,
                $"\n== {module.Name}: ptxas {module.Version}, {module.Digest} ==\n\n"
            );
            Line("kernel", Columns);
            foreach (PtxasRow row in module.Rows)
                Line(
                    "  " + row.Kernel,
                    [
                        $"sm_{row.Architecture}",
                        .. new[]
                        {
                            row.Threads,
                            row.Registers,
                            row.SpillStores,
                            row.SpillLoads,
                            row.Stack,
                            row.SharedBytes,
                            row.Blocks,
                        }.Select(n => n.ToString(CultureInfo.InvariantCulture)),
                        row.Occupancy.ToString("0.0", CultureInfo.InvariantCulture),
                    ]
                );
        }
        return text.ToString();

        void Line(string name, IReadOnlyList<string> cells)
        {
            text.Append(name.PadRight(NameWidth));
            foreach ((string cell, int width) in cells.Zip(Widths))
                text.Append(cell.PadLeft(width));
            text.Append('\n');
        }
    }

    private static PtxasRow RowOf(Match row)
    {
        int[] numbers =
        [
            .. row.Groups[2].Captures.Select(c => int.Parse(c.Value, CultureInfo.InvariantCulture)),
        ];
        return new(
            row.Groups[1].Value,
            numbers[0],
            numbers[1],
            numbers[2],
            numbers[3],
            numbers[4],
            numbers[5],
            numbers[6],
            numbers[7],
            decimal.Parse(row.Groups[3].Value, CultureInfo.InvariantCulture)
        );
    }

    [GeneratedRegex("^== ([a-z0-9_]+): ptxas ([0-9.]+), ([0-9a-f]{64}) ==$")]
    private static partial Regex Section();

    [GeneratedRegex(@"^  ([A-Za-z0-9_]+) +sm_(?:([0-9]{1,6}) +){8}([0-9]{1,3}\.[0-9])$")]
    private static partial Regex Row();
}
