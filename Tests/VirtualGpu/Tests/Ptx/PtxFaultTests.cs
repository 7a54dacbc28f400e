using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;
using static Sequor.VirtualGpu.Tests.Ptx.PtxKernels;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>Each fault is found for every seed, and placed.</summary>
[TestFixture]
public sealed class PtxFaultTests
{
    private static readonly string[] s_source = Text("faulty.cu").Split('\n');
    private static readonly string[] s_ptx = Text("faulty.ptx").Split('\n');

    /// <summary>The source lines of a kernel that end with a comment.</summary>
    private static int[] Lines(string kernel, string comment)
    {
        int start = Array.FindIndex(s_source, l => l.StartsWith($"KERNEL {kernel}(", default));
        int end = Array.FindIndex(s_source, start, l => l == "}");
        return
        [
            .. Enumerable
                .Range(start, end - start)
                .Where(i => s_source[i].EndsWith("// " + comment, default))
                .Select(i => i + 1),
        ];
    }

    private static PtxFault Check(
        PtxFaultKind kind,
        string kernel,
        string comment,
        string instruction,
        Action launch
    )
    {
        PtxFault fault = Faults(launch);
        Assert.Multiple(() =>
        {
            Assert.That(fault.Kind, Is.EqualTo(kind), fault.ToString());
            Assert.That(fault.Kernel, Is.EqualTo(kernel));
            Assert.That(fault.Instruction, Does.StartWith(instruction));
            Assert.That(Lines(kernel, comment), Does.Contain(fault.Source.Line), fault.ToString());
            Assert.That(fault.Source.File, Does.EndWith("faulty.cu"));
            Assert.That(s_ptx[fault.Line - 1], Does.Contain(fault.Instruction));
            Assert.That(fault.Detail, Is.Not.Empty);
        });
        return fault;
    }

    private static PtxDim3 Thread(int x) => new((uint)x, 0, 0);

    [Test]
    public void Reading_outside_an_allocation([Range(0, 3)] int seed)
    {
        using var heap = new PtxHeap();
        ulong x = heap.Zeros<float>(127);
        ulong y = heap.Allocate(4 * 128);
        PtxFault fault = Check(
            PtxFaultKind.OutOfBounds,
            "copy",
            "reads",
            "ld.global.f32",
            () => Faulty.Run("copy", heap, 2, 64, (ulong)seed, y, x)
        );
        Assert.That(fault.Block, Is.EqualTo(Thread(1)));
        Assert.That(fault.Thread, Is.EqualTo(Thread(63)));
        Assert.That(fault.Address, Is.EqualTo(x + 4 * 127));
    }

    [Test]
    public void Writing_outside_an_allocation()
    {
        using var heap = new PtxHeap();
        ulong x = heap.Zeros<float>(64);
        ulong y = heap.Allocate(4 * 63);
        PtxFault fault = Check(
            PtxFaultKind.OutOfBounds,
            "copy",
            "writes",
            "st.global.f32",
            () => Faulty.Run("copy", heap, 1, 64, 0, y, x)
        );
        Assert.That(fault.Thread, Is.EqualTo(Thread(63)));
        Assert.That(fault.Address, Is.EqualTo(y + 4 * 63));
    }

    [TestCase(0ul)]
    [TestCase(0x7F00_1234_5678ul)]
    [TestCase(ulong.MaxValue - 3)]
    public void Reading_what_is_no_address_of_the_device(ulong address)
    {
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(4);
        PtxFault fault = Check(
            PtxFaultKind.OutOfBounds,
            "copy",
            "reads",
            "ld.global.f32",
            () => Faulty.Run("copy", heap, 1, 1, 0, y, address)
        );
        Assert.That(fault.Address, Is.EqualTo(address));
    }

    [Test]
    public void Reading_at_a_crooked_address()
    {
        using var heap = new PtxHeap();
        ulong x = heap.Zeros<float>(64) + 2;
        Check(
            PtxFaultKind.Misaligned,
            "copy",
            "reads",
            "ld.global.f32",
            () => Faulty.Run("copy", heap, 1, 32, 0, heap.Allocate(256), x)
        );
    }

    [Test]
    public void Reading_what_was_never_written([Values] bool weak)
    {
        using var heap = new PtxHeap();
        ulong x = heap.Allocate(4 * 64);
        ulong zero = heap.Zeros<float>(50);
        Faulty.Run("copy", heap, 1, 50, 0, x, zero);
        PtxFault fault = Check(
            PtxFaultKind.Uninitialised,
            "copy",
            "reads",
            "ld.global.f32",
            () =>
                Faulty.Run(
                    "copy",
                    heap,
                    1,
                    51,
                    0,
                    l => l with { WeakMemory = weak },
                    heap.Allocate(256),
                    x
                )
        );
        Assert.That(fault.Thread, Is.EqualTo(Thread(50)));
    }

    [Test]
    public void Using_memory_after_it_is_freed()
    {
        using var heap = new PtxHeap();
        ulong x = heap.Zeros<float>(64);
        ulong y = heap.Allocate(256);
        heap.Free(x);
        Check(
            PtxFaultKind.UseAfterFree,
            "copy",
            "reads",
            "ld.global.f32",
            () => Faulty.Run("copy", heap, 1, 32, 0, y, x)
        );
    }

    [Test]
    public void Leaving_a_shared_variable()
    {
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(128);
        PtxFault fault = Check(
            PtxFaultKind.OutOfBounds,
            "shared_bounds",
            "reads",
            "ld.shared.f32",
            () => Faulty.Run("shared_bounds", heap, 1, 32, 0, y, 1)
        );
        Assert.That(fault.Thread, Is.EqualTo(Thread(31)));
        Assert.That(fault.Detail, Does.Contain("128 bytes"));
        Faulty.Run("shared_bounds", heap, 1, 32, 0, y, 0);
    }

    [Test]
    public void Leaving_dynamic_shared_memory()
    {
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(128);
        PtxFault fault = Check(
            PtxFaultKind.OutOfBounds,
            "shared_dynamic",
            "writes",
            "st.shared",
            () =>
                Faulty.Run(
                    "shared_dynamic",
                    heap,
                    1,
                    32,
                    0,
                    l => l with { SharedBytes = 128 },
                    y,
                    1
                )
        );
        Assert.That(fault.Thread, Is.EqualTo(Thread(31)));
        Faulty.Run("shared_dynamic", heap, 1, 32, 0, l => l with { SharedBytes = 132 }, y, 1);
    }

    [Test]
    public void Reading_shared_memory_that_was_never_written()
    {
        using var heap = new PtxHeap();
        PtxFault fault = Check(
            PtxFaultKind.Uninitialised,
            "shared_unwritten",
            "reads",
            "ld.shared.f32",
            () => Faulty.Run("shared_unwritten", heap, 1, 64, 0, heap.Allocate(256))
        );
        Assert.That(fault.Thread.X, Is.GreaterThanOrEqualTo(32));
    }

    [TestCase("race_blocks", 64u)]
    [TestCase("race_lanes", 32u)]
    [TestCase("race_after", 64u)]
    public void Racing_in_shared_memory(string kernel, uint threads)
    {
        for (ulong seed = 0; seed < 12; seed++)
        {
            using var heap = new PtxHeap();
            PtxFault fault = Faults(() =>
                Faulty.Run(kernel, heap, 1, threads, seed, heap.Allocate(256))
            );
            int[] reads = Lines(kernel, "reads");
            int[] writes = Lines(kernel, "writes");
            Assert.Multiple(() =>
            {
                Assert.That(fault.Kind, Is.EqualTo(PtxFaultKind.Race), fault.ToString());
                bool reading = reads.Contains(fault.Source.Line);
                Assert.That(reading || writes.Contains(fault.Source.Line), fault.ToString());
                // Both places are told.
                Assert.That(
                    fault.Detail,
                    Does.Contain($"faulty.cu:{(reading ? writes : reads)[0]}")
                );
                uint other = kernel == "race_lanes" ? fault.Thread.X ^ 1 : 63 - fault.Thread.X;
                Assert.That(fault.Detail, Does.Contain($"thread ({other}, 0, 0)"));
            });
        }
    }

    [Test]
    public void A_barrier_that_some_threads_never_reach([Range(0, 3)] int seed)
    {
        using var heap = new PtxHeap();
        PtxFault fault = Check(
            PtxFaultKind.BarrierDivergence,
            "barrier_ended",
            "waits",
            "bar.sync",
            () => Faulty.Run("barrier_ended", heap, 1, 64, (ulong)seed, heap.Allocate(256))
        );
        Assert.That(fault.Thread.X, Is.LessThan(40));
        Assert.That(fault.Detail, Does.Contain("has ended"));
    }

    [Test]
    public void Barriers_at_two_places([Range(0, 3)] int seed)
    {
        using var heap = new PtxHeap();
        PtxFault fault = Check(
            PtxFaultKind.BarrierDivergence,
            "barrier_other",
            "waits",
            "bar.sync",
            () => Faulty.Run("barrier_other", heap, 1, 64, (ulong)seed, heap.Allocate(256))
        );
        int other = Lines("barrier_other", "waits").Single(l => l != fault.Source.Line);
        Assert.That(fault.Detail, Does.Contain($"faulty.cu:{other}"));
    }

    [Test]
    public void A_shuffle_that_a_named_lane_never_reaches([Range(0, 3)] int seed)
    {
        using var heap = new PtxHeap();
        PtxFault fault = Check(
            PtxFaultKind.WarpDivergence,
            "shuffle_missed",
            "waits",
            "shfl.sync",
            () => Faulty.Run("shuffle_missed", heap, 1, 32, (ulong)seed, heap.Allocate(256), 31)
        );
        Assert.That(fault.Detail, Does.Contain("lane 31"));
        Assert.That(fault.Detail, Does.Contain("bar.sync"));
        Faulty.Run("shuffle_missed", heap, 1, 32, (ulong)seed, heap.Allocate(256), 32);
    }

    [Test]
    public void A_shuffle_that_names_threads_that_do_not_exist()
    {
        using var heap = new PtxHeap();
        PtxFault fault = Check(
            PtxFaultKind.WarpDivergence,
            "shuffle_missed",
            "waits",
            "shfl.sync",
            () => Faulty.Run("shuffle_missed", heap, 1, 48, 1, heap.Allocate(256), 64)
        );
        Assert.That(fault.Thread.X, Is.GreaterThanOrEqualTo(32));
    }

    [Test]
    public void A_shuffle_that_does_not_name_its_own_lane([Range(0, 3)] int seed)
    {
        using var heap = new PtxHeap();
        PtxFault fault = Check(
            PtxFaultKind.WarpDivergence,
            "shuffle_unnamed",
            "waits",
            "shfl.sync",
            () => Faulty.Run("shuffle_unnamed", heap, 1, 32, (ulong)seed, heap.Allocate(256))
        );
        Assert.That(fault.Thread.X, Is.GreaterThanOrEqualTo(16));
    }

    [Test]
    public void Polling_for_what_never_comes()
    {
        using var heap = new PtxHeap();
        ulong flag = heap.Zeros<uint>(1);
        PtxFault fault = Faults(() =>
            Faulty.Run("hang", heap, 1, 32, 0, l => l with { QuietLimit = 100_000 }, flag)
        );
        Assert.That(fault.Kind, Is.EqualTo(PtxFaultKind.Hang), fault.ToString());
        Assert.That(fault.Detail, Does.Contain("nothing has changed"));
        Assert.That(fault.Kernel, Is.EqualTo("hang"));
        Assert.That(
            s_ptx[(fault.Line - 1)..(fault.Line + 8)].Any(l => l.Contains("ld.relaxed")),
            fault.ToString()
        );
    }

    [Test]
    public void Running_without_an_end()
    {
        using var heap = new PtxHeap();
        ulong y = heap.Zeros<uint>(64);
        PtxFault fault = Faults(() =>
            Faulty.Run("endless", heap, 2, 32, 0, l => l with { InstructionLimit = 100_000 }, y)
        );
        Assert.That(fault.Kind, Is.EqualTo(PtxFaultKind.Hang), fault.ToString());
        Assert.That(fault.Detail, Does.Contain("100000 instructions"));
        Assert.That(Lines("endless", "runs"), Does.Contain(fault.Source.Line));
    }

    [Test]
    public void Waiting_for_all_blocks_in_a_launch_that_is_not_cooperative()
    {
        using var heap = new PtxHeap();
        ulong count = heap.Zeros<uint>(1);
        PtxFault fault = Faults(() =>
            Faulty.Run(
                "grid_barrier",
                heap,
                32,
                1,
                0,
                l => l with { QuietLimit = 3_000_000 },
                count
            )
        );
        Assert.That(fault.Kind, Is.EqualTo(PtxFaultKind.Hang), fault.ToString());
        Faulty.Run(
            "grid_barrier",
            heap,
            32,
            1,
            0,
            l => l with { QuietLimit = 3_000_000, Cooperative = true },
            heap.Zeros<uint>(1)
        );
    }

    [Test]
    public void A_trap()
    {
        using var heap = new PtxHeap();
        PtxFault fault = Faults(() => Faulty.Run("trap", heap, 1, 32, 0, 9));
        Assert.That(fault.Kind, Is.EqualTo(PtxFaultKind.Trap));
        Assert.That(fault.Thread, Is.EqualTo(Thread(9)));
        Faulty.Run("trap", heap, 1, 32, 0, 32);
    }

    [Test]
    public void Dividing_by_zero()
    {
        using var heap = new PtxHeap();
        PtxFault fault = Check(
            PtxFaultKind.DivisionByZero,
            "divide",
            "divides",
            "div.s32",
            () => Faulty.Run("divide", heap, 1, 32, 0, heap.Allocate(128), 5)
        );
        Assert.That(fault.Thread, Is.EqualTo(Thread(5)));
    }

    [TestCase(16)]
    [TestCase(-1)]
    public void Leaving_local_memory(int index)
    {
        using var heap = new PtxHeap();
        Check(
            PtxFaultKind.OutOfBounds,
            "local_bounds",
            "reads",
            "ld.local",
            () => Faulty.Run("local_bounds", heap, 1, 32, 0, heap.Allocate(128), index)
        );
    }

    [TestCase("message_unfenced")]
    [TestCase("message_unacquired")]
    public void Messages_that_nothing_orders_arrive_wrong_for_some_seeds(string kernel)
    {
        int wrong = 0;
        for (ulong seed = 0; seed < 60; seed++)
        {
            using var heap = new PtxHeap();
            ulong y = heap.Allocate(4 * 64 * 3);
            Faulty.Run(
                kernel,
                heap,
                4,
                64,
                seed,
                l => l with { Cooperative = true },
                y,
                heap.Zeros<uint>(64),
                heap.Zeros<uint>(1)
            );
            uint[] got = heap.Get<uint>(y, 192);
            if (!got.SequenceEqual(Enumerable.Range(0, 192).Select(t => 100u + (uint)t % 64)))
                wrong++;
        }
        Assert.That(wrong, Is.GreaterThan(5));
    }

    [Test]
    public void Reading_what_an_asynchronous_copy_has_yet_to_bring()
    {
        using var heap = new PtxHeap();
        PtxFault fault = Faults(() =>
            PtxKernels.Async.Run(
                "async_unwaited",
                heap,
                1,
                32,
                0,
                heap.Allocate(512),
                heap.Zeros<float>(128)
            )
        );
        Assert.That(fault.Kind, Is.EqualTo(PtxFaultKind.Uninitialised));
        Assert.That(fault.Detail, Does.Contain("not yet waited for"));
        Assert.That(Text("async.cu").Split('\n')[fault.Source.Line - 1], Does.EndWith("// reads"));
    }
}
