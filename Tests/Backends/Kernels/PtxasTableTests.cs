using NUnit.Framework;
using Sequor.Native.Kernels;
using Sequor.VirtualGpu.Ptxas;

namespace Sequor.Tests.Kernels;

/// <summary>The table of what ptxas makes of the kernels: whole, of the PTX as it is, and by the rules of occupancy.</summary>
[TestFixture]
public sealed class PtxasTableTests
{
    private const string Digest =
        "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

    private static IEnumerable<string> Modules() => KernelImages.Names;

    [Test]
    public void It_has_every_module_in_the_order_of_names() =>
        Assert.That(PtxasTable.Shipped.Modules.Select(m => m.Name), Is.EqualTo(KernelImages.Names));

    [TestCaseSource(nameof(Modules))]
    public void It_has_every_kernel_of_the_ptx_as_it_is(string module)
    {
        string ptx = KernelImages.Ptx(module);
        PtxasModule recorded = PtxasTable.Shipped.Modules.First(m => m.Name == module);

        Assert.That(
            recorded.Digest,
            Is.EqualTo(PtxasTable.DigestOf(ptx)),
            $"the PTX of {module} is not the one that the table was made of; ./build.sh test --update-ptxas makes it anew, with a ptxas (Tests/Scripts/ptxas.sh gets one)"
        );
        Assert.That(
            recorded.Rows.Select(r => (r.Kernel, r.Architecture)),
            Is.EqualTo(
                from kernel in KernelImages.AllKernels
                where KernelImages.ModuleOf(kernel) == module
                from architecture in PtxasTests.Architectures(ptx)
                select (kernel, architecture)
            )
        );
    }

    [TestCaseSource(nameof(Modules))]
    public void Its_blocks_and_occupancy_are_by_the_rules_and_none_is_0(string module)
    {
        foreach (PtxasRow row in PtxasTable.Shipped.Modules.First(m => m.Name == module).Rows)
        {
            Assert.That(
                row,
                Is.EqualTo(
                    PtxasRow.Of(
                        row.Kernel,
                        row.Architecture,
                        row.Threads,
                        row.Registers,
                        row.SpillStores,
                        row.SpillLoads,
                        row.Stack,
                        row.SharedBytes
                    )
                )
            );
            Assert.That(row.Blocks, Is.Positive);
        }
    }

    // What is spilled is known; another kernel would have to be looked at.
    [Test]
    public void One_kernel_spills()
    {
        PtxasRow[] spilling =
        [
            .. PtxasTable.Shipped.Modules.SelectMany(m => m.Rows).Where(r => r.Stack > 0),
        ];

        Assert.That(
            spilling.Select(r => (r.Kernel, r.Architecture, r.SpillStores, r.SpillLoads)),
            Is.EqualTo(
                new[]
                {
                    ("state_scan_gradient_ends_8", 75, 8, 8),
                    ("state_scan_gradient_ends_8", 80, 8, 8),
                    ("state_scan_gradient_ends_8", 86, 8, 8),
                    ("state_scan_gradient_ends_8", 89, 8, 8),
                    ("state_scan_gradient_ends_8", 90, 12, 12),
                }
            )
        );
    }

    // What is under way on a multiprocessor goes by its blocks; a few registers more would be one block less.
    [TestCase("batch_norm_sum")]
    [TestCase("column_sum")]
    [TestCase("convolution_output_gradient")]
    [TestCase("convolution_output_skip")]
    [TestCase("convolution_output_skip_drop")]
    [TestCase("convolution_output_skip_drop_packed")]
    [TestCase("convolution_output_skip_gradient")]
    [TestCase("gated_gradient")]
    [TestCase("gelu_gradient")]
    [TestCase("gelu_gradient_normed")]
    [TestCase("glu_gradient")]
    [TestCase("layer_norm_gradient_512")]
    public void Sums_over_rows_and_skip_paths_have_four_blocks_on_a_multiprocessor_or_more(
        string kernel
    )
    {
        PtxasRow[] rows =
        [
            .. PtxasTable.Shipped.Modules.SelectMany(m => m.Rows).Where(r => r.Kernel == kernel),
        ];
        Assert.That(rows, Is.Not.Empty);
        Assert.That(rows.Select(r => r.Blocks), Is.All.AtLeast(4));
    }

    [Test]
    public void What_is_written_is_read_again()
    {
        PtxasTable table = Table("11.8.89", 40);

        Assert.That(PtxasTable.Parse(table.ToString()).ToString(), Is.EqualTo(table.ToString()));
        Assert.That(table.Find(Digest, "add", 80), Is.EqualTo(table.Modules[0].Rows[0]));
        Assert.That(table.Find(Digest, "add", 87), Is.Null);
        Assert.That(
            PtxasTable.Parse(PtxasTable.Shipped.ToString()).ToString(),
            Is.EqualTo(PtxasTable.Shipped.ToString())
        );
    }

    [TestCase("  add  sm_80  256  40  0  0  0  0  6")]
    [TestCase("  add  sm_80  256  many  0  0  0  0  6  75.0")]
    [TestCase("== rows: ptxas 11.8.89 ==")]
    [TestCase("rows")]
    public void A_line_that_is_none_is_told_with_its_number(string line)
    {
        string text = Table("11.8.89", 40).ToString() + line + "\n";
        int lines = text.Split('\n').Length - 1;

        Assert.That(
            () => PtxasTable.Parse(text),
            Throws
                .TypeOf<FormatException>()
                .With.Message.StartWith($"line {lines} ")
                .And.Message.Contain(line)
        );
    }

    [TestCase("11.8.89", 40, 0, 512, 0, 0)]
    [TestCase("11.8.89", 42, 0, 512, 1, 0)]
    [TestCase("12.4.131", 42, 0, 512, 0, 1)]
    [TestCase("12.4.131", 40, 8, 512, 1, 0)]
    [TestCase("12.4.131", 40, 0, 516, 1, 0)]
    public void Another_version_may_have_other_registers_and_neither_spill_nor_share_otherwise(
        string version,
        int registers,
        int spilled,
        int shared,
        int faults,
        int notes
    )
    {
        var comparison = PtxasComparison.Of(
            Table("11.8.89", 40).Modules[0],
            version,
            [PtxasRow.Of("add", 80, 256, registers, spilled, spilled, spilled, shared)]
        );

        Assert.That(comparison.Faults, Has.Count.EqualTo(faults));
        Assert.That(comparison.Notes, Has.Count.EqualTo(notes));
    }

    [Test]
    public void A_kernel_that_the_table_has_not_is_a_fault() =>
        Assert.That(
            PtxasComparison
                .Of(
                    Table("11.8.89", 40).Modules[0],
                    "12.4.131",
                    [PtxasRow.Of("sub", 80, 256, 40, 0, 0, 0, 0)]
                )
                .Faults,
            Is.EqualTo(new[] { "sub, sm_80: no row" })
        );

    [Test]
    public void A_module_that_ptxas_is_too_old_for_stays_in_the_table_while_its_ptx_does()
    {
        const string ptx = ".version 8.4\n.target sm_80\n";
        PtxasRow[] rows =
        [
            .. new[] { 90, 89, 86, 80 }.Select(a => PtxasRow.Of("add", a, 256, 40, 0, 0, 0, 0)),
        ];
        var before = new PtxasTable([new("new", "12.4.131", PtxasTable.DigestOf(ptx), rows)]);

        Assert.That(
            PtxasTests.Updated("new", ptx, "11.8.89", [], before),
            Is.SameAs(before.Modules[0])
        );
        Assert.That(
            () => PtxasTests.Updated("new", ptx + "// more", "11.8.89", [], before),
            Throws.InvalidOperationException.With.Message.StartWith("ptxas 11.8.89 is too old")
        );
        PtxasModule now = PtxasTests.Updated("new", ptx, "12.5.1", rows, before);
        Assert.That(now.Version, Is.EqualTo("12.5.1"));
        Assert.That(now.Rows.Select(r => r.Architecture), Is.EqualTo(new[] { 80, 86, 89, 90 }));
    }

    // As versions 11.8 and 12.9 write it.
    [TestCase("Used 40 registers, 512 bytes smem, 400 bytes cmem[0]", "")]
    [TestCase("Used 40 registers, used 1 barriers, 512 bytes smem", "Compile time = 3.2 ms")]
    public void What_ptxas_prints_is_read(string used, string last)
    {
        string text = $"""
            ptxas info    : 0 bytes gmem
            ptxas info    : Compiling entry function 'add' for 'sm_80'
            ptxas info    : Function properties for add
                64 bytes stack frame, 28 bytes spill stores, 36 bytes spill loads
            ptxas info    : {used}
            {(last.Length == 0 ? "" : "ptxas info    : " + last)}

            """;
        const string ptx = ".visible .entry add(\n.param .u64 a\n)\n.maxntid 256, 1, 1\n{ ret; }";
        var output = PtxasOutput.Parse(text, 0, ptx, 80);

        Assert.That(output.Diagnostics, Is.Empty);
        Assert.That(
            output.Rows,
            Is.EqualTo(new[] { PtxasRow.Of("add", 80, 256, 40, 28, 36, 64, 512) })
        );
        Assert.That(
            PtxasOutput.Parse(text + "ptxas warning : odd\n", 0, ptx, 80).Diagnostics,
            Is.EqualTo(new[] { "ptxas warning : odd" })
        );
        Assert.That(PtxasOutput.Parse("", 255, ptx, 80).Diagnostics, Has.One.Contains("255"));
    }

    // Counted by hand from the guide's table: what limits is named behind each.
    [TestCase(75, 256, 32, 0, 4, 100.0)] // warps
    [TestCase(80, 256, 32, 0, 8, 100.0)] // warps
    [TestCase(80, 32, 16, 0, 32, 50.0)] // blocks
    [TestCase(86, 256, 40, 0, 6, 100.0)] // registers and warps
    [TestCase(86, 256, 41, 0, 5, 83.3)] // registers: 48 a thread are given
    [TestCase(89, 64, 32, 0, 24, 100.0)] // blocks and warps
    [TestCase(90, 512, 128, 5128, 1, 25.0)] // registers: all of them
    [TestCase(90, 512, 129, 0, 0, 0.0)] // registers: not one block
    [TestCase(90, 32, 255, 0, 8, 12.5)] // registers: 8 warps of 8192
    [TestCase(90, 256, 108, 6148, 2, 25.0)] // registers
    [TestCase(86, 128, 32, 20 << 10, 4, 33.3)] // shared memory: 21 KiB each of 100
    [TestCase(75, 128, 32, 20 << 10, 3, 37.5)] // shared memory: 20 KiB each of 64, nothing reserved
    [TestCase(80, 96, 85, 0, 6, 28.1)] // registers: 5 warps in each part, and no block goes by halves
    public void Blocks_fit_by_the_rules_of_occupancy(
        int architecture,
        int threads,
        int registers,
        int shared,
        int blocks,
        double occupancy
    )
    {
        var row = PtxasRow.Of("add", architecture, threads, registers, 0, 0, 0, shared);

        Assert.That(row.Blocks, Is.EqualTo(blocks));
        Assert.That(row.Occupancy, Is.EqualTo((decimal)occupancy));
    }

    private static PtxasTable Table(string version, int registers) =>
        new([
            new(
                "pointwise",
                version,
                Digest,
                [PtxasRow.Of("add", 80, 256, registers, 0, 0, 0, 512)]
            ),
        ]);
}
