using System.Collections.Concurrent;
using System.Globalization;
using System.Text.RegularExpressions;
using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Ptxas;

namespace Sequor.Tests.Kernels;

/// <summary>
/// The kernels as NVIDIA's assembler sees them, where the machine has it: no word of complaint, room on every architecture, and
/// the checked-in table.
/// </summary>
[TestFixture]
public sealed partial class PtxasTests
{
    /// <summary>Names a file that the table is written to, in place of being compared.</summary>
    public const string UpdateVariable = "SEQUOR_UPDATE_PTXAS";

    private readonly ConcurrentDictionary<(string Module, int Architecture), PtxasOutput> _outputs =
        new();

    private Ptxas? _ptxas;

    [OneTimeSetUp]
    public void Find()
    {
        _ptxas = Ptxas.Find();
        if (_ptxas is not null)
            return;
        string missing =
            $"no ptxas: {Ptxas.Variable} names none, and PATH has none (Tests/Scripts/ptxas.sh gets one)";
        if (UpdatePath is not null)
            Assert.Fail($"the table of ptxas was not written: {missing}");
        Assert.Ignore(missing);
    }

    private static string? UpdatePath =>
        Environment.GetEnvironmentVariable(UpdateVariable) is { Length: > 0 } path ? path : null;

    private static IEnumerable<string> Modules() => KernelImages.Names;

    [TestCaseSource(nameof(Modules))]
    public void A_module_is_assembled_for_its_target_and_all_later_ones_without_a_word(
        string module
    )
    {
        foreach ((int architecture, PtxasOutput output) in Read(module))
        {
            Assert.That(output.Diagnostics, Is.Empty, $"{module}, sm_{architecture}");
            Assert.That(
                output.Rows.Select(r => r.Kernel),
                Is.EqualTo(KernelImages.AllKernels.Where(k => KernelImages.ModuleOf(k) == module)),
                $"{module}, sm_{architecture}"
            );
        }
    }

    [TestCaseSource(nameof(Modules))]
    public void A_block_of_each_kernel_has_room_on_every_architecture(string module)
    {
        foreach (PtxasRow row in Read(module).SelectMany(o => o.Output.Rows))
        {
            string what = $"{row.Kernel}, sm_{row.Architecture}";
            Assert.That(row.Registers * row.Threads, Is.AtMost(Multiprocessor.Registers), what);
            Assert.That(row.SharedBytes, Is.AtMost(Multiprocessor.SharedBytesPerBlock), what);
            Assert.That(row.Blocks, Is.Positive, what);
        }
    }

    [Test]
    public void The_table_has_what_ptxas_says()
    {
        if (UpdatePath is { } path)
        {
            Update(path);
            return;
        }
        List<string> faults = [];
        foreach (string module in Modules())
        {
            PtxasModule? recorded = PtxasTable.Shipped.Modules.FirstOrDefault(m =>
                m.Name == module
            );
            if (recorded is null)
            {
                faults.Add($"{module}: not in the table");
                continue;
            }
            var comparison = PtxasComparison.Of(
                recorded,
                _ptxas!.Version,
                [.. Read(module).SelectMany(o => o.Output.Rows)]
            );
            faults.AddRange(comparison.Faults);
            foreach (string note in comparison.Notes)
                TestContext.Out.WriteLine($"ptxas {recorded.Version} -> {_ptxas.Version}: {note}");
        }
        Assert.That(
            faults,
            Is.Empty,
            $"./build.sh test --update-ptxas records the new numbers, if they are meant:\n{string.Join('\n', faults)}\n"
        );
    }

    [Test]
    public void A_version_of_ptx_that_is_too_new_is_told_and_is_no_diagnostic()
    {
        PtxasOutput output = _ptxas!.Assemble(
            Small.Replace("7.8", "99.0", StringComparison.Ordinal),
            80
        );

        Assert.That(output.Unread, Does.StartWith("Unsupported .version 99.0"));
        Assert.That(output.Diagnostics, Is.Empty);
        Assert.That(
            Read("made up", Small.Replace("7.8", "99.0", StringComparison.Ordinal)),
            Is.Empty
        );
        Assert.That(_ptxas.Assemble(Small, 999).Unread, Does.Contain("sm_999"));
    }

    [TestCase("ret", "rett", "error")]
    [TestCase("k()", "k() .minnctapersm 2", "warning")]
    [TestCase("sm_75", "sm_90", "fatal")]
    public void What_ptxas_complains_of_is_a_diagnostic(string old, string now, string kind)
    {
        PtxasOutput output = _ptxas!.Assemble(
            Small.Replace(old, now, StringComparison.Ordinal),
            80
        );

        Assert.That(output.Diagnostics, Has.Some.Contains(kind));
        Assert.That(_ptxas.Assemble(Small, 80).Diagnostics, Is.Empty);
    }

    private const string Small = """
        .version 7.8
        .target sm_75
        .address_size 64
        .visible .entry k() { ret; }
        """;

    private IEnumerable<(int Architecture, PtxasOutput Output)> Read(string module) =>
        Read(module, KernelImages.Ptx(module));

    /// <summary>What ptxas says of a module, for its own target and all later ones; what it is too old for is told.</summary>
    private IEnumerable<(int Architecture, PtxasOutput Output)> Read(string module, string ptx)
    {
        foreach (int architecture in Architectures(ptx))
        {
            PtxasOutput output = _outputs.GetOrAdd(
                (module, architecture),
                key => _ptxas!.Assemble(ptx, key.Architecture)
            );
            if (output.Unread is null)
                yield return (architecture, output);
            else
                TestContext.Out.WriteLine(
                    $"{module}, sm_{architecture}: not checked, ptxas {_ptxas!.Version} is too old: {output.Unread}"
                );
        }
    }

    internal static IEnumerable<int> Architectures(string ptx)
    {
        int target = int.Parse(Target().Match(ptx).Groups[1].Value, CultureInfo.InvariantCulture);
        return Multiprocessor.All.Select(m => m.Capability).Where(c => c >= target);
    }

    private void Update(string path)
    {
        PtxasModule[] modules =
        [
            .. Modules()
                .Select(module =>
                    Updated(
                        module,
                        KernelImages.Ptx(module),
                        _ptxas!.Version,
                        [.. Read(module).SelectMany(o => o.Output.Rows)],
                        PtxasTable.Shipped
                    )
                ),
        ];
        File.WriteAllText(path, new PtxasTable(modules).ToString());
        TestContext.Out.WriteLine($"written to {path}");
    }

    /// <summary>A module as the new table has it: as it was, where ptxas is too old for it and its PTX is still the same.</summary>
    internal static PtxasModule Updated(
        string module,
        string ptx,
        string version,
        IReadOnlyList<PtxasRow> rows,
        PtxasTable before
    )
    {
        string digest = PtxasTable.DigestOf(ptx);
        if (rows.Select(r => r.Architecture).Distinct().Count() == Architectures(ptx).Count())
            return new(
                module,
                version,
                digest,
                [.. rows.OrderBy(r => r.Kernel, StringComparer.Ordinal).ThenBy(r => r.Architecture)]
            );
        return before.Modules.FirstOrDefault(m => m.Digest == digest)
            ?? throw new InvalidOperationException(
                $"ptxas {version} is too old for {module}, and the table does not have it as it is; a newer ptxas is needed."
            );
    }

    [GeneratedRegex(@"^\.target sm_([0-9]+)", RegexOptions.Multiline)]
    private static partial Regex Target();
}
