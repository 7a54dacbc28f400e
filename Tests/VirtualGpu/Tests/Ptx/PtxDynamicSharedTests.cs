using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>Shared memory that a launch asks for is judged as a kernel's own is: bounds, what was written, and who met whom.</summary>
[TestFixture]
public sealed class PtxDynamicSharedTests
{
    // The largest that a block can have on any device: compute capability 9.0.
    private const int Most = 227 << 10;

    private static uint[] Run(string code, int shared, ulong seed = 1)
    {
        PtxModule module = PtxModule.Parse(
            $$"""
            .version 7.8
            .target sm_80
            .address_size 64
            .extern .shared .align 16 .b8 dynamic[];
            .visible .entry k(.param .u64 y)
            {
                .reg .b64 %y, %x<9>; .reg .b32 %t, %out, %s, %r<9>; .reg .pred %p<9>;
                .shared .align 4 .b8 own[64];
                ld.param.u64 %y, [y];
                mov.u32 %t, %tid.x;
                mov.u32 %out, 0;
                mov.u32 %s, dynamic;
                mad.lo.s32 %s, %t, 4, %s;
                {{code}}
                mul.wide.u32 %x0, %t, 4;
                add.s64 %x0, %y, %x0;
                st.global.u32 [%x0], %out;
                ret;
            }
            """
        );
        using var heap = new PtxHeap();
        ulong y = heap.Zeros<uint>(64);
        module.Run("k", heap, 1, 64, seed, launch => launch with { SharedBytes = shared }, y);
        return heap.Get<uint>(y, 64);
    }

    private static void Faults(PtxFaultKind kind, string code, int shared)
    {
        for (ulong seed = 0; seed < 4; seed++)
        {
            PtxFault fault = PtxKernels.Faults(() => Run(code, shared, seed));
            Assert.That(fault.Kind, Is.EqualTo(kind), fault.ToString());
        }
    }

    [TestCase(256)]
    [TestCase(Most - 64)]
    public void Is_there_to_its_last_byte(int bytes)
    {
        int last = bytes - 256;
        Assert.That(
            Run(
                $"st.shared.u32 [%s+{last}], %t; bar.sync 0; xor.b32 %r1, %t, 63; mov.u32 %s, dynamic;"
                    + $"mad.lo.s32 %s, %r1, 4, %s; ld.shared.u32 %out, [%s+{last}];",
                bytes
            ),
            Is.EqualTo(Enumerable.Range(0, 64).Select(i => (uint)(63 - i))).AsCollection
        );
        Faults(PtxFaultKind.OutOfBounds, $"st.shared.u32 [%s+{last + 4}], %t;", bytes);
        Faults(PtxFaultKind.OutOfBounds, "st.shared.u32 [%s+-4], %t;", bytes);
    }

    [Test]
    public void Is_none_where_the_launch_asks_for_none() =>
        Faults(PtxFaultKind.OutOfBounds, "st.shared.u32 [%s], %t;", 0);

    [Test]
    public void Holds_nothing_at_first() =>
        Faults(PtxFaultKind.Uninitialised, "ld.shared.u32 %out, [%s];", 256);

    [Test]
    public void Needs_barriers_between_threads() =>
        Faults(
            PtxFaultKind.Race,
            "st.shared.u32 [%s], %t; bar.sync 0; st.shared.u32 [%s], %t; xor.b32 %r1, %t, 1; mov.u32 %s, dynamic; mad.lo.s32 %s, %r1, 4, %s; ld.shared.u32 %out, [%s];",
            256
        );

    [TestCase("", PtxFaultKind.Uninitialised)]
    [TestCase("cp.async.commit_group; cp.async.wait_group 1;", PtxFaultKind.Uninitialised)]
    [TestCase("cp.async.commit_group; cp.async.wait_group 0;", null)]
    [TestCase("cp.async.wait_all;", null)]
    public void Copies_that_have_not_arrived_are_not_read(string wait, object? fault)
    {
        string code =
            "mul.wide.u32 %x1, %t, 4; add.s64 %x1, %x1, %y; cp.async.ca.shared.global [%s], [%x1], 4;"
            + $"{wait} ld.shared.u32 %out, [%s]; add.u32 %out, %out, 5;";
        if (fault is PtxFaultKind kind)
            Faults(kind, code, 256);
        else
            Assert.That(Run(code, 256), Is.All.EqualTo(5));
    }

    // Threads may share a word only where the kernel's accesses are smaller.
    [Test]
    public void Halves_of_a_word_are_of_two_threads() =>
        Assert.That(
            Run(
                "mov.u32 %s, dynamic; mad.lo.s32 %s, %t, 2, %s; st.shared.u16 [%s], %t; bar.warp.sync -1; ld.shared.u16 %out, [%s];",
                128
            ),
            Is.EqualTo(Enumerable.Range(0, 64).Select(i => (uint)i)).AsCollection
        );
}
