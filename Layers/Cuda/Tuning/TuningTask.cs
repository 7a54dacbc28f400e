namespace Sequor.Layers.Cuda;

/// <summary>
/// What candidates are compared on: an operation of one shape, with random operands of its own, which every candidate is given.
/// </summary>
internal abstract class TuningTask
{
    /// <summary>What is chosen for: recurrent, convolution, math, epilogue or scan.</summary>
    public abstract string Kind { get; }

    /// <summary>The shape, in words and numbers. What has an influence on the choice is in it.</summary>
    public abstract string Shape { get; }

    /// <summary>Names of what can be taken, the first guess in front.</summary>
    public abstract IReadOnlyList<string> Candidates { get; }

    /// <summary>Why there is one candidate alone; null where there are more.</summary>
    public virtual string? OnlyBecause => null;

    /// <summary>Why what is no candidate is none.</summary>
    public virtual string? WhyNot(string candidate) => OnlyBecause;

    /// <summary>The candidate that the others' results are compared with: the one that makes the fewest assumptions.</summary>
    public abstract string Plainest { get; }

    /// <summary>What a run leaves, to be compared; from <see cref="Prepare"/> on.</summary>
    public IReadOnlyList<TuningOutput> Outputs { get; protected set; } = [];

    /// <summary>Takes memory for the operands, and fills it.</summary>
    /// <exception cref="DeviceMemoryException">There is not so much.</exception>
    public abstract void Prepare(TuningMemory memory);

    /// <summary>Makes a candidate ready to run.</summary>
    public abstract TuningTrial Open(string candidate);
}

/// <summary>A candidate that is ready to run on a task's operands.</summary>
internal abstract class TuningTrial : IDisposable
{
    /// <summary>Floats of scratch.</summary>
    public virtual long WorkspaceCount => 0;

    /// <summary>Floats that the first part of a run leaves for the others.</summary>
    public virtual long ReserveCount => 0;

    /// <summary>Queues what a step does: forward, and in training all gradients.</summary>
    public abstract void Run(Tensor workspace, Tensor reserve);

    public virtual void Dispose() { }
}

/// <summary>Values that a run leaves.</summary>
/// <param name="Name">What messages call them.</param>
/// <param name="Values">Where they are.</param>
/// <param name="Bound">How far they may lie from the plainest candidate's, as a part of the largest of those.</param>
/// <param name="IsSum">A run adds to what is there.</param>
internal sealed record TuningOutput(string Name, Tensor Values, double Bound, bool IsSum = false)
{
    private const int MostParts = 16;
    private const int PartCount = 1 << 16;

    /// <summary>The values, or where they are many parts of them from the first to the last.</summary>
    public float[] Read()
    {
        long parts = Math.Clamp((Values.Count + PartCount - 1) / PartCount, 1, MostParts);
        long each = Math.Min(PartCount, Values.Count / parts);
        float[] read = new float[parts * each];
        for (long i = 0; i < parts; i++)
        {
            long first = parts == 1 ? 0 : (Values.Count - each) * i / (parts - 1);
            var part = new Tensor(
                Values.Storage,
                Values.Offset + first,
                new Shape(checked((int)each))
            );
            Values.Backend.Download(part, read.AsSpan((int)(i * each), (int)each));
        }
        return read;
    }

    /// <summary>Why values are not those of another run; null where they are.</summary>
    public string? Differs(ReadOnlySpan<float> expected, ReadOnlySpan<float> actual)
    {
        double largest = 0;
        double difference = 0;
        for (int i = 0; i < expected.Length; i++)
        {
            if (!float.IsFinite(actual[i]))
                return $"{Name} has {actual[i]}";
            largest = Math.Max(largest, Math.Abs(expected[i]));
            difference = Math.Max(difference, Math.Abs(expected[i] - actual[i]));
        }
        return difference <= Bound * largest
            ? null
            : string.Create(
                System.Globalization.CultureInfo.InvariantCulture,
                $"{Name} is off by {difference:g3} where {Bound * largest:g3} is allowed"
            );
    }
}
