using NUnit.Framework;
using Sequor.Layers;
using Sequor.Layers.Cpu;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

/// <summary>
/// The CUDA kernels of an embedding and of the sort behind its gradient: the CPU's bits in any order of blocks, and bytes moved.
/// </summary>
[TestFixture]
public sealed class EmbeddingKernelTests
{
    // Classes, columns, positions: one of each; widths around a block's; one, two and three passes; several chunks of a warp
    // and several blocks; runs within pieces and over many of them.
    private static readonly object[][] Sizes =
    [
        [1, 1, 1],
        [1, 3, 700],
        [2, 1, 33],
        [5, 17, 90],
        [65, 64, 3000],
        [256, 65, 257],
        [257, 2, 600],
        [3000, 5, 2049],
        [70000, 3, 500],
    ];

    [TestCaseSource(nameof(Sizes))]
    public void An_embedding_has_the_bits_of_the_cpu_whatever_the_order_of_blocks(
        int count,
        int columns,
        int positions
    )
    {
        var d = new EmbeddingDescriptor(count, columns, positions, count / 2);
        Check(d, new Draw(1).Classes(positions, count));
    }

    [Test]
    public void Classes_in_any_order_have_the_bits_of_the_cpu(
        [Values("rising", "falling", "in turn", "all the last", "one and another")] string order,
        [Values(-1, 0, 2)] int padding
    )
    {
        const int Count = 9;
        const int Positions = 1000;
        var d = new EmbeddingDescriptor(Count, 3, Positions, padding);
        Check(
            d,
            [
                .. Enumerable
                    .Range(0, Positions)
                    .Select(i =>
                        (float)(
                            order switch
                            {
                                "rising" => i * Count / Positions,
                                "falling" => (Positions - 1 - i) * Count / Positions,
                                "in turn" => i % Count,
                                "all the last" => Count - 1,
                                _ => i == 500 ? 2 : 7,
                            }
                        )
                    ),
            ]
        );
    }

    [Test]
    public void A_batch_below_the_largest_has_the_bits_of_the_cpu()
    {
        var d = new EmbeddingDescriptor(5, 3, 5000);
        foreach (int positions in new[] { 1, 31, 33, 256, 257, 4999 })
            Check(d, new Draw(2).Classes(positions, 5));
    }

    [Test]
    public void What_is_no_class_gives_a_row_of_nan_and_nothing_to_the_table([Values] bool all)
    {
        float[] odd =
        [
            -1f,
            -1e-30f,
            0.5f,
            5f,
            4.9999995f,
            1e30f,
            -1e30f,
            float.NaN,
            float.PositiveInfinity,
            float.NegativeInfinity,
            4294967296f,
        ];
        // Minus zero is a class.
        float[] classes = all ? odd : [0f, .. odd, -0f, 4f];
        var d = new EmbeddingDescriptor(5, 3, classes.Length);
        (float[] y, float[] gradient) = Check(d, classes);

        for (int i = 0; i < classes.Length; i++)
            Assert.That(
                y[(3 * i)..(3 * i + 3)],
                odd.Contains(classes[i]) && classes[i] != 0 ? Is.All.NaN : Has.None.NaN
            );
        Assert.That(gradient, Has.None.NaN);
    }

    [Test]
    public void A_gradient_of_nan_stays_with_its_class()
    {
        var d = new EmbeddingDescriptor(4, 2, 100);
        float[] classes = [.. Enumerable.Range(0, 100).Select(i => (float)(i % 4))];
        float[] dy = new Draw(3).Uniform(200);
        dy[2 * 41] = float.NaN;
        using var machine = new KernelMachine();
        float[] gradient = new EmbeddingOnDevice(machine, d).Backward(classes, dy, new float[8]);
        for (int i = 0; i < 8; i++)
            Assert.That(float.IsNaN(gradient[i]), Is.EqualTo(i == 2), $"{i}");
    }

    // Once by the CPU, on one thread and on three, and on two orders of blocks.
    private static (float[] Y, float[] Gradient) Check(EmbeddingDescriptor d, float[] classes)
    {
        float[] table = new Draw(4).Uniform((long)d.Count * d.Size);
        float[] dy = new Draw(5).Uniform((long)classes.Length * d.Size);
        float[] before = new Draw(6).Uniform((long)d.Count * d.Size);
        (float[] y, float[] gradient) = OnCpu(Backends.Get(512, 1), d, classes, table, dy, before);
        (_, float[] again) = OnCpu(Backends.Get(128, 3), d, classes, table, dy, before);
        Close.CheckBits(again, gradient, "gradient on three threads");
        foreach (ulong seed in new ulong[] { 1, 2 })
        {
            using var machine = new KernelMachine(seed);
            var device = new EmbeddingOnDevice(machine, d);
            float[] actual = device.Forward(classes, table);
            Assert.That(actual.Select(float.IsNaN), Is.EqualTo(y.Select(float.IsNaN)));
            Close.CheckBits(Numbers(actual), Numbers(y), "output");
            Close.CheckBits(device.Backward(classes, dy, before), gradient, "gradient");
        }
        if (d.Padding >= 0)
        {
            int padded = d.Padding * d.Size;
            Close.CheckBits(
                gradient.AsSpan(padded, d.Size),
                before.AsSpan(padded, d.Size),
                "gradient of the padding"
            );
        }
        return (y, gradient);
    }

    private static (float[] Y, float[] Gradient) OnCpu(
        CpuBackend backend,
        EmbeddingDescriptor d,
        float[] classes,
        float[] table,
        float[] dy,
        float[] before
    )
    {
        using var host = new HostTensors(backend);
        using EmbeddingOperation operation = backend.PlanEmbedding(d);
        Tensor x = host.Put(classes, classes.Length, 1);
        Tensor y = host.New(classes.Length, d.Size);
        operation.Forward(x, host.Put(table, d.Count, d.Size), y);
        Tensor dtable = host.Put(before, d.Count, d.Size);
        operation.Backward(
            x,
            host.Put(dy, classes.Length, d.Size),
            dtable,
            host.New((int)operation.WorkspaceCount)
        );
        return (host.Get(y), host.Get(dtable));
    }

    private static float[] Numbers(float[] values) =>
        [.. values.Where(value => !float.IsNaN(value))];

    [TestCase(100, 5)]
    [TestCase(1000, 64)]
    [TestCase(3000, 70)]
    public void Bytes_where_all_classes_differ_are_those_of_the_source(int positions, int columns)
    {
        var d = new EmbeddingDescriptor(positions, columns, positions);
        float[] classes = [.. Enumerable.Range(0, positions).Select(i => (float)i)];
        new Random(1).Shuffle(classes);
        (long forward, List<(string Kernel, long Bytes)> bytes, EmbeddingKernel kernel) = Bytes(
            d,
            classes
        );
        long n = positions;
        long pieces = (n + d.Piece - 1) / d.Piece;

        Assert.That(forward, Is.EqualTo(12 * n * columns));
        CheckSort(bytes, kernel, n);
        // Key and position, dy, and a row of the table for each; the keys at a piece's ends.
        Assert.That(bytes[^2], Is.EqualTo(("embedding_sum", columns * (20 * n + 12 * pieces - 8))));
        Assert.That(bytes[^1], Is.EqualTo(("embedding_join", columns * 8 * (pieces - 1))));
    }

    [TestCase(100, 5)]
    [TestCase(3000, 64)]
    public void Bytes_of_a_single_class_are_those_of_the_source(int positions, int columns)
    {
        var d = new EmbeddingDescriptor(1, columns, positions);
        (long forward, List<(string Kernel, long Bytes)> bytes, EmbeddingKernel kernel) = Bytes(
            d,
            new float[positions]
        );
        long n = positions;
        long pieces = (n + d.Piece - 1) / d.Piece;

        Assert.That(forward, Is.EqualTo(12 * n * columns));
        CheckSort(bytes, kernel, n);
        // Each piece leaves a partial; the first one's end is looked at, and the beginning of the others.
        Assert.That(bytes[^2], Is.EqualTo(("embedding_sum", columns * (12 * n + 12 * pieces))));
        // The ends of all pieces but the last; the beginnings of those that the run came into; partials and keys of the run.
        Assert.That(
            bytes[^1],
            Is.EqualTo(
                (
                    "embedding_join",
                    columns * (8 * (pieces - 1) + 4 * (pieces - 2) + 4 + 8 * (pieces - 1) + 8)
                )
            )
        );
    }

    private static void CheckSort(
        List<(string Kernel, long Bytes)> bytes,
        EmbeddingKernel kernel,
        long positions
    )
    {
        long units = kernel.DigitCount / 256;
        Assert.That(bytes, Has.Count.EqualTo(2 * kernel.Passes + 2));
        for (int pass = 0; pass < kernel.Passes; pass++)
        {
            Assert.That(
                bytes[2 * pass],
                Is.EqualTo(("embedding_count", 4 * positions + 4096 * units))
            );
            Assert.That(
                bytes[2 * pass + 1],
                Is.EqualTo(("embedding_place", (pass == 0 ? 12 : 16) * positions + 1024 * units))
            );
        }
    }

    private static (
        long Forward,
        List<(string Kernel, long Bytes)> Backward,
        EmbeddingKernel Kernel
    ) Bytes(EmbeddingDescriptor d, float[] classes)
    {
        using var machine = new KernelMachine();
        var device = new EmbeddingOnDevice(machine, d);
        device.Forward(classes, new float[(long)d.Count * d.Size]);
        long forward = device.Bytes[0].Bytes;
        device.Backward(
            classes,
            new float[(long)classes.Length * d.Size],
            new float[(long)d.Count * d.Size]
        );
        return (forward, device.Bytes, device.Kernel);
    }

    [Test]
    public void A_sort_has_a_pass_for_8_bits_and_no_more_warps_than_one_block_adds_up()
    {
        Assert.Multiple(() =>
        {
            foreach (
                (int count, int passes) in new[]
                {
                    (1, 1),
                    (256, 1),
                    (257, 2),
                    (65536, 2),
                    (65537, 3),
                    (1 << 24, 3),
                }
            )
                Assert.That(new EmbeddingKernel(count, 1, 1).Passes, Is.EqualTo(passes));
            foreach (int positions in new[] { 1, 256, 257, 32768, 32769, 100_000, int.MaxValue })
            {
                var kernel = new EmbeddingKernel(65, positions, 1024);
                Assert.That(kernel.Chunk % 32, Is.Zero);
                Assert.That(kernel.DigitCount / 256, Is.InRange(1, 128));
                Assert.That((long)kernel.Chunk * kernel.DigitCount / 256 >= positions);
                Assert.That(kernel.Sort(positions).Blocks, Is.InRange(1, 16));
            }
            Assert.That(
                new EmbeddingKernel(300, 1000, 16).WorkspaceCount(5),
                Is.EqualTo(4 * 1000 + 4 * 256 + 2 * 63 * 5)
            );
        });
    }

    [TestCase(1, 16)]
    [TestCase(1280, 32)]
    [TestCase(100_000, 256)]
    [TestCase(int.MaxValue, 1024)]
    public void Pieces_grow_with_the_root_of_the_positions(int positions, int piece) =>
        Assert.That(new EmbeddingDescriptor(1, 1, positions).Piece, Is.EqualTo(piece));
}
