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
        Shape[] shapes = [.. tensors.Select(each => each.Shape)];
        Pair all = Both(OneBlock.Of(shapes), [.. tensors.SelectMany(each => each.Values)]);
        return
        [
            .. OneBlock
                .Split(all.Gpu, shapes)
                .Zip(OneBlock.Split(all.Cpu, shapes), (gpu, cpu) => new Pair(gpu, cpu)),
        ];
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
