using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

// Recurrent layers whose weights stay on the chip: each class at its most units.
internal static partial class FloorRuns
{
    private static void ChipRecurrences(FloorMachine m)
    {
        const int Steps = 24;
        const int Batch = 2;
        foreach (RecurrentChip chip in RecurrentChip.All)
        {
            int size = chip.Most;
            bool isLstm = chip.Module == "recurrent_lstm";
            long count = (long)Steps * Batch * size;
            object[] course = [s_null, s_null, Steps, Batch, size, size, 0];
            KernelGrid grid = chip.Grid(Batch);
            m.Machine.SharedBytes = chip.SharedBytes;
            // A block reads the weights and the biases once.
            Operand weights = m.Shared(chip.Packed);
            Operand[] biases =
            [
                m.Shared((isLstm ? 4 : 1) * size),
                m.Shared((isLstm ? 4 : 1) * size),
            ];
            if (isLstm)
            {
                object[] clip = [float.NegativeInfinity, float.PositiveInfinity];
                m.Launch(
                    chip.Forward,
                    grid,
                    [
                        m.Both(4 * count),
                        weights,
                        .. biases,
                        m.Write(count),
                        m.Write(count),
                        s_null,
                        s_null,
                        s_null,
                        s_null,
                        .. course,
                        1,
                        .. clip,
                    ]
                );
                m.Launch(
                    chip.Backward,
                    grid,
                    [
                        m.Both(4 * count),
                        weights,
                        m.Read(count),
                        s_null,
                        m.Read(count),
                        s_null,
                        s_null,
                        s_null,
                        s_null,
                        m.Write(4L * Batch * size),
                        .. course,
                        .. clip,
                    ]
                );
            }
            else
            {
                m.Launch(
                    chip.Forward,
                    grid,
                    [m.Both(count), weights, .. biases, s_null, s_null, .. course, 0]
                );
                m.Launch(
                    chip.Backward,
                    grid,
                    [
                        m.Read(count),
                        weights,
                        m.Read(count),
                        m.Write(count),
                        s_null,
                        s_null,
                        m.Write((long)Batch * size),
                        .. course,
                        0,
                    ]
                );
            }
            m.Machine.SharedBytes = 0;
        }
        RecurrentChip packed = RecurrentChip.Of("lstm", 128)!;
        m.Launch(
            "recurrent_pack",
            KernelGrid.Flat(packed.Packed) with
            {
                Y = 2,
            },
            // Both orders read the matrix, a few bytes apart in time: the second time from the cache.
            m.Shared(4L * 128 * 128),
            m.Write(packed.Packed),
            m.Write(packed.Packed),
            4,
            128,
            packed.Most,
            packed.Packed,
            packed.Packed
        );
        const int Sequences = 512;
        const int Sums = 256;
        m.Launch(
            "recurrent_bias_gradient",
            new KernelGrid(Sums / 32, 1, KernelGrid.Block),
            m.Read((long)Sequences * Sums),
            m.Both(Sums),
            m.Both(Sums),
            Sequences,
            Sums,
            0,
            Sums
        );
    }
}
