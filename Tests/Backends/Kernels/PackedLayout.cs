using Sequor.Layers;

namespace Sequor.Tests.Kernels;

/// <summary>A packed batch on the host, and what kernels want to know of it.</summary>
internal sealed class PackedLayout
{
    public PackedLayout(params int[] lengths)
    {
        Layout = new SequenceLayout(lengths.Max(), lengths.Length);
        Layout.Set(lengths);
    }

    public SequenceLayout Layout { get; }

    public int Rows => Layout.Rows;

    /// <summary>The first row of each step, and behind the last one the number of rows.</summary>
    public int[] First => [.. Enumerable.Range(0, Layout.Steps + 1).Select(Layout.Row)];

    public int[] Order => Layout.Order.ToArray();

    public int[] Lengths => Layout.Lengths.ToArray();
}
