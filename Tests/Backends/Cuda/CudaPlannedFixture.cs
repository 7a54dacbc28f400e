using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Cuda;

/// <summary>Operations that are planned, run on one backend after the other.</summary>
public abstract class CudaPlannedFixture : CudaOperationFixture
{
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
