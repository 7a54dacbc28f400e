using Sequor.Layers;

namespace Sequor.Tests.Layers;

/// <summary>A network's kind, sizes and options.</summary>
internal sealed record RecurrentCase(
    RecurrentKind Kind,
    int Steps,
    int Batch,
    int Inputs,
    int Hidden,
    int Layers,
    bool Bidirectional,
    RecurrentBias Bias,
    int[]? Lengths,
    bool States
)
{
    /// <summary>The operation is given packed rows: lengths must fall.</summary>
    public bool Packed { get; init; }

    /// <summary>Where the operation is given the state of each packed sequence.</summary>
    public int[]? Order { get; init; }

    /// <summary>Channels that the output is projected to; 0 for no projection.</summary>
    public int Projection { get; init; }

    public CellClip? Clip { get; init; }

    /// <summary>Dropout between layers. Sequences must then lie in the order of falling length.</summary>
    public float Dropout { get; init; }

    /// <summary>The largest batch of the operation; 0 for one more than this one.</summary>
    public int MaxBatch { get; init; }

    public RecurrentDescriptor Descriptor =>
        new(Kind, Inputs, Hidden)
        {
            Layers = Layers,
            Bidirectional = Bidirectional,
            Bias = Bias,
            ProjectionSize = Projection,
            CellClip = Clip,
            Dropout = Dropout,
            DropoutStream = 3,
            MaxLength = Steps + 2,
            MaxBatch = MaxBatch == 0 ? Batch + 1 : MaxBatch,
            VariableLengths = Lengths is not null,
            DataLayout = Packed
                ? RecurrentDataLayout.SeqMajorPacked
                : RecurrentDataLayout.SeqMajorUnpacked,
        };

    public int HiddenCount => Layers * Descriptor.Directions * Batch * Descriptor.StateSize;

    public int CellCount =>
        Kind == RecurrentKind.Lstm ? Layers * Descriptor.Directions * Batch * Hidden : 0;

    public int Length(int b) => Lengths is null ? Steps : Lengths[b];

    public int Rows => Enumerable.Range(0, Batch).Sum(Length);

    /// <summary>The shape in which the operation is given so many channels.</summary>
    public Shape Shape(int width) => Packed ? new(Rows, 1, width) : new(Steps, Batch, width);

    /// <summary>The values [T, B, width] as the operation is given them.</summary>
    public float[] Lay(float[] values)
    {
        if (!Packed)
            return values;
        int width = values.Length / (Steps * Batch);
        return [.. RowNumbers().SelectMany(row => values[(row * width)..((row + 1) * width)])];
    }

    /// <summary>What the operation gave, as [T, B, width].</summary>
    public float[] Unlay(float[] given)
    {
        if (!Packed)
            return given;
        int width = given.Length / Rows;
        float[] values = new float[Steps * Batch * width];
        int from = 0;
        foreach (int row in RowNumbers())
            Array.Copy(given, width * from++, values, row * width, width);
        return values;
    }

    /// <summary>States [layers * directions, B, width] as the operation is given them.</summary>
    public float[] LayStates(float[] states) => Moved(states, (b, place) => (b, place));

    /// <summary>States that the operation gave, in the order of the sequences.</summary>
    public float[] UnlayStates(float[] given) => Moved(given, (b, place) => (place, b));

    private float[] Moved(float[] states, Func<int, int, (int From, int To)> move)
    {
        if (Order is null || states.Length == 0)
            return states;
        int count = Layers * Descriptor.Directions;
        int width = states.Length / (count * Batch);
        float[] moved = new float[states.Length];
        for (int i = 0; i < count * Batch; i++)
        {
            (int from, int to) = move(i % Batch, Order[i % Batch]);
            int first = i / Batch * Batch;
            Array.Copy(states, (first + from) * width, moved, (first + to) * width, width);
        }
        return moved;
    }

    // Rows of [T, B] in the order of the packed ones.
    private IEnumerable<int> RowNumbers() =>
        from t in Enumerable.Range(0, Steps)
        from b in Enumerable.Range(0, Batch)
        where t < Length(b)
        select t * Batch + b;

    public override string ToString() =>
        $"{Kind} T{Steps} B{Batch} I{Inputs} H{Hidden} L{Layers}{(Bidirectional ? " both" : "")} {Bias}"
        + $"{(Projection == 0 ? "" : $" P{Projection}")}{(Clip is null ? "" : $" clip {Clip.Min} {Clip.Max}")}"
        + $"{(Dropout == 0 ? "" : " dropout")}{(Lengths is null ? "" : $" lengths {string.Join(' ', Lengths)}")}{(Packed ? " packed" : "")}{(Order is null ? "" : " order")}{(MaxBatch == 0 ? "" : $" of {MaxBatch}")}{(States ? " states" : "")}";
}
