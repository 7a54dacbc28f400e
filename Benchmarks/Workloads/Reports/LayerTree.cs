using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// The rows of a profile by the layers' names, as the model has them: of each layer what it and the layers within it took.
/// </summary>
public sealed class LayerTree
{
    private static readonly string[] NoLayers =
    [
        ProfiledOperation.LossLayer,
        ProfiledOperation.OptimizerLayer,
        ProfiledOperation.CopiesLayer,
        ProfiledOperation.OtherLayer,
    ];

    private readonly List<LayerTree> _inner = [];
    private readonly List<LayerRow> _rows = [];

    private LayerTree(string name, int depth) => (Name, Depth) = (name, depth);

    /// <summary>The full name; empty for the whole step.</summary>
    public string Name { get; }

    /// <summary>What the layer is; empty where no operation is its own, and for what is no layer.</summary>
    public string Kind { get; private set; } = "";

    /// <summary>How many layers it lies in; -1 for the whole step.</summary>
    public int Depth { get; }

    /// <summary>The layers in it, in the order in which the step comes to them.</summary>
    public IReadOnlyList<LayerTree> Inner => _inner;

    /// <summary>Its rows and those of the layers in it.</summary>
    public IEnumerable<LayerRow> Rows => _rows.Concat(_inner.SelectMany(layer => layer.Rows));

    /// <summary>It and all that is in it, outer layers before inner ones.</summary>
    public IEnumerable<LayerTree> All => _inner.SelectMany(layer => layer.All).Prepend(this);

    /// <summary>The tree of a step.</summary>
    /// <param name="rows">In the order of the step.</param>
    public static LayerTree Of(IEnumerable<LayerRow> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        var step = new LayerTree("", -1);
        foreach (LayerRow row in rows)
        {
            LayerTree at = step;
            foreach (string name in Path(row.Name))
                at = at.Get(name);
            if (at.Kind.Length == 0)
                at.Kind = row.Kind;
            at._rows.Add(row);
        }
        // What is no layer's comes behind the layers.
        LayerTree[] ordered = [.. step._inner.OrderBy(Place)];
        step._inner.Clear();
        step._inner.AddRange(ordered);
        return step;
    }

    /// <summary>The names of the layers that a layer lies in, from the outermost to its own: of 0.1.conv they are 0, 0.1, 0.1.conv.</summary>
    public static IEnumerable<string> Path(string layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        for (int i = 0; i < layer.Length; i++)
        {
            if (layer[i] == '.')
                yield return layer[..i];
        }
        yield return layer;
    }

    /// <summary>What the rows of one pass, or of all, took together.</summary>
    public LayerSum Sum(string? pass = null) =>
        LayerSum.Of(Rows.Where(row => pass is null || row.Pass == pass));

    private static int Place(LayerTree layer) =>
        layer.Rows.All(row => row.Operation == LayerRows.MemoryOnly)
            ? NoLayers.Length
            : Array.IndexOf(NoLayers, layer.Name);

    private LayerTree Get(string name)
    {
        LayerTree? found = _inner.Find(layer => layer.Name == name);
        if (found is null)
            _inner.Add(found = new LayerTree(name, Depth + 1));
        return found;
    }
}

/// <summary>Rows added up.</summary>
/// <param name="Ms">Milliseconds.</param>
/// <param name="BytesHeld">Bytes of memory.</param>
/// <param name="Launches">Kernels and library calls; null where one of them is not known.</param>
/// <param name="BytesPerS">Bytes moved in a second by the rows that tell; null where none does.</param>
/// <param name="FlopsPerS">Operations with floats in a second of the rows that have any; null where none has.</param>
/// <param name="FloorMs">The least time of the rows that have one; null where none has.</param>
/// <param name="FloorShare">That of the time of the same rows: 1 is as fast as the device can be.</param>
public sealed record LayerSum(
    double Ms,
    long BytesHeld,
    long? Launches,
    double? BytesPerS,
    double? FlopsPerS,
    double? FloorMs,
    double? FloorShare
)
{
    /// <summary>The sum of rows.</summary>
    public static LayerSum Of(IEnumerable<LayerRow> rows)
    {
        LayerRow[] all = [.. rows];
        return new LayerSum(
            all.Sum(row => row.Ms),
            all.Sum(row => row.BytesHeld),
            all.Any(row => row.Launches is null) ? null : all.Sum(row => (long)row.Launches!),
            Rate(row => row.BytesMoved),
            Rate(row => row.Flops),
            all.Any(row => row.FloorMs is not null) ? all.Sum(row => row.FloorMs ?? 0) : null,
            Ratio(
                all.Sum(row => row.FloorMs ?? 0),
                all.Where(row => row.FloorMs is > 0).Sum(row => row.Ms)
            )
        );

        double? Rate(Func<LayerRow, long?> count)
        {
            double sum = 0;
            double ms = 0;
            foreach (LayerRow row in all.Where(row => count(row) is > 0))
                (sum, ms) = (sum + (long)count(row)!, ms + row.Ms);
            return Ratio(sum, ms / 1000);
        }

        // What is too short for a clock has no rate.
        static double? Ratio(double of, double to) => of > 0 && to > 0 ? of / to : null;
    }
}
