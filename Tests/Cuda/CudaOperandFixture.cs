using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Operands with the same values on both backends, given back after each test.</summary>
public abstract class CudaOperandFixture : CudaFixture
{
    private readonly List<Storage> _taken = [];

    [TearDown]
    public void Free()
    {
        foreach (Storage storage in _taken)
            storage.Dispose();
        _taken.Clear();
    }

    private protected Tensor Take(Backend on, Shape shape)
    {
        Tensor tensor = on.Allocate(shape, MemoryCategory.InputOutput);
        _taken.Add(tensor.Storage);
        return tensor;
    }

    private protected Tensor Put(Backend on, Shape shape, float[] values)
    {
        Tensor tensor = Take(on, shape);
        tensor.Write(values);
        return tensor;
    }

    private protected Tensor Put(Backend on, Shape shape, ulong seed) =>
        Put(on, shape, new Draw(seed).Uniform(shape.Count));

    private protected Tensor Workspace(Backend on, PlannedOperation operation) =>
        Take(on, Shape.Block(Math.Max(1, operation.WorkspaceCount)));

    /// <summary>The layout of a packed batch, as a plan makes it; null without lengths.</summary>
    private protected SequenceLayout? Layout(Backend on, int steps, int batch, int[]? lengths)
    {
        if (lengths is null)
            return null;
        var layout = new SequenceLayout(steps, batch);
        int count = on.LayoutCount(steps, batch);
        if (count > 0)
            layout.OnDevice = Take(on, new Shape(count));
        layout.Set(lengths);
        on.Upload(layout);
        return layout;
    }
}
