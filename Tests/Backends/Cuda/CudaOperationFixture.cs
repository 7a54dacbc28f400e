using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Single operations, run on both backends with the same values.</summary>
public abstract class CudaOperationFixture : CudaFixture
{
    private readonly List<Storage> _taken = [];

    [TearDown]
    public void Free()
    {
        foreach (Storage storage in _taken)
            storage.Dispose();
        _taken.Clear();
    }

    /// <summary>The same values on both.</summary>
    private protected Pair Both(Shape shape, float[] values)
    {
        var pair = new Pair(Take(Gpu, shape), Take(Cpu, shape));
        pair.Gpu.Write(values);
        pair.Cpu.Write(values);
        return pair;
    }

    /// <summary>Tensors that lie in one block of either backend, as the parameters of a model do.</summary>
    private protected Pair[] Together(params (Shape Shape, float[] Values)[] tensors)
    {
        Pair all = Both(
            new Shape(checked((int)tensors.Sum(each => each.Shape.Count))),
            [.. tensors.SelectMany(each => each.Values)]
        );
        var pairs = new Pair[tensors.Length];
        long next = 0;
        for (int i = 0; i < pairs.Length; i++)
        {
            Shape shape = tensors[i].Shape;
            pairs[i] = new Pair(
                new Tensor(all.Gpu.Storage, all.Gpu.Offset + next, shape),
                new Tensor(all.Cpu.Storage, all.Cpu.Offset + next, shape)
            );
            next += shape.Count;
        }
        return pairs;
    }

    private protected Pair Both(Shape shape, ulong seed, float from = -1f, float to = 1f) =>
        Both(shape, new Draw(seed).Uniform(shape.Count, from, to));

    /// <summary>The layout of a packed batch that both know.</summary>
    private protected SequenceLayout Packed(params int[] lengths)
    {
        var layout = new SequenceLayout(lengths.Max(), lengths.Length);
        layout.OnDevice = Take(Gpu, new Shape(Gpu.LayoutCount(lengths.Max(), lengths.Length)));
        layout.Set(lengths);
        Gpu.Upload(layout);
        return layout;
    }

    private protected void OnBoth(Action<Backend, Func<Pair, Tensor>> run)
    {
        run(Gpu, pair => pair.Gpu);
        run(Cpu, pair => pair.Cpu);
    }

    private protected static void CheckBits(Pair pair, string what) =>
        Close.CheckBits(pair.Gpu.ToArray(), pair.Cpu.ToArray(), what);

    private protected Tensor Take(Backend backend, Shape shape)
    {
        Tensor tensor = backend.Allocate(shape, MemoryCategory.InputOutput);
        _taken.Add(tensor.Storage);
        return tensor;
    }
}

/// <summary>A tensor on each of the two; none where it is the default.</summary>
internal readonly record struct Pair(Tensor Gpu, Tensor Cpu);
