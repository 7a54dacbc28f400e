// Floors of norms, losses and optimizers.

using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

internal static partial class FloorRuns
{
    private static void LayerNorms(FloorMachine m)
    {
        foreach ((string suffix, int rows, int size) in s_layerNorms)
        {
            long count = (long)rows * size;
            KernelGrid grid = KernelGrid.LayerNorm(rows);
            KernelBytes forward = m.Launch(
                $"layer_norm_{suffix}",
                grid,
                m.Read(count),
                m.Shared(size),
                m.Shared(size),
                m.Write(count),
                m.Write(2 * rows),
                (long)rows,
                size,
                1e-5f,
                0
            );
            KernelBytes backward = m.Launch(
                $"layer_norm_gradient_{suffix}",
                grid,
                m.Read(count),
                m.Shared(size),
                m.Shared(2 * rows),
                m.Read(count),
                s_null,
                s_null,
                m.Write(count),
                m.Both(size),
                m.Both(size),
                (long)rows,
                size,
                0,
                m.Scratch(2L * size * grid.X),
                m.Counters(grid.X)
            );
            if (suffix != "any")
                continue;
            forward.Asks(
                16 * count + 8 * rows,
                "a row of more than 512 channels is in no registers: its warp reads it three times, twice from the cache"
            );
            // With each row the block's sums; their first zeros, and that they are joined by eights.
            long parts = grid.X + grid.X / 8;
            backward.Asks(
                (20 + 16) * count + 16 * size * parts + 16 * size,
                "a row of more than 512 channels is in no registers: x and dy are read again from the cache, and the block's sums are read and written there with each row"
            );
        }
    }

    private static readonly (string Suffix, int Rows, int Size)[] s_layerNorms =
    [
        ("128", Rows, 128),
        ("512", Rows, 512),
        ("any", 1024, 1024),
    ];

    private static void BatchNorms(FloorMachine m)
    {
        KernelGrid sums = KernelGrid.ColumnSums(Rows, Columns);
        KernelGrid packs = KernelGrid.Packs(Rows, Columns);
        object[] shape = [(long)Rows, Columns, packs.Lanes];
        m.Launch(
            "batch_norm_measure",
            sums,
            m.Read(Count),
            m.Write(2 * Columns),
            m.Both(Columns),
            m.Both(Columns),
            (long)Rows,
            Columns,
            sums.Lanes,
            0.1f,
            1e-5f,
            m.Scratch(6L * Columns * sums.Y),
            m.Counters(sums.X)
        );
        const int Channels = 4096;
        m.Launch(
            "batch_norm_recall",
            KernelGrid.Threadwise(Channels, 256),
            m.ReadOf([.. Enumerable.Repeat(1f, Channels)]),
            m.ReadOf([.. Enumerable.Repeat(1f, Channels)]),
            m.Write(2 * Channels),
            Channels,
            1e-5f
        );
        m.Launch(
            "batch_norm_normalise",
            packs,
            [
                m.Read(Count),
                m.Shared(2 * Columns),
                m.Shared(Columns),
                m.Shared(Columns),
                m.Write(Count),
                .. shape,
            ]
        );
        m.Launch(
            "batch_norm_sum",
            sums,
            m.Read(Count),
            m.Shared(2 * Columns),
            m.Read(Count),
            m.Both(2 * Columns),
            (long)Rows,
            Columns,
            sums.Lanes,
            1,
            m.Scratch(4L * Columns * sums.Y),
            m.Counters(sums.X)
        );
        m.Launch(
            "batch_norm_gradient",
            packs,
            [
                m.Read(Count),
                m.Shared(2 * Columns),
                m.Shared(Columns),
                m.Read(Count),
                m.Shared(2 * Columns),
                m.Both(Count),
                .. shape,
                1f / Rows,
                1,
            ]
        );
    }

    private static void WeightNorms(FloorMachine m)
    {
        const int Outputs = 64;
        const int Inputs = 64;
        const int Taps = 8;
        const int Weights = Outputs * Inputs * Taps;
        long[] places = [0, Weights, 0, Weights, 0];
        Operand table = m.SharedOf(DeviceBundle.Words(places, [Outputs, Inputs, Taps, 1]));
        KernelGrid grid = KernelGrid.Table(1, Outputs, 128);
        // v and g, w and the norms, dv and dg.
        const int Both = Weights + Outputs;
        m.Launch("weight_norm", grid, table, m.Read(Both), m.Write(Both))
            .Asks(
                (12 * Inputs * Taps + 4 * 128 + 4) * Outputs,
                "a block reads its row of v twice, again from the cache; g is read by all its threads"
            );
        m.Launch(
                "weight_norm_gradient",
                grid,
                table,
                m.Read(Both),
                m.Read(Both).Moving(FloorMachine.Sectors(Outputs)),
                m.Read(Weights),
                m.Both(Both),
                1000
            )
            .Asks(
                (24 * Inputs * Taps + 2 * 4 * 128 + 8) * Outputs,
                "a block reads its rows of v and dw twice, again from the cache; g and the norm are read by all its threads"
            );
    }

    private static void Losses(FloorMachine m)
    {
        KernelGrid flat = KernelGrid.Sum(Count);
        m.Launch(
            "mean_squared_error",
            flat,
            m.Read(Count),
            m.Read(Count),
            m.Write(Count),
            m.Write(1),
            Count,
            m.Scratch(2L * flat.X),
            m.Counters(1)
        );
        m.Launch("mask_sum", new KernelGrid(1, 1, 256), m.Read(Rows), m.Write(2), (long)Rows);
        Operand mask = m.SharedOf([.. Enumerable.Repeat(1f, Rows)]);
        Operand weights = m.SharedOf((double)Rows);
        KernelGrid grid = KernelGrid.LossRows(Rows, Columns);
        foreach (
            (string kernel, Operand targets) in new[]
            {
                ("masked_squared_error", m.Read(Count)),
                ("binary_cross_entropy", m.Read(Count)),
                (
                    "softmax_cross_entropy",
                    m.SharedOf([.. Enumerable.Range(0, Rows).Select(r => (float)(r % Columns))])
                ),
            }
        )
            m.Launch(
                kernel,
                grid,
                m.Read(Count),
                targets,
                mask,
                weights,
                m.Write(Count),
                m.Write(1),
                (long)Rows,
                Columns,
                grid.Lanes,
                m.Scratch(2L * grid.X),
                m.Counters(1)
            );
    }

    private static void Optimizers(FloorMachine m)
    {
        KernelGrid norm = KernelGrid.Sum(Count);
        m.Launch(
            "optimizer_norm",
            norm,
            m.Read(Count),
            Count,
            m.Both(5),
            m.Write(5),
            1,
            0.9f,
            0.999f,
            0f,
            m.Scratch(2L * norm.X),
            m.Counters(1)
        );
        // One segment, of all parameters, at the rate itself.
        Operand segments = m.SharedOf(
            0,
            0,
            (int)Count,
            0,
            BitConverter.SingleToInt32Bits(1f),
            BitConverter.SingleToInt32Bits(1f)
        );
        Operand step = m.SharedOf(1f, 1f, 0.01f, 0f, 1f, 0.01f);
        KernelGrid grid = KernelGrid.Threadwise(Count, 1024) with { Threads = KernelGrid.Block };
        Update("sgd", []);
        Update("momentum", [m.Both(Count)], 0.9f, 0.1f, 0);
        Update("rmsprop", [Squares()], 0.99f, 1e-8f);
        Update("adam", [m.Both(Count), Squares()], 0.9f, 0.1f, 0, 0.999f, 1e-8f);

        void Update(string rule, Operand[] moments, params object[] numbers) =>
            m.Launch(
                $"optimizer_{rule}",
                grid,
                [m.Both(Count), m.Read(Count), .. moments, step, segments, 1, Count, .. numbers]
            );

        Operand Squares()
        {
            Operand squares = m.ReadOf([.. Enumerable.Repeat(0.5f, (int)Count)]);
            return squares.Moving(2 * squares.Floor);
        }
    }
}
