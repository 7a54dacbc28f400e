using Sequor.Layers;

namespace Sequor.Tests.Support;

/// <summary>Tensors that follow each other in one block of memory, as the parameters of a model and their gradients do.</summary>
internal static class OneBlock
{
    /// <summary>Views of a tensor, from its first value on, which has as many values as the shapes together, or more.</summary>
    public static Tensor[] Split(Tensor block, params ReadOnlySpan<Shape> shapes)
    {
        var all = new Tensor[shapes.Length];
        long next = block.Offset;
        for (int i = 0; i < all.Length; i++)
        {
            all[i] = new Tensor(block.Storage, next, shapes[i]);
            next += shapes[i].Count;
        }
        return all;
    }

    /// <summary>The shape of a block that has room for tensors of these shapes.</summary>
    public static Shape Of(params ReadOnlySpan<Shape> shapes)
    {
        long count = 0;
        foreach (Shape shape in shapes)
            count += shape.Count;
        return new Shape(checked((int)count));
    }
}
