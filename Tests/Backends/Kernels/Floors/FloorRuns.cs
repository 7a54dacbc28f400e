using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>
/// Launches of all kernels, at shapes at which tensors are most of what moves: a list of operands says what has to move, each read once
/// and written once.
/// </summary>
internal static partial class FloorRuns
{
    // Of matrices: 512 KiB, in rows that are whole sectors.
    private const int Rows = 2048;
    private const int Columns = 64;
    private const long Count = (long)Rows * Columns;

    private static readonly DeviceArray s_null = DeviceArray.Null;

    /// <summary>Groups of launches, by name.</summary>
    public static IReadOnlyDictionary<string, Action<FloorMachine>> All { get; } =
        new Dictionary<string, Action<FloorMachine>>
        {
            ["values"] = Values,
            ["rows"] = MatrixRows,
            ["gates"] = Gates,
            ["convolution outputs"] = ConvolutionOutputs,
            ["layer norms"] = LayerNorms,
            ["batch norms"] = BatchNorms,
            ["weight norms"] = WeightNorms,
            ["losses"] = Losses,
            ["optimizers"] = Optimizers,
            ["sequences"] = Sequences,
            ["embeddings"] = Embeddings,
            ["linear recurrences"] = LinearRecurrences,
            ["recurrences on the chip"] = ChipRecurrences,
            ["scans"] = Scans,
            ["state scans"] = StateScans,
            ["preparations"] = Preparations,
        };

    private static void Values(FloorMachine m)
    {
        KernelGrid grid = KernelGrid.Flat(Count);
        foreach (string kernel in (string[])["add", "add_relu", "gelu_slope", "relu_slope"])
            m.Launch(kernel, grid, m.Read(Count), m.Read(Count), m.Write(Count), Count);
        m.Launch("gelu", grid, m.Read(Count), m.Write(Count), Count);
        // The mask is drawn, and its place in the numbers is 16 bytes.
        Operand random = m.SharedOf(5UL, 1UL);
        m.Launch(
            "dropout",
            grid,
            m.Read(Count),
            m.Write(Count),
            Count,
            0L,
            0L,
            random,
            7u,
            1u << 30,
            1.25f
        );
        m.Launch("random_advance", new KernelGrid(1, 1, 1), m.Both(4));
    }

    private static void MatrixRows(FloorMachine m)
    {
        KernelGrid packs = KernelGrid.Packs(Rows, Columns);
        object[] shape = [(long)Rows, Columns, packs.Lanes];
        m.Launch("add_row", packs, [m.Shared(Columns), m.Both(Count), .. shape]);
        m.Launch(
            "add_times_row",
            packs,
            [m.Read(Count), m.Shared(Columns), m.Both(Count), .. shape]
        );
        KernelGrid rows = KernelGrid.Rows(Rows, Columns);
        // Columns of wider matrices, of which no others move.
        long part = FloorMachine.Sectors(Count);
        m.Launch(
            "copy_columns",
            rows,
            m.Read(Rows * 80L).Moving(part),
            80,
            m.Write(Rows * 72L).Moving(part),
            72,
            (long)Rows,
            Columns,
            rows.Lanes
        );
        KernelGrid sums = KernelGrid.ColumnSums(Rows, Columns);
        m.Launch(
            "column_sum",
            sums,
            m.Read(Count),
            m.Read(Count),
            m.Both(Columns),
            (long)Rows,
            Columns,
            sums.Lanes,
            m.Scratch(2L * sums.Y * Columns),
            m.Counters(sums.X)
        );
    }

    private static void Gates(FloorMachine m)
    {
        KernelGrid packs = KernelGrid.Packs(Rows, Columns);
        object[] shape = [(long)Rows, Columns, packs.Lanes];
        // a + b and its gelu; a (b + row), a sigmoid's gates; the same of gates that lie behind the values.
        m.Launch(
            "gelu_of_sum",
            packs,
            [m.Read(Count), m.Shared(Columns), m.Both(Count), m.Write(Count), .. shape]
        );
        m.Launch(
            "gated",
            packs,
            [
                m.Read(Count),
                m.Read(Count),
                m.Shared(Columns),
                m.Read(Count),
                m.Write(Count),
                .. shape,
            ]
        );
        m.Launch(
            "glu",
            packs,
            [m.Read(Count), m.Read(2 * Count), m.Shared(2 * Columns), m.Write(Count), .. shape]
        );
        m.Launch("glu_slope", packs, [m.Read(Count), m.Both(2 * Count), .. shape]);

        (KernelGrid one, object[] sums) = Sums(1);
        m.Launch(
            "gelu_gradient",
            one,
            [m.Read(Count), m.Read(Count), m.Read(Count), m.Write(Count), m.Both(Columns), .. sums]
        );
        (one, sums) = Sums(1);
        m.Launch(
            "gelu_gradient_normed",
            one,
            [
                m.Read(Count),
                m.Read(Count),
                m.Read(Count),
                m.Shared(2 * Rows),
                m.Shared(Columns),
                m.Shared(Columns),
                m.Write(Count),
                m.Write(Count),
                m.Both(Columns),
                .. sums,
            ]
        );
        (one, sums) = Sums(1);
        m.Launch(
            "gated_gradient",
            one,
            [
                m.Read(Count),
                m.Both(Count),
                m.Shared(Columns),
                m.Read(Count),
                m.Write(Count),
                m.Both(Columns),
                .. sums,
            ]
        );
        (KernelGrid two, sums) = Sums(2);
        m.Launch(
            "glu_gradient",
            two,
            [
                m.Read(Count),
                m.Both(2 * Count),
                m.Shared(2 * Columns),
                m.Read(Count),
                m.Write(Count),
                m.Both(2 * Columns),
                .. sums,
            ]
        );

        (KernelGrid, object[]) Sums(int number) => WritingSums(m, number);
    }

    // Of kernels that write each element and have sums over rows: the grid, and what follows the operands.
    private static (KernelGrid, object[]) WritingSums(FloorMachine m, int sums)
    {
        KernelGrid grid = KernelGrid.WritingColumnSums(Rows, Columns, sums);
        return (
            grid,
            [
                (long)Rows,
                Columns,
                grid.Lanes,
                m.Scratch(2L * sums * grid.Y * Columns),
                m.Counters(grid.X),
            ]
        );
    }

    private static void ConvolutionOutputs(FloorMachine m)
    {
        const int Batch = 4;
        const int Steps = Rows / Batch;
        int bits = Rows * KernelGrid.BitBytes(Columns) / sizeof(float);
        int[] first = [.. Enumerable.Range(0, Steps + 1).Select(t => t * Batch)];
        foreach (string drops in (string[])["", "_drop", "_drop_packed"])
        {
            KernelGrid grid =
                drops.Length == 0
                    ? KernelGrid.ConvolutionOutput(Rows, 1, Columns)
                    : KernelGrid.ConvolutionOutput(Steps, Batch, Columns);
            object[] shape = drops switch
            {
                "" => [s_null, 0u, 0u, 1f, s_null, Rows, 1],
                "_drop" => [m.SharedOf(5UL, 1UL), 3u, 1u << 30, 1.25f, s_null, Steps, Batch],
                _ => [m.SharedOf(5UL, 1UL), 3u, 1u << 30, 1.25f, m.SharedOf(first), Steps, Batch],
            };
            shape = [.. shape, Columns, grid.Lanes];
            m.Launch(
                $"convolution_output{drops}",
                grid,
                [m.Both(Count), m.Shared(Columns), .. shape]
            );
            m.Launch(
                $"convolution_output_skip{drops}",
                grid,
                [
                    m.Both(Count),
                    m.Shared(Columns),
                    m.Read(Count),
                    m.Shared(Columns),
                    m.Write(bits),
                    .. shape,
                ]
            );
        }
        (KernelGrid one, object[] sums) = WritingSums(m, 1);
        m.Launch(
            "convolution_output_gradient",
            one,
            [m.Read(Count), m.Read(Count), m.Write(Count), 1f, m.Both(Columns), .. sums]
        );
        (KernelGrid two, sums) = WritingSums(m, 2);
        // Bits are bytes of which a thread takes its own of four neighbours'.
        m.Launch(
            "convolution_output_skip_gradient",
            two,
            [
                m.Both(Count),
                m.Read(Count),
                m.Shared(bits),
                m.Write(Count),
                1f,
                m.Both(Columns),
                m.Both(Columns),
                .. sums,
            ]
        );
    }
}
