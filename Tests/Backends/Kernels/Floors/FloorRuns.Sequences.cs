// Floors of what goes over time: sequences, embeddings, linear recurrences and scans.

using Sequor.Layers;
using Sequor.Native.Kernels;
using Sequor.Tests.Support;

namespace Sequor.Tests.Kernels;

internal static partial class FloorRuns
{
    private static void Sequences(FloorMachine m)
    {
        // Of 4 sequences half of the last two's steps are missing.
        const int Steps = 512;
        const int Batch = 4;
        var packed = new PackedLayout(Steps, Steps, Steps / 2, Steps / 2);
        int longest = packed.Layout.Steps;
        long rows = (long)packed.Rows * Columns;
        const long All = (long)Steps * Batch * Columns;
        Operand first = m.SharedOf(packed.First);
        Operand order = m.SharedOf(packed.Order);
        Operand lengths = m.SharedOf(packed.Lengths);
        KernelGrid steps = KernelGrid.Steps(Steps, Columns);
        m.Launch(
            "pack",
            steps,
            m.Read(All).Moving(FloorMachine.Sectors(rows)),
            m.Write(rows),
            first,
            order,
            longest,
            Batch,
            Columns,
            steps.Lanes
        );
        m.Launch(
            "unpack",
            steps,
            m.Read(rows),
            m.Write(All),
            first,
            order,
            longest,
            Steps,
            Batch,
            Columns,
            steps.Lanes
        );
        KernelGrid sequences = KernelGrid.Steps(Batch, Columns);
        object[] shape = [first, order, lengths, longest, Batch, Columns, sequences.Lanes];
        m.Launch("mean_over_time", sequences, [m.Read(rows), m.Write(Batch * Columns), .. shape]);
        m.Launch(
            "mean_over_time_gradient",
            sequences,
            [m.Shared(Batch * Columns), m.Write(rows), .. shape]
        );
        // Of many short sequences, so that last steps are many.
        const int Many = 1024;
        var brief = new PackedLayout([.. Enumerable.Range(0, Many).Select(b => 1 + b % 2)]);
        long briefRows = (long)brief.Rows * Columns;
        const long Last = (long)Many * Columns;
        object[] layout =
        [
            m.SharedOf(brief.First),
            m.SharedOf(brief.Order),
            m.SharedOf(brief.Lengths),
        ];
        KernelGrid each = KernelGrid.Rows(Many, Columns);
        m.Launch(
            "last_steps",
            each,
            [
                m.Read(briefRows).Moving(FloorMachine.Sectors(Last)),
                m.Write(Last),
                .. layout,
                Many,
                Columns,
                each.Lanes,
            ]
        );
        KernelGrid walk = KernelGrid.Steps(brief.Layout.Steps, Columns);
        m.Launch(
            "last_steps_gradient",
            walk,
            [m.Read(Last), m.Write(briefRows), .. layout, brief.Layout.Steps, Columns, walk.Lanes]
        );
        KernelGrid states = KernelGrid.Rows(2 * Many, Columns);
        m.Launch(
            "order_states",
            states,
            m.Read(2 * Last),
            m.Write(2 * Last),
            m.SharedOf([.. Enumerable.Range(0, Many).Reverse()]),
            2,
            Many,
            Columns,
            0,
            states.Lanes
        );
        // Rows of the second half are those of the first, of the sequences that have them.
        const int Half = Steps / 2;
        long moved = (long)(packed.Rows - packed.First[Half]) * Columns;
        KernelGrid shift = KernelGrid.Steps(Half, Columns);
        m.Launch(
            "shift_steps",
            shift,
            m.Read(rows).Moving(FloorMachine.Sectors(moved)),
            m.Write(moved),
            first,
            Half,
            0,
            Half,
            Columns,
            shift.Lanes
        );
    }

    private static void Embeddings(FloorMachine m)
    {
        const int Positions = Rows * 8;
        const int Classes = 256;
        // Each row of a table once.
        Operand all = m.SharedOf([
            .. Enumerable.Range(0, Rows).Select(r => (float)(r * 37 % Rows)),
        ]);
        KernelGrid rows = KernelGrid.Rows(Rows, Columns);
        m.Launch(
            "embed",
            rows,
            all,
            m.Read(Count),
            m.Write(Count),
            (long)Rows,
            Rows,
            Columns,
            rows.Lanes
        );
        var kernel = new EmbeddingKernel(Classes, Positions, 64);
        KernelGrid sort = kernel.Sort(Positions);
        Operand classes = m.ReadOf([
            .. Enumerable.Range(0, Positions).Select(i => (float)(i * 101 % Classes)),
        ]);
        Operand counts = m.Write(kernel.DigitCount);
        object[] shape = [Positions, Classes, 0, kernel.Chunk];
        m.Launch("embedding_count", sort, [classes, s_null, counts, .. shape, m.Counters(1)])
            .Asks(
                4L * Positions + 4 * 4 * kernel.DigitCount,
                "the last block reads the counts of all units twice and writes them again, from the cache: 2.5 of the floor where a unit has 256 positions, its least, and 1.1 from a million positions on"
            )
            // Once read and once written; the counter of blocks.
            .Touches(4L * Positions + 2 * 4 * kernel.DigitCount + 64);
        Operand keys = m.Write(Positions);
        Operand positions = m.Write(Positions);
        m.Launch(
            "embedding_place",
            sort,
            [classes, s_null, s_null, counts, keys, positions, .. shape]
        );
        // 64 positions a class, and as many a piece: no run crosses pieces.
        KernelGrid sum = kernel.Sum(Positions, Columns);
        object[] sums = [Positions, Columns, kernel.Piece, -1, sum.Lanes];
        Operand sorted = keys with { Cached = true };
        m.Launch(
            "embedding_sum",
            sum,
            [
                sorted,
                positions with
                {
                    Cached = true,
                },
                m.Read((long)Positions * Columns),
                m.Both(Classes * Columns),
                m.Scratch(kernel.PartialCount(Columns)),
                .. sums,
            ]
        );
        // And of two classes in pieces of 64: the keys on both sides of a piece's end, and the partials of a run that came in or began.
        int[] two = [.. Enumerable.Range(0, Positions).Select(i => 2 * i / Positions)];
        long pieces = Positions / kernel.Piece;
        m.Launch(
            "embedding_join",
            sum,
            [
                m.SharedOf(two).Moving(2 * FloorMachine.Sectors(1) * pieces),
                m.Read(kernel.PartialCount(Columns)).Moving(FloorMachine.Sectors(pieces * Columns)),
                m.Both(2 * Columns),
                .. sums,
            ]
        );
    }

    private static void LinearRecurrences(FloorMachine m)
    {
        foreach ((string suffix, int size) in new[] { ("64", 64), ("128", 128), ("any", 256) })
        {
            const int Steps = 256;
            const int Batch = 8;
            KernelGrid grid = KernelGrid.Recurrence(Batch, size);
            const long Matrix = sizeof(float);
            KernelBytes moved = m.Launch(
                $"linear_recurrence_{suffix}",
                grid,
                m.Both((long)Steps * Batch * size),
                suffix == "any" ? Small(size * size) : m.Shared(size * size),
                m.Shared(size),
                m.Shared(Batch * size),
                s_null,
                s_null,
                Steps,
                Batch,
                size,
                size,
                0,
                grid.Lanes
            );
            if (suffix == "any")
                moved.Asks(
                    8L * Steps * Batch * size + Matrix * size * size * Steps * grid.X,
                    "a matrix of more than 128 columns is in no registers: a block reads it anew at each step, from the cache"
                );
        }
        const int Size = 256;
        m.Launch(
            "linear_transpose",
            KernelGrid.Flat(Size * Size),
            m.Read(Size * Size),
            m.Write(Size * Size),
            Size
        );
        KernelGrid rows = KernelGrid.Rows(Rows, Columns);
        m.Launch(
            "linear_bias",
            rows,
            m.Shared(Columns),
            m.Both(Count),
            (long)Rows,
            Columns,
            Columns,
            rows.Lanes
        );
        // Of two steps the last.
        m.Launch(
            "linear_ends",
            rows,
            m.Read(2 * Count).Moving(FloorMachine.Sectors(Count)),
            m.Write(Count),
            s_null,
            s_null,
            2,
            Rows,
            Columns,
            Columns,
            1,
            0,
            rows.Lanes
        );

        // So small that states stay finite.
        Operand Small(int count) => m.ReadOf([.. Enumerable.Repeat(1e-3f, count)]);
    }

    private static void Scans(FloorMachine m)
    {
        foreach (int warps in new[] { 0, 4 })
        foreach (bool pair in warps == 0 ? [false, true] : new[] { false })
        foreach (bool isPacked in new[] { false, true })
        foreach (bool resets in new[] { false, true })
            Scan(m, warps, pair, isPacked, resets);
    }

    // 16 bytes a complex element forward and 24 backward; and lambda. Tiles have 40 and 48 more a channel and 64 steps, which is within a
    // tenth; wide scans none.
    private static void Scan(FloorMachine m, int warps, bool pair, bool isPacked, bool resets)
    {
        const int Steps = 512;
        const int Batch = 2;
        const int Size = 64;
        PackedLayout? packed = isPacked ? new PackedLayout(Steps, Steps / 2) : null;
        using var host = new HostTensors();
        StepResets? marks = resets
            ? ResetMarks.Placed(
                count => host.New(count),
                ResetMarks.Of("drawn", Steps, Batch),
                Steps,
                Batch,
                packed?.Layout
            )
            : null;
        var scan = new ScanOnDevice(
            m.Machine,
            Steps,
            Batch,
            Size,
            packed,
            warps,
            pair,
            false,
            marks
        );
        // Where rows begin is read by all threads of a step.
        m.Cached(scan.Rows);
        ScanKernel kernel = new(Batch, Size, Steps, isPacked, pair, warps) { Resets = resets };
        long elements = (packed?.Rows ?? (long)Steps * Batch) * Size;
        var draw = new Draw(1);
        float[] lambda = draw.Uniform(2 * Size, -0.7f, 0.7f);
        float[] u = draw.Uniform(2 * elements);
        ScanRange[] all = [new(0, Steps)];
        scan.Forward(lambda, u, all);
        m.Floor(kernel.Forward, 16 * elements + 8 * Size);
        scan.Backward(lambda, u, u, new float[2 * Size], all, sums: false);
        m.Floor(kernel.Backward, 24 * elements + 8 * Size);
    }

    private static void StateScans(FloorMachine m)
    {
        const int Channels = 32;
        foreach ((string suffix, int size) in new[] { ("1", 8), ("4", 32), ("8", 64) })
        {
            // The whole time at once.
            const int Long = 4096;
            long elements = (long)Long * Channels;
            long states = (long)Channels * size;
            StateScanOnDevice scan = State(Long, size, 1);
            DeviceArray y = m.Machine.New(elements);
            scan.Forward(y, s_null, false, adds: false);
            // u and y; a, c and d.
            m.Floor($"state_scan_forward_{suffix}", 8 * elements + 16 * states + 4 * Channels);
            Backward(scan, y, size);
            // u, dy and du; a, c and d; four sums a state, and d's.
            m.Floor($"state_scan_gradient_{suffix}", 12 * elements + 32 * states + 8 * Channels);
            if (suffix == "8")
                // These sums and c; the gradients, of which that of d is added to.
                m.Floor("state_scan_sums", 40 * states + 12 * Channels);

            // And in four segments, of which the last has no end that anyone asks for.
            const int Segments = 4;
            scan = State(Long, size, Segments);
            scan.Forward(y, s_null, false, adds: false);
            Backward(scan, y, size);
            // u or dy; a; the ends: one state or two.
            long before = 4 * elements * (Segments - 1) / Segments;
            m.Floor($"state_scan_ends_{suffix}", before + 8 * states + 8 * (Segments - 1) * states);
            m.Floor(
                $"state_scan_gradient_ends_{suffix}",
                before + 8 * states + 16 * (Segments - 1) * states
            );
            m.Forget($"state_scan_forward_{suffix}", $"state_scan_gradient_{suffix}");
            if (suffix == "8")
            {
                // a; ends become starts, and the first segment's are written.
                m.Floor("state_scan_carry", 8 * states + 8 * (2 * Segments - 1) * states);
                m.Floor("state_scan_gradient_carry", 8 * states + 16 * (2 * Segments - 1) * states);
                m.Forget("state_scan_sums");
            }
            else
            {
                m.Forget("state_scan_sums", "state_scan_carry", "state_scan_gradient_carry");
            }
        }

        StateScanOnDevice State(int steps, int size, int segments)
        {
            float[] a = new Draw(1).Uniform(2 * Channels * size, -0.65f, 0.65f);
            return new StateScanOnDevice(m.Machine, steps, 1, Channels, size, null, segments)
            {
                A = m.Machine.Put(a),
                C = m.Machine.Put(a),
                D = m.Machine.Put(a[..Channels]),
                U = m.Machine.Put(new Draw(2).Uniform((long)steps * Channels)),
            };
        }

        void Backward(StateScanOnDevice scan, DeviceArray dy, int size) =>
            scan.Backward(
                dy,
                m.Machine.New(dy.Count),
                m.Machine.New(2 * Channels * size),
                m.Machine.New(2 * Channels * size),
                m.Machine.Zeros(Channels),
                false,
                adds: false
            );
    }
}
