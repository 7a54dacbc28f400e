using Sequor.Layers;
using Sequor.Native.Kernels;

namespace Sequor.Tests.Kernels;

/// <summary>An embedding by the kernels, launched as the backend does.</summary>
internal sealed class EmbeddingOnDevice(KernelMachine machine, EmbeddingDescriptor d)
{
    public EmbeddingKernel Kernel { get; } = new(d.Count, d.Positions, d.Piece);

    /// <summary>Bytes of each launch of the last gradient.</summary>
    public List<(string Kernel, long Bytes)> Bytes { get; } = [];

    public float[] Forward(float[] classes, float[] table)
    {
        KernelGrid grid = KernelGrid.Rows(classes.Length, d.Size);
        DeviceArray y = machine.New((long)classes.Length * d.Size);
        Launch(
            "embed",
            grid,
            machine.Put(classes),
            machine.Put(table),
            y,
            (long)classes.Length,
            d.Count,
            d.Size,
            grid.Lanes
        );
        return machine.Get(y);
    }

    /// <summary>What is there before, and the gradient.</summary>
    public float[] Backward(float[] classes, float[] dy, float[] before)
    {
        Bytes.Clear();
        int n = classes.Length;
        DeviceArray from = machine.Put(classes);
        DeviceArray table = machine.Put(before);
        // As floats, of which the kernels make words; never written before.
        DeviceArray counts = machine.New(Kernel.DigitCount);
        DeviceArray counter = machine.Zeros(1);
        DeviceArray keys = DeviceArray.Null;
        DeviceArray positions = DeviceArray.Null;
        for (int pass = 0; pass < Kernel.Passes; pass++)
        {
            KernelGrid sort = Kernel.Sort(n);
            int shift = EmbeddingKernel.Shift(pass);
            object[] shape = [n, d.Count, shift, Kernel.Chunk];
            Launch("embedding_count", sort, [from, keys, counts, .. shape, counter]);
            (DeviceArray k, DeviceArray p) = (machine.New(n), machine.New(n));
            Launch("embedding_place", sort, [from, keys, positions, counts, k, p, .. shape]);
            (keys, positions) = (k, p);
        }
        KernelGrid grid = Kernel.Sum(n, d.Size);
        DeviceArray partials = machine.New(Kernel.PartialCount(d.Size));
        object[] sums = [n, d.Size, Kernel.Piece, d.Padding, grid.Lanes];
        Launch("embedding_sum", grid, [keys, positions, machine.Put(dy), table, partials, .. sums]);
        Launch("embedding_join", grid, [keys, partials, table, .. sums]);
        CheckSorted(machine.Get<int>(keys), machine.Get<int>(positions), classes);
        return machine.Get(table);
    }

    // By class, and of a class by position; what is no class is with those of class 0 and has no position.
    private void CheckSorted(int[] keys, int[] positions, float[] classes)
    {
        bool Is(float c) => c >= 0 && c < d.Count && c == MathF.Floor(c);
        (int, int)[] expected =
        [
            .. classes
                .Select((c, i) => Is(c) ? ((int)c, i) : (0, -1))
                .Select((pair, i) => (Pair: pair, Order: i))
                .OrderBy(entry => (entry.Pair.Item1, entry.Order))
                .Select(entry => entry.Pair),
        ];
        NUnit.Framework.Assert.That(
            keys.Zip(positions),
            NUnit.Framework.Is.EqualTo(expected.Select(pair => (pair.Item1, pair.Item2)))
        );
    }

    private void Launch(string kernel, KernelGrid grid, params object[] arguments)
    {
        long before = machine.Counts.BytesRead + machine.Counts.BytesWritten;
        machine.Launch(kernel, grid, arguments);
        Bytes.Add((kernel, machine.Counts.BytesRead + machine.Counts.BytesWritten - before));
    }
}
