using NUnit.Framework;
using Sequor.VirtualGpu.Ptx;

namespace Sequor.VirtualGpu.Tests.Ptx;

/// <summary>Kernels that do nothing wrong give the right results for every seed.</summary>
[TestFixture]
public sealed class PtxSoundTests
{
    private static float[] Numbers(int count, int seed)
    {
        var random = new Random(seed);
        return [.. Enumerable.Range(0, count).Select(_ => (float)random.Next(-8, 9))];
    }

    [Test]
    public void A_grid_walks_over_elements([Range(0, 5)] int seed)
    {
        using var heap = new PtxHeap();
        float[] x = Numbers(1000, 1);
        float[] y = Numbers(1000, 2);
        ulong at = heap.Put<float>(y);
        PtxCounts counts = PtxKernels.Sound.Run(
            "add",
            heap,
            3,
            64,
            (ulong)seed,
            at,
            heap.Put<float>(x),
            2f,
            1000ul
        );
        Assert.Multiple(() =>
        {
            Assert.That(
                heap.Get<float>(at, 1000),
                Is.EqualTo(x.Zip(y, (a, b) => 2 * a + b)).AsCollection
            );
            Assert.That(counts.BytesRead, Is.EqualTo(8000));
            Assert.That(counts.BytesWritten, Is.EqualTo(4000));
            Assert.That(counts.Threads, Is.EqualTo(192));
            Assert.That(counts.Blocks, Is.EqualTo(3));
        });
    }

    [Test]
    public void Vectors_of_four_are_one_access()
    {
        using var heap = new PtxHeap();
        float[] x = Numbers(400, 1);
        float[] y = Numbers(400, 2);
        ulong at = heap.Put<float>(y);
        PtxCounts counts = PtxKernels.Sound.Run(
            "add4",
            heap,
            2,
            64,
            3,
            l => l with { CountSectors = true },
            at,
            heap.Put<float>(x),
            100u
        );
        Assert.Multiple(() =>
        {
            Assert.That(
                heap.Get<float>(at, 400),
                Is.EqualTo(x.Zip(y, (a, b) => a + b)).AsCollection
            );
            Assert.That(counts.BytesRead, Is.EqualTo(3200));
            Assert.That(counts.BytesWritten, Is.EqualTo(1600));
            Assert.That(counts.Sectors, Is.EqualTo(150));
        });
    }

    [TestCase(1u, 32u)]
    [TestCase(7u, 96u)]
    [TestCase(5u, 1024u)]
    public void A_sum_meets_in_warps_blocks_and_memory(uint blocks, uint threads)
    {
        float[] x = Numbers(5000, 3);
        for (ulong seed = 0; seed < 4; seed++)
        {
            using var heap = new PtxHeap();
            ulong y = heap.Zeros<float>(1);
            PtxCounts counts = PtxKernels.Sound.Run(
                "sum",
                heap,
                blocks,
                threads,
                seed,
                y,
                heap.Put<float>(x),
                5000ul
            );
            Assert.That(heap.Get<float>(y, 1)[0], Is.EqualTo(x.Sum()));
            Assert.That(counts.BytesRead, Is.EqualTo(20000));
            Assert.That(counts.Atomics, Is.EqualTo(blocks));
            Assert.That(counts.Barriers, Is.EqualTo(blocks));
        }
    }

    [Test]
    public void Look_back_survives_blocks_in_any_order([Range(0, 15)] int seed) =>
        LookBack(seed, atOnce: null);

    [Test]
    public void Blocks_one_at_a_time_read_and_write_the_same_for_every_seed()
    {
        PtxCounts first = LookBack(0, atOnce: 1);
        for (int seed = 1; seed < 6; seed++)
        {
            PtxCounts other = LookBack(seed, atOnce: 1);
            Assert.That(other.BytesRead, Is.EqualTo(first.BytesRead));
            Assert.That(other.BytesWritten, Is.EqualTo(first.BytesWritten));
        }
    }

    private static PtxCounts LookBack(int seed, int? atOnce)
    {
        const int Tiles = 40;
        const int Tile = 64;
        using var heap = new PtxHeap();
        float[] x = Numbers(Tiles * Tile, 4);
        ulong y = heap.Allocate(4 * Tiles * Tile);
        PtxCounts counts = PtxKernels.Sound.Run(
            "look_back",
            heap,
            Tiles,
            Tile,
            (ulong)seed,
            l => l with { SharedBytes = 4 * Tile, BlocksAtOnce = atOnce },
            y,
            heap.Put<float>(x),
            heap.Zeros<uint>(1),
            heap.Zeros<uint>(Tiles),
            heap.Allocate(4 * Tiles),
            heap.Allocate(4 * Tiles)
        );
        float sum = 0;
        Assert.That(
            heap.Get<float>(y, Tiles * Tile),
            Is.EqualTo(x.Select(v => sum += v)).AsCollection
        );
        return counts;
    }

    [Test]
    public void Parameters_may_be_structs_and_of_any_width()
    {
        using var heap = new PtxHeap();
        PtxKernels.Sound.Load(heap);
        ulong y = heap.Allocate(4 * 40);
        byte[] settings = new byte[40];
        BitConverter.GetBytes(3f).CopyTo(settings, 0);
        BitConverter.GetBytes(40ul).CopyTo(settings, 8);
        BitConverter.GetBytes(y).CopyTo(settings, 16);
        BitConverter.GetBytes(10).CopyTo(settings, 24);
        BitConverter.GetBytes(20).CopyTo(settings, 28);
        BitConverter.GetBytes(30).CopyTo(settings, 32);
        PtxKernels.Sound.Run(
            "settings",
            heap,
            2,
            32,
            1,
            settings,
            2f,
            (byte)200,
            0.5,
            (short)-1000,
            (byte)1
        );
        Assert.That(
            heap.Get<float>(y, 40),
            Is.EqualTo(
                Enumerable
                    .Range(0, 40)
                    .Select(i => 6 + 10 * (i % 3 + 1) + 200 + 0.5f - 1000 + 1 + (1 << (i & 3)))
            ).AsCollection
        );
    }

    [Test]
    public void A_module_has_its_own_variables()
    {
        using var heap = new PtxHeap();
        PtxKernels.Sound.Load(heap);
        ulong y = heap.Allocate(4 * 90);
        PtxKernels.Sound.Run("take_ticket", heap, 3, 30, 9, y);
        Assert.That(heap.Get<uint>(y, 90), Is.EquivalentTo(Enumerable.Range(0, 90)));
    }

    [Test]
    public void A_thread_has_local_memory()
    {
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(4 * 40);
        PtxKernels.Sound.Run("local", heap, 1, 40, 2, y, 7);
        Assert.That(
            heap.Get<int>(y, 40),
            Is.EqualTo(Enumerable.Range(0, 40).Select(t => t)).AsCollection
        );
    }

    [Test]
    public void Lanes_that_went_different_ways_meet([Range(0, 3)] int seed)
    {
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(4 * 64);
        PtxKernels.Sound.Run("diverge", heap, 1, 64, (ulong)seed, y, 3000);
        int[] own =
        [
            .. Enumerable
                .Range(0, 64)
                .Select(t =>
                {
                    int a = 0;
                    if ((t & 1) != 0)
                        for (int i = 0; i < 3000 + t; i++)
                            a += i * i;
                    else
                        for (int i = 3000; i > 0; i -= 3)
                            a ^= i;
                    return a;
                }),
        ];
        Assert.That(
            heap.Get<int>(y, 64),
            Is.EqualTo(own.Select((a, t) => a + own[t ^ 1])).AsCollection
        );
    }

    [TestCase(5)]
    [TestCase(32)]
    public void Lanes_vote(int limit)
    {
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(4 * 4 * 32);
        PtxKernels.Sound.Run("votes", heap, 1, 32, 5, y, (uint)limit);
        uint[] got = heap.Get<uint>(y, 128);
        for (int t = 0; t < 32; t++)
        {
            uint same = 0;
            for (int o = 0; o < 32; o++)
                same |= o / limit == t / limit ? 1u << o : 0;
            Assert.That(
                got[(4 * t)..(4 * t + 4)],
                Is.EqualTo(
                    new[]
                    {
                        limit == 32 ? uint.MaxValue : (1u << limit) - 1,
                        limit < 32 ? 1u : 0,
                        limit == 32 ? 1u : 0,
                        same,
                    }
                ).AsCollection
            );
        }
    }

    [Test]
    public void Atomic_operations_work_in_shared_memory([Range(0, 3)] int seed)
    {
        using var heap = new PtxHeap();
        byte[] x = new byte[3000];
        new Random(7).NextBytes(x);
        ulong bins = heap.Zeros<uint>(16);
        PtxKernels.Sound.Run(
            "histogram",
            heap,
            3,
            128,
            (ulong)seed,
            bins,
            heap.Put<byte>(x),
            3000u
        );
        Assert.That(
            heap.Get<uint>(bins, 16),
            Is.EqualTo(
                Enumerable.Range(0, 16).Select(b => (uint)x.Count(v => (v & 15) == b))
            ).AsCollection
        );
    }

    [Test]
    public void A_warp_barrier_orders_shared_memory([Range(0, 3)] int seed)
    {
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(4 * 64);
        PtxKernels.Sound.Run("warp_exchange", heap, 1, 64, (ulong)seed, y);
        Assert.That(
            heap.Get<uint>(y, 64),
            Is.EqualTo(Enumerable.Range(0, 64).Select(t => (uint)(t ^ 1) * 3)).AsCollection
        );
    }

    [Test]
    public void Messages_arrive_by_release_or_fence(
        [Values("message", "message_fenced")] string kernel,
        [Range(0, 40)] int seed
    )
    {
        using var heap = new PtxHeap();
        ulong y = heap.Allocate(4 * 64 * 3);
        // Blocks that receive wait for one that sends, so all have to run.
        PtxKernels.Sound.Run(
            kernel,
            heap,
            4,
            64,
            (ulong)seed,
            l => l with { Cooperative = true },
            y,
            heap.Zeros<uint>(64),
            heap.Zeros<uint>(1)
        );
        Assert.That(
            heap.Get<uint>(y, 192),
            Is.EqualTo(Enumerable.Range(0, 192).Select(t => 100u + (uint)t % 64)).AsCollection
        );
    }

    [Test]
    public void Asynchronous_copies_arrive_when_waited_for([Values(16u, 8u, 0u)] uint bytes)
    {
        using var heap = new PtxHeap();
        float[] x = Numbers(256, 5);
        // What the last copy leaves out need not be there.
        ulong from = heap.Put<float>(x.AsSpan(0, 256 - 4 + (int)bytes / 4));
        ulong y = heap.Allocate(4 * 256);
        PtxCounts counts = PtxKernels.Async.Run("async_copy", heap, 1, 32, 1, y, from, bytes);
        x.AsSpan(252 + (int)bytes / 4).Clear();
        float[] expected = new float[256];
        for (int half = 0; half < 2; half++)
        for (int t = 0; t < 32; t++)
            x.AsSpan(half * 128 + 4 * (31 - t), 4).CopyTo(expected.AsSpan(half * 128 + 4 * t));
        Assert.That(heap.Get<float>(y, 256), Is.EqualTo(expected).AsCollection);
        Assert.That(counts.BytesRead, Is.EqualTo(63 * 16 + bytes));
    }

    [Test]
    public void A_launch_repeats_by_its_seed()
    {
        static (float[], long) Run(ulong seed)
        {
            using var heap = new PtxHeap();
            float[] x = [.. Enumerable.Range(0, 5000).Select(i => MathF.Sin(i))];
            ulong y = heap.Zeros<float>(1);
            PtxCounts counts = PtxKernels.Sound.Run(
                "sum",
                heap,
                9,
                64,
                seed,
                y,
                heap.Put<float>(x),
                5000ul
            );
            return (heap.Get<float>(y, 1), counts.Instructions);
        }

        (float[], long) first = Run(1);
        Assert.That(Run(1), Is.EqualTo(first));
        // The order of atomic additions shows; what is counted does not depend on it.
        (float[] Y, long Instructions)[] runs =
        [
            .. Enumerable.Range(0, 8).Select(s => Run((ulong)s)),
        ];
        Assert.That(runs.Select(r => r.Y[0]).Distinct().Count(), Is.GreaterThan(1));
        Assert.That(runs.Select(r => r.Instructions).Distinct().Count(), Is.EqualTo(1));
    }
}
