using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>What warps ask of memory, and operations with floats, counted of small kernels whose numbers are known.</summary>
[TestFixture]
public sealed class PtxTrafficTests
{
    private const int Threads = 64;

    /// <summary>
    /// Counts a block of two warps; %t is the thread, %a its address in global memory and %s in shared memory, each with a stride.
    /// </summary>
    private static PtxCounts Count(
        string code,
        int stride = 4,
        int sharedStride = 4,
        bool traffic = true,
        int threads = Threads
    )
    {
        PtxModule module = PtxModule.Parse(
            $$"""
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry k(.param .u64 memory)
            {
                .reg .b64 %a, %m, %x<9>;
                .reg .b32 %t, %s, %w, %r<9>;
                .reg .f32 %f<9>;
                .reg .f64 %d<9>;
                .reg .pred %p<9>;
                .shared .align 16 .b8 shared[16384];
                ld.param.u64 %m, [memory];
                mov.u32 %t, %tid.x;
                mul.wide.u32 %a, %t, {{stride}};
                add.s64 %a, %a, %m;
                mov.u32 %s, shared;
                mad.lo.s32 %s, %t, {{sharedStride}}, %s;
                and.b32 %w, %t, 31;
                mov.b32 %r1, 1;
                mov.f32 %f1, 0f3F800000;
                mov.f64 %d1, 0d3FF0000000000000;
                {{code}}
                ret;
            }
            """
        );
        using var heap = new PtxHeap();
        ulong memory = heap.Zeros<float>(Threads * 64);
        return module.Run(
            "k",
            heap,
            1,
            (uint)threads,
            1,
            launch => launch with { CountSectors = traffic },
            memory
        );
    }

    // Of each of two warps.
    [TestCase("ld.global.f32 %f2, [%a];", 4, 4)]
    [TestCase("ld.global.f32 %f2, [%a];", 8, 8)]
    [TestCase("ld.global.f32 %f2, [%a];", 32, 32)]
    [TestCase("ld.global.f32 %f2, [%a];", 128, 32)]
    [TestCase("ld.global.f32 %f2, [%m];", 4, 1)]
    [TestCase("ld.global.v4.f32 {%f2, %f3, %f4, %f5}, [%a];", 16, 16)]
    [TestCase("st.global.v2.f32 [%a], {%f1, %f1};", 8, 8)]
    [TestCase("red.global.add.f32 [%a], %f1;", 4, 4)]
    public void Sectors_are_those_that_lanes_of_a_warp_touch_together(
        string code,
        int stride,
        int sectors
    )
    {
        PtxCounts counts = Count(code, stride);

        Assert.That(counts.Requests, Is.EqualTo(2));
        Assert.That(counts.Sectors, Is.EqualTo(2 * sectors));
    }

    [Test]
    public void Nothing_is_counted_where_it_is_not_asked_for()
    {
        PtxCounts counts = Count("ld.global.f32 %f2, [%a];", traffic: false);

        Assert.That(counts.Requests + counts.Sectors + counts.BytesTouched, Is.Zero);
        Assert.That(counts.BytesRead, Is.EqualTo(4 * Threads));
    }

    [Test]
    public void A_sector_is_touched_once_to_read_and_once_to_write()
    {
        const string code = """
            ld.global.f32 %f2, [%a];
            ld.global.f32 %f3, [%a];
            st.global.f32 [%a], %f2;
            """;

        Assert.That(Count(code).BytesTouched, Is.EqualTo(2 * 4 * Threads));
        // Each thread's value lies in a sector of its own.
        Assert.That(Count(code, stride: 64).BytesTouched, Is.EqualTo(2 * 32 * Threads));
        Assert.That(
            Count("atom.global.add.u32 %r2, [%a], 1;").BytesTouched,
            Is.EqualTo(2 * 4 * Threads)
        );
    }

    // Times beyond the first, of each of two warps.
    [TestCase("st.shared.f32 [%s], %f1;", 4, 0)]
    [TestCase("st.shared.f32 [%s], %f1;", 8, 1)]
    [TestCase("st.shared.f32 [%s], %f1;", 16, 3)]
    [TestCase("st.shared.f32 [%s], %f1;", 128, 31)]
    [TestCase("st.shared.f32 [%s], %f1;", 132, 0)]
    [TestCase("st.shared.f64 [%s], %d1;", 8, 0)]
    [TestCase("st.shared.f64 [%s], %d1;", 16, 2)]
    [TestCase("st.shared.v4.f32 [%s], {%f1, %f1, %f1, %f1};", 16, 0)]
    [TestCase("st.shared.v4.f32 [%s], {%f1, %f1, %f1, %f1};", 32, 4)]
    public void Banks_conflict_where_lanes_meet_in_one(string code, int stride, int conflicts)
    {
        PtxCounts counts = Count(code, sharedStride: stride);

        Assert.That(counts.SharedRequests, Is.EqualTo(2));
        Assert.That(counts.BankConflicts, Is.EqualTo(2 * conflicts));
        Assert.That(counts.Requests, Is.Zero);
    }

    [Test]
    public void Lanes_that_read_one_word_are_served_together_and_atomic_operations_are_not()
    {
        const string write = """
            setp.eq.u32 %p1, %t, 0;
            @%p1 st.shared.u32 [%s], %r1;
            bar.sync 0;
            mov.u32 %r3, shared;
            """;

        Assert.That(Count(write + "ld.shared.u32 %r2, [%r3];").BankConflicts, Is.Zero);
        Assert.That(
            Count(write + "atom.shared.add.u32 %r2, [%r3], 1;").BankConflicts,
            Is.EqualTo(2 * 31)
        );
    }

    [Test]
    public void A_copy_from_global_to_shared_memory_is_a_request_of_both()
    {
        PtxCounts counts = Count(
            """
            cp.async.ca.shared.global [%s], [%a], 16;
            cp.async.wait_all;
            """,
            stride: 16,
            sharedStride: 32
        );

        Assert.That(counts.Requests, Is.EqualTo(2));
        Assert.That(counts.Sectors, Is.EqualTo(2 * 16));
        Assert.That(counts.SharedRequests, Is.EqualTo(2));
        Assert.That(counts.BankConflicts, Is.EqualTo(2 * 4));
        Assert.That(counts.BytesTouched, Is.EqualTo(16 * Threads));
    }

    // Rows of 16 bytes: eight of them side by side meet in no bank, and so they do where the next is in the next four banks.
    [TestCase("x1", 16, 0)]
    [TestCase("x2", 16, 0)]
    [TestCase("x4", 16, 0)]
    [TestCase("x4", 128, 4 * 7)]
    [TestCase("x4", 64, 4 * 3)]
    [TestCase("x4", 144, 0)]
    [TestCase("x2", 128, 2 * 7)]
    [TestCase("x1", 128, 7)]
    public void Rows_of_matrices_conflict_within_each_of_them(
        string number,
        int stride,
        int conflicts
    )
    {
        string results = string.Join(
            ", ",
            Enumerable.Range(2, number[1] - '0').Select(i => $"%r{i}")
        );
        string write = string.Concat(
            Enumerable.Range(0, 4).Select(i => $"st.shared.b32 [%s+{4 * i}], %r1;\n")
        );
        long Conflicts(string code) =>
            Count($"{write} bar.sync 0; {code}", sharedStride: stride).BankConflicts;
        long before = Conflicts("");
        string load = $"ldmatrix.sync.aligned.m8n8.{number}.shared.b16 {{{results}}}, [%s];";

        Assert.That(Conflicts(load) - before, Is.EqualTo(2 * conflicts));
        Assert.That(
            Count($"{write} bar.sync 0; {load}", sharedStride: stride).SharedRequests,
            Is.EqualTo(2 * 5)
        );
    }

    // Of each of two warps: two for each product of a pair of factors.
    [TestCase("m16n8k8", "tf32", "{%r1, %r1, %r1, %r1}, {%r1, %r1}")]
    [TestCase("m16n8k4", "tf32", "{%r1, %r1}, {%r1}")]
    [TestCase("m16n8k16", "bf16", "{%r1, %r1, %r1, %r1}, {%r1, %r1}")]
    [TestCase("m16n8k8", "f16", "{%r1, %r1}, {%r1}")]
    public void Products_of_matrices_are_counted_apart(string shape, string type, string factors)
    {
        PtxCounts counts = Count(
            $"mma.sync.aligned.{shape}.row.col.f32.{type}.{type}.f32 {{%f2, %f3, %f4, %f5}}, {factors}, {{%f1, %f1, %f1, %f1}};",
            traffic: false
        );
        int depth = int.Parse(shape[6..], System.Globalization.CultureInfo.InvariantCulture);
        long operations = 2 * 2L * 16 * 8 * depth;

        Assert.That(counts.Tf32Operations, Is.EqualTo(type == "tf32" ? operations : 0));
        Assert.That(counts.HalfOperations, Is.EqualTo(type == "tf32" ? 0 : operations));
        Assert.That(counts.SingleOperations + counts.DoubleOperations, Is.Zero);
    }

    // Each lane goes round once more than the one before it: 32 requests of 32, 31, ... lanes a warp.
    [Test]
    public void Lanes_are_paired_by_how_often_they_came()
    {
        PtxCounts counts = Count(
            """
            mov.u32 %r2, 0;
            again:
            ld.global.f32 %f2, [%a];
            add.u32 %r2, %r2, 1;
            setp.le.u32 %p1, %r2, %w;
            @%p1 bra again;
            """
        );

        Assert.That(counts.Requests, Is.EqualTo(2 * 32));
        Assert.That(counts.Sectors, Is.EqualTo(2 * (4 + 3 + 2 + 1) * 8));
    }

    [Test]
    public void A_block_may_end_within_a_warp()
    {
        PtxCounts counts = Count("ld.global.f32 %f2, [%a];", threads: 40);

        Assert.That(counts.Requests, Is.EqualTo(2));
        Assert.That(counts.Sectors, Is.EqualTo(4 + 1));
    }

    // A thread's, of each width.
    [TestCase("fma.rn.f32 %f2, %f1, %f1, %f1;", 2, 0)]
    [TestCase("add.f32 %f2, %f1, %f1; mul.f32 %f2, %f1, %f1;", 2, 0)]
    [TestCase("div.rn.f32 %f2, %f1, %f1; ex2.approx.f32 %f2, %f1;", 2, 0)]
    [TestCase("add.f64 %d2, %d1, %d1; fma.rn.f64 %d2, %d1, %d1, %d1;", 0, 3)]
    [TestCase("max.f32 %f2, %f1, %f1; setp.lt.f32 %p1, %f1, %f2; cvt.f64.f32 %d2, %f1;", 0, 0)]
    [TestCase("add.u32 %r2, %r1, %r1;", 0, 0)]
    public void Operations_with_floats_are_counted_by_width(string code, int narrow, int wide)
    {
        PtxCounts counts = Count(code, traffic: false);

        Assert.That(counts.SingleOperations, Is.EqualTo(narrow * Threads));
        Assert.That(counts.DoubleOperations, Is.EqualTo(wide * Threads));
    }

    [Test]
    public void An_operation_whose_predicate_is_false_is_none()
    {
        PtxCounts counts = Count(
            """
            setp.lt.u32 %p1, %t, 10;
            @%p1 fma.rn.f32 %f2, %f1, %f1, %f1;
            """
        );

        Assert.That(counts.SingleOperations, Is.EqualTo(2 * 10));
    }
}
