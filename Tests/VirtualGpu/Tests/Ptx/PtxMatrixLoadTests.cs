using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// Loads of matrices from shared memory to a warp's registers, against the PTX ISA's text, and what is wrong with them and with products:
/// lanes that are missing, rows that are not there.
/// </summary>
[TestFixture]
public sealed class PtxMatrixLoadTests
{
    private const string Head = """
        .version 7.8
        .target TARGET
        .address_size 64
        .extern .shared .align 16 .b8 dynamic[];
        .visible .entry k(.param .u64 y)
        {
            .reg .b64 %y, %x<9>; .reg .b32 %t, %s, %base, %r<9>; .reg .b16 %h<9>; .reg .f32 %f<9>; .reg .pred %p<9>;
            ld.param.u64 %y, [y];
            mov.u32 %t, %tid.x;
            mov.u32 %base, dynamic;

        """;

    // Every lane writes 64 bytes of shared memory: element e has the number e.
    private const string Fill = """
        mad.lo.s32 %s, %t, 64, %base;
        mul.lo.s32 %r1, %t, 32;
        mov.u32 %r2, 0;
        AGAIN:
        cvt.u16.u32 %h1, %r1;
        st.shared.b16 [%s], %h1;
        add.s32 %s, %s, 2;
        add.s32 %r1, %r1, 1;
        add.s32 %r2, %r2, 1;
        setp.lt.u32 %p1, %r2, 32;
        @%p1 bra AGAIN;
        bar.sync 0;

        """;

    private const string Keep = """
        mul.wide.u32 %x0, %t, 16;
        add.s64 %x0, %y, %x0;
        st.global.v4.b32 [%x0], {%r4, %r5, %r6, %r7};

        """;

    private static uint[] Run(
        string code,
        int threads = 32,
        int shared = 2048,
        ulong seed = 1,
        string target = "sm_75"
    )
    {
        PtxModule module = PtxModule.Parse(
            Head.Replace("TARGET", target, StringComparison.Ordinal) + "\n" + code + "\nret;\n}\n"
        );
        using var heap = new PtxHeap();
        ulong y = heap.Zeros<uint>(4 * threads);
        module.Run(
            "k",
            heap,
            1,
            (uint)threads,
            seed,
            launch => launch with { SharedBytes = shared },
            y
        );
        return heap.Get<uint>(y, 4 * threads);
    }

    // The lane's row lies 48 bytes behind the one before it, so that rows are no neighbours.
    private static string Load(int count, bool transposed, string space = ".shared") =>
        "mad.lo.s32 %s, %t, 48, %base;\n"
        + (space.Length > 0 ? "" : "cvt.u64.u32 %x1, %s; cvta.shared.u64 %x1, %x1;\n")
        + $"ldmatrix.sync.aligned.m8n8.x{count}{(transposed ? ".trans" : "")}{space}.b16 {{{string.Join(", ", Enumerable.Range(4, count).Select(i => $"%r{i}"))}}}, [{(space.Length > 0 ? "%s" : "%x1")}];\n";

    [Test]
    public void Give_a_lane_two_neighbours_of_a_row_or_a_column(
        [Values(1, 2, 4)] int count,
        [Values] bool transposed,
        [Values] bool generic
    )
    {
        uint[] words = Run(
            Fill
                + "mov.b32 %r4, 0; mov.b32 %r5, 0; mov.b32 %r6, 0; mov.b32 %r7, 0;\n"
                + Load(count, transposed, generic ? "" : ".shared")
                + Keep
        );
        for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++)
        {
            // Row r of matrix i begins with element 24 (8 i + r).
            uint first = transposed
                ? Element(i, 2 * (lane % 4), lane / 4)
                : Element(i, lane / 4, 2 * (lane % 4));
            uint second = transposed
                ? Element(i, 2 * (lane % 4) + 1, lane / 4)
                : Element(i, lane / 4, 2 * (lane % 4) + 1);
            Assert.That(
                words[4 * lane + i],
                Is.EqualTo(i < count ? first | second << 16 : 0),
                $"lane {lane}, matrix {i}"
            );
        }

        static uint Element(int matrix, int row, int column) =>
            (uint)(24 * (8 * matrix + row) + column);
    }

    // A by rows through ldmatrix.x4, B by columns through ldmatrix.x2: what is loaded so is what mma wants.
    [Test]
    public void Are_the_fragments_of_a_product()
    {
        uint[] words = Run(
            """
            // A is 16 rows of 16 f16 at 0, row r and column c having r + 1 where r = c; B has 8 columns at 512, element (k, n) is 16 n + k.
            shr.u32 %r1, %t, 1;
            and.b32 %r2, %t, 1;
            mov.u32 %r3, 0;
            AGAIN:
            mad.lo.s32 %r4, %r2, 8, %r3;
            setp.eq.u32 %p1, %r1, %r4;
            add.s32 %r5, %r1, 1;
            selp.b32 %r5, %r5, 0, %p1;
            cvt.rn.f32.u32 %f1, %r5;
            cvt.rn.f16.f32 %h1, %f1;
            mad.lo.s32 %s, %r1, 32, %base;
            mad.lo.s32 %s, %r4, 2, %s;
            st.shared.b16 [%s], %h1;
            mad.lo.s32 %r6, %r1, 16, %r4;
            cvt.rn.f32.u32 %f1, %r6;
            cvt.rn.f16.f32 %h1, %f1;
            setp.lt.u32 %p2, %r1, 8;
            @%p2 st.shared.b16 [%s+512], %h1;
            add.s32 %r3, %r3, 1;
            setp.lt.u32 %p1, %r3, 8;
            @%p1 bra AGAIN;
            bar.sync 0;
            // Lanes 0 to 15 have the rows of A's left half, the others those of its right half.
            and.b32 %r1, %t, 15;
            shr.u32 %r2, %t, 4;
            mad.lo.s32 %s, %r1, 32, %base;
            mad.lo.s32 %s, %r2, 16, %s;
            ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r4, %r5, %r6, %r7}, [%s];
            and.b32 %r1, %t, 7;
            shr.u32 %r2, %t, 3;
            and.b32 %r2, %r2, 1;
            mad.lo.s32 %s, %r1, 32, %base;
            mad.lo.s32 %s, %r2, 16, %s;
            ldmatrix.sync.aligned.m8n8.x2.shared.b16 {%r1, %r2}, [%s+512];
            mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, %f3}, {%r4, %r5, %r6, %r7}, {%r1, %r2}, {0f00000000, 0f00000000, 0f00000000, 0f00000000};
            mov.b32 %r4, %f0; mov.b32 %r5, %f1; mov.b32 %r6, %f2; mov.b32 %r7, %f3;

            """ + Keep,
            target: "sm_80"
        );
        for (int lane = 0; lane < 32; lane++)
        for (int i = 0; i < 4; i++)
        {
            int row = lane / 4 + i / 2 * 8;
            int column = lane % 4 * 2 + i % 2;
            Assert.That(
                BitConverter.UInt32BitsToSingle(words[4 * lane + i]),
                Is.EqualTo((row + 1) * (16 * column + row))
            );
        }
    }

    private static PtxFault Fault(
        PtxFaultKind kind,
        string code,
        int threads = 32,
        int shared = 2048,
        string target = "sm_75"
    )
    {
        PtxFault fault = null!;
        for (ulong seed = 0; seed < 4; seed++)
        {
            fault = PtxKernels.Faults(() => Run(code, threads, shared, seed, target));
            Assert.That(fault.Kind, Is.EqualTo(kind), fault.ToString());
            Assert.That(fault.Kernel, Is.EqualTo("k"));
            Assert.That(fault.Line, Is.GreaterThan(1));
        }
        return fault;
    }

    [Test]
    public void Rows_that_nobody_has_written_are_found()
    {
        PtxFault fault = Fault(PtxFaultKind.Uninitialised, Load(4, false));
        Assert.That(fault.Instruction, Does.StartWith("ldmatrix"));
    }

    [Test]
    public void Rows_outside_the_launchs_shared_memory_are_found() =>
        Fault(PtxFaultKind.OutOfBounds, Fill + "add.s32 %base, %base, 576;\n" + Load(4, false));

    [Test]
    public void Rows_at_crooked_addresses_are_found() =>
        Fault(PtxFaultKind.Misaligned, Fill + "add.s32 %base, %base, 8;\n" + Load(1, true));

    [Test]
    public void Rows_that_a_lane_writes_meanwhile_are_found()
    {
        const string Write = "st.shared.b32 [%base+4], %t;\n";
        const string One = "setp.eq.u32 %p1, %t, 9; @%p1 ";
        Fault(PtxFaultKind.Race, Fill + One + Write + Load(1, false));
        Fault(PtxFaultKind.Race, Fill + Load(1, false) + One + Write);
        // With a barrier of the warp between them all is well.
        Run(Fill + One + Write + "bar.warp.sync -1;\n" + Load(1, false));
        Run(Fill + Load(1, false) + "bar.warp.sync -1;\n" + One + Write);
    }

    [Test]
    public void Generic_addresses_that_lead_elsewhere_are_found() =>
        Fault(PtxFaultKind.OutOfBounds, Fill + "ldmatrix.sync.aligned.m8n8.x1.b16 {%r4}, [%y];\n");

    [Test]
    public void Addresses_that_are_not_used_have_to_be_some_up_to_sm_75()
    {
        string code =
            Fill
            + "setp.ge.u32 %p1, %t, 8; selp.b32 %s, 0, %base, %p1;\n"
            + "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%s];\n";
        Fault(PtxFaultKind.OutOfBounds, code);
        Run(code, target: "sm_80");
    }

    private const string Multiply =
        "mma.sync.aligned.m16n8k8.row.col.f32.f16.f16.f32 {%f0, %f1, %f2, %f3}, {%r4, %r5}, {%r6}, {%f4, %f5, %f6, %f7};\n";

    [TestCase("ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r4}, [%base];\n", "ldmatrix")]
    [TestCase(Multiply, "mma")]
    public void All_lanes_have_to_take_part(string instruction, string opcode)
    {
        PtxFault skipped = Fault(
            PtxFaultKind.WarpDivergence,
            Fill + "setp.ne.u32 %p1, %t, 13; @%p1 " + instruction + "bar.warp.sync -1;\n"
        );
        PtxFault ended = Fault(
            PtxFaultKind.WarpDivergence,
            Fill + "setp.eq.u32 %p1, %t, 13; @%p1 ret;\n" + instruction
        );
        PtxFault absent = Fault(
            PtxFaultKind.WarpDivergence,
            Fill + instruction,
            threads: 48,
            shared: 4096
        );
        Assert.Multiple(() =>
        {
            Assert.That(skipped.Detail + skipped.Instruction, Does.Contain("lane"));
            Assert.That(ended.Instruction, Does.StartWith(opcode));
            Assert.That(ended.Detail, Does.Contain("names lane 13, which has ended"));
            Assert.That(absent.Instruction, Does.StartWith(opcode));
            Assert.That(absent.Detail, Does.Contain("which the block has no thread for"));
            Assert.That(absent.Thread.X, Is.InRange(32, 47));
        });
    }

    // The two halves of a warp at two instructions never meet, even if these are alike.
    [Test]
    public void Lanes_have_to_meet_at_one_instruction() =>
        Fault(
            PtxFaultKind.WarpDivergence,
            "setp.lt.u32 %p1, %t, 16; @%p1 bra LOW;\n"
                + Multiply
                + "bra END;\nLOW: "
                + Multiply
                + "END:\n"
        );
}
