using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>
/// Stores of 64 bits that another block reads: a strong one reaches it as a whole, each of a vector for itself; of a weak one it may see
/// half. Source: PTX ISA, Memory Consistency Model (scalar data types, vector data types, single-copy atomicity).
/// </summary>
[TestFixture]
public sealed class PtxWholeWordTests
{
    private const int Rounds = 200;

    // Block 0 writes numbers with both halves alike; the others count those of which they see the halves differ.
    private static string Kernel(string store, string value, string load) =>
        $$"""
            .version 7.8
            .target sm_75
            .address_size 64
            .visible .entry k(.param .u64 words, .param .u64 torn)
            {
                .reg .b64 %x<9>;
                .reg .b32 %r<9>;
                .reg .pred %p<4>;
                ld.param.u64 %x1, [words];
                ld.param.u64 %x2, [torn];
                mov.u32 %r1, %ctaid.x;
                mov.u32 %r2, 0;
                mov.u32 %r5, 0;
                setp.ne.u32 %p1, %r1, 0;
            NEXT:
                add.u32 %r2, %r2, 1;
                setp.gt.u32 %p2, %r2, {{Rounds}};
                @%p2 bra DONE;
                @%p1 bra READS;
                mov.b64 %x3, {%r2, %r2};
                st.{{store}} [%x1], {{value}};
                bra NEXT;
            READS:
                ld.{{load}}.u64 %x4, [%x1];
                mov.b64 {%r3, %r4}, %x4;
                setp.ne.u32 %p3, %r3, %r4;
                @%p3 add.u32 %r5, %r5, 1;
                bra NEXT;
            DONE:
                mul.wide.u32 %x5, %r1, 4;
                add.u64 %x2, %x2, %x5;
                st.global.u32 [%x2], %r5;
                ret;
            }
            """;

    [TestCase("relaxed.gpu.global.u64", "%x3", "relaxed.gpu.global", false)]
    [TestCase("volatile.global.u64", "%x3", "volatile.global", false)]
    [TestCase("release.gpu.global.u64", "%x3", "acquire.gpu.global", false)]
    [TestCase("relaxed.gpu.global.v2.u64", "{%x3, %x3}", "relaxed.gpu.global", false)]
    [TestCase("global.u64", "%x3", "relaxed.gpu.global", true)]
    [TestCase("relaxed.gpu.global.v2.u32", "{%r2, %r2}", "relaxed.gpu.global", true)]
    public void Are_seen_whole_where_they_are_strong(
        string store,
        string value,
        string load,
        bool torn
    )
    {
        uint seen = 0;
        for (ulong seed = 0; seed < 20; seed++)
        {
            using var heap = new PtxHeap();
            ulong words = heap.Zeros<ulong>(2);
            ulong counts = heap.Zeros<uint>(4);
            PtxModule
                .Parse(Kernel(store, value, load))
                .Kernels["k"]
                .Launch(
                    new PtxLaunch
                    {
                        Grid = new PtxDim3(4),
                        Block = new PtxDim3(1),
                        Arguments =
                        [
                            .. BitConverter.GetBytes(words),
                            .. BitConverter.GetBytes(counts),
                        ],
                        Memory = heap,
                        Seed = seed,
                        BlocksAtOnce = 4,
                    }
                );
            seen += (uint)heap.Get<uint>(counts, 4).Sum(n => n);
        }
        Assert.That(seen, torn ? Is.Positive : Is.Zero);
    }

    // Both words of a vector are whole, and come one after the other.
    [Test]
    public void Of_a_vector_come_one_by_one()
    {
        string text = Kernel("relaxed.gpu.global.v2.u64", "{%x3, %x3}", "relaxed.gpu.global")
            .Replace(
                "mov.b64 {%r3, %r4}, %x4;",
                "ld.relaxed.gpu.global.u64 %x6, [%x1+8]; mov.b64 {%r3, %r6}, %x4; mov.b64 {%r4, %r7}, %x6; min.u32 %r4, %r4, %r3;",
                StringComparison.Ordinal
            );
        uint apart = 0;
        for (ulong seed = 0; seed < 20; seed++)
        {
            using var heap = new PtxHeap();
            ulong words = heap.Zeros<ulong>(2);
            ulong counts = heap.Zeros<uint>(4);
            PtxModule.Parse(text).Run("k", heap, 4, 1, seed, words, counts);
            apart += (uint)heap.Get<uint>(counts, 4).Sum(n => n);
        }
        Assert.That(apart, Is.Positive);
    }
}
