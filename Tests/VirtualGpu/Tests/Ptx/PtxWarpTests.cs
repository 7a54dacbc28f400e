using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>What lanes and warps do together, against what the PTX ISA says of each lane.</summary>
[TestFixture]
public sealed class PtxWarpTests
{
    /// <summary>Runs code for each thread with its number in %t; its result is in %out.</summary>
    private static uint[] Run(string code, uint threads = 32, ulong seed = 1, string declare = "")
    {
        PtxModule module = PtxModule.Parse(
            $$"""
            .version 7.8
            .target sm_80
            .address_size 64
            .visible .entry k(.param .u64 y)
            {
                .reg .b64 %y, %x<9>;
                .reg .b32 %t, %out, %r<9>;
                .reg .pred %p<9>;
                {{declare}}
                ld.param.u64 %y, [y];
                mov.u32 %t, %tid.x;
                mov.u32 %out, 0;
                {{code}}
                mul.wide.u32 %x0, %t, 4;
                add.s64 %x0, %y, %x0;
                st.global.u32 [%x0], %out;
                ret;
            }
            """
        );
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(4 * threads);
        module.Run("k", heap, 1, threads, seed, y);
        return heap.Get<uint>(y, (int)threads);
    }

    private static void Check(
        string code,
        Func<int, long> expected,
        string declare = "",
        int threads = 32
    )
    {
        for (ulong seed = 0; seed < 3; seed++)
            Assert.That(
                Run(code, (uint)threads, seed, declare),
                Is.EqualTo(
                    Enumerable.Range(0, threads).Select(t => (uint)expected(t))
                ).AsCollection,
                code
            );
    }

    // The segment's mask and the clamp, as clang writes them for widths of 32 and 8.
    [TestCase(32, 0, 31)]
    [TestCase(8, 0x1800, 0x181F)]
    public void Shuffles(int width, int up, int others)
    {
        const string value = "mad.lo.s32 %r1, %t, 100, 7;";
        const string keep = "selp.b32 %r3, 1000000, 0, %p1; add.s32 %out, %r2, %r3;";
        Assert.Multiple(() =>
        {
            Check(
                $"{value} shfl.sync.up.b32 %r2|%p1, %r1, 3, {up}, -1; {keep}",
                t => t % width >= 3 ? 1000000 + 100 * (t - 3) + 7 : 100 * t + 7
            );
            Check(
                $"{value} shfl.sync.down.b32 %r2|%p1, %r1, 3, {others}, -1; {keep}",
                t => t % width + 3 < width ? 1000000 + 100 * (t + 3) + 7 : 100 * t + 7
            );
            Check(
                $"{value} shfl.sync.bfly.b32 %r2|%p1, %r1, 5, {others}, -1; {keep}",
                t => 1000000 + 100 * (t ^ 5) + 7
            );
            Check(
                $"{value} shfl.sync.idx.b32 %r2|%p1, %r1, 6, {others}, -1; {keep}",
                t => 1000000 + 100 * (t / width * width + 6) + 7
            );
        });
    }

    [Test]
    public void Masks_name_the_lanes_that_meet() =>
        // Halves of the warp, by themselves and at different times.
        Check(
            "setp.lt.u32 %p1, %t, 16; @%p1 bra $low;"
                + "shfl.sync.bfly.b32 %out, %t, 1, 31, 0xFFFF0000; bra $end;"
                + "$low: shfl.sync.bfly.b32 %out, %t, 2, 31, 0x0000FFFF; $end: bar.warp.sync -1;",
            t => t < 16 ? t ^ 2 : t ^ 1
        );

    [Test]
    public void A_register_outlives_a_wait_before_a_write_that_may_not_happen() =>
        Check(
            "add.s32 %r1, %t, 5; setp.gt.u32 %p1, %t, 20; bar.sync 0; @%p1 mov.b32 %r1, 9; bar.sync 0; mov.b32 %out, %r1;",
            t => t > 20 ? 9 : t + 5
        );

    [Test]
    public void What_comes_from_outside_the_mask_is_garbage()
    {
        const string code =
            "setp.lt.u32 %p1, %t, 16; @%p1 shfl.sync.idx.b32 %out, %t, 20, 31, 0x0000FFFF;";
        uint[] one = Run(code, seed: 1);
        uint[] two = Run(code, seed: 2);
        Assert.That(one[..16], Is.Not.EqualTo(two[..16]).AsCollection);
        Assert.That(one[16..], Is.All.EqualTo(0));
    }

    [TestCase("vote.sync.all.pred %p2, %p1, -1;", false, false, true)]
    [TestCase("vote.sync.any.pred %p2, %p1, -1;", false, true, true)]
    [TestCase("vote.sync.uni.pred %p2, %p1, -1;", true, false, true)]
    [TestCase("vote.sync.all.pred %p2, !%p1, -1;", true, false, false)]
    public void Votes(string vote, bool none, bool some, bool all) =>
        Assert.Multiple(() =>
        {
            foreach ((int limit, bool expected) in new[] { (0, none), (9, some), (32, all) })
                Check(
                    $"setp.lt.u32 %p1, %t, {limit}; {vote} selp.b32 %out, 1, 0, %p2;",
                    _ => expected ? 1 : 0
                );
        });

    [Test]
    public void Matches()
    {
        Check("shr.u32 %r1, %t, 3; match.any.sync.b32 %out, %r1, -1;", t => 0xFFL << (t / 8 * 8));
        Check(
            "shr.u32 %r1, %t, 3; match.all.sync.b32 %r2|%p1, %r1, -1; selp.b32 %out, 1, %r2, %p1;",
            _ => 0
        );
        Check(
            "shr.u32 %r1, %t, 5; match.all.sync.b32 %r2|%p1, %r1, -1; selp.b32 %out, %r2, 1, %p1;",
            _ => 0xFFFFFFFF
        );
    }

    [TestCase("add.u32", 496 - 32 * 5)]
    [TestCase("min.s32", -5)]
    [TestCase("max.s32", 26)]
    [TestCase("min.u32", 0)]
    [TestCase("max.u32", -1)]
    [TestCase("and.b32", 0)]
    [TestCase("or.b32", -1)]
    [TestCase("xor.b32", 0)]
    public void Reductions(string name, int expected)
    {
        int xor = Enumerable.Range(0, 32).Select(t => t - 5).Aggregate((a, b) => a ^ b);
        Check(
            $"sub.s32 %r1, %t, 5; redux.sync.{name} %out, %r1, -1;",
            _ => name == "xor.b32" ? xor : expected
        );
    }

    [TestCase("bar.red.popc.u32 %out, 0, %p1;", 70)]
    [TestCase("bar.red.and.pred %p2, 0, %p1; selp.b32 %out, 1, 0, %p2;", 0)]
    [TestCase("bar.red.or.pred %p2, 0, %p1; selp.b32 %out, 1, 0, %p2;", 1)]
    [TestCase("barrier.red.popc.aligned.u32 %out, 2, %p1;", 70)]
    public void Barriers_that_reduce(string code, int expected) =>
        Check($"setp.lt.u32 %p1, %t, 70; {code}", _ => expected, threads: 96);

    [Test]
    public void Barriers_of_some_warps() =>
        // Warp 0 writes for warp 1; warp 2 has nothing to do with it.
        Check(
            "mov.u64 %x1, s; mul.wide.u32 %x2, %t, 4; add.s64 %x2, %x2, %x1;"
                + "setp.ge.u32 %p1, %t, 64; @%p1 bra $end;"
                + "setp.ge.u32 %p2, %t, 32; @%p2 bra $reads;"
                + "st.shared.u32 [%x2], %t; barrier.sync 1, 64; bra $end;"
                + "$reads: barrier.sync 1, 64; ld.shared.u32 %out, [%x2+-128]; $end: bar.sync 0;",
            t => t is >= 32 and < 64 ? t - 32 : 0,
            ".shared .align 4 .b8 s[128];",
            96
        );

    [Test]
    public void A_barrier_of_some_warps_orders_only_them()
    {
        PtxFault fault = PtxKernels.Faults(() =>
            Run(
                "mov.u64 %x1, s; setp.ge.u32 %p1, %t, 64; @%p1 bra $last;"
                    + "setp.eq.u32 %p2, %t, 0; @%p2 st.shared.u32 [%x1], %t; barrier.sync 1, 64; bra $end;"
                    + "$last: setp.eq.u32 %p2, %t, 64; @%p2 st.shared.u32 [%x1], %t; $end: bar.sync 0;",
                96,
                declare: ".shared .align 4 .b8 s[4];"
            )
        );
        Assert.That(fault.Kind, Is.EqualTo(PtxFaultKind.Race), fault.ToString());
    }

    [Test]
    public void A_barrier_that_too_few_threads_wait_at()
    {
        PtxFault fault = PtxKernels.Faults(() => Run("barrier.sync 1, 96;", 64));
        Assert.That(fault.Kind, Is.EqualTo(PtxFaultKind.Deadlock), fault.ToString());
        Assert.That(fault.Detail, Does.Contain("64 of 96"));
    }

    [Test]
    public void Bytes_of_one_word_are_no_race() =>
        Check(
            "mov.u64 %x1, s; cvt.u64.u32 %x2, %t; add.s64 %x2, %x2, %x1; st.shared.u8 [%x2], %t;"
                + "bar.warp.sync -1; mov.u32 %r1, 31; sub.s32 %r1, %r1, %t; cvt.u64.u32 %x2, %r1;"
                + "add.s64 %x2, %x2, %x1; ld.shared.u8 %out, [%x2];",
            t => 31 - t,
            ".shared .align 4 .b8 s[32];"
        );

    [Test]
    public void Generic_addresses_lead_to_every_space() =>
        Check(
            "mov.u64 %x1, s; mul.wide.u32 %x2, %t, 4; add.s64 %x1, %x1, %x2; cvta.shared.u64 %x1, %x1; st.u32 [%x1], %t;"
                + "mov.u64 %x3, l; cvta.local.u64 %x3, %x3; add.s32 %r1, %t, 5; st.u32 [%x3+4], %r1;"
                + "add.s64 %x4, %y, %x2; st.u32 [%x4], %r1; atom.add.u32 %r4, [%x1], 1;"
                + "ld.u32 %r1, [%x1]; cvta.to.local.u64 %x3, %x3; ld.local.u32 %r2, [%x3+4]; ld.u32 %r3, [%x4];"
                + "add.s32 %out, %r1, %r2; add.s32 %out, %out, %r3;",
            t => t + 1 + t + 5 + t + 5,
            ".shared .align 4 .b8 s[128]; .local .align 4 .b8 l[8];"
        );
}
