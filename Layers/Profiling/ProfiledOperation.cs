namespace Sequor.Layers;

/// <summary>
/// One operation of a profiled step, or the time between two of them. Times are exclusive: the rows of a step follow each other without
/// gaps, and their <see cref="Nanoseconds"/> add up to the step's exactly.
/// </summary>
public sealed record ProfiledOperation
{
    /// <summary>The layer of what lies between operations, or belongs to another plan.</summary>
    public const string OtherLayer = "other";

    /// <summary>The layer of a loss's operations.</summary>
    public const string LossLayer = "loss";

    /// <summary>The layer of an optimizer's operations.</summary>
    public const string OptimizerLayer = "optimizer";

    /// <summary>The layer of copies that a caller asked for.</summary>
    public const string CopiesLayer = "copies";

    /// <summary>The operation of a row that is the time between two operations.</summary>
    public const string Between = "between operations";

    /// <summary>
    /// The layer's full name, as in the names of its parameters; "" for the model itself, and <see cref="LossLayer"/>,
    /// <see cref="OptimizerLayer"/>, <see cref="CopiesLayer"/> or <see cref="OtherLayer"/> for what is of no layer.
    /// </summary>
    public required string Layer { get; init; }

    /// <summary>The layer's type, such as "Gru"; of a loss or an optimizer its type; "" for what is of none.</summary>
    public required string Kind { get; init; }

    /// <summary>What is computed, such as "matmul" or "recurrent".</summary>
    public required string Operation { get; init; }

    /// <summary>The part of the step.</summary>
    public required ProfilePass Pass { get; init; }

    /// <summary>The shapes of what is read and what is written, as in "[600, 32, 70] x [70, 70] -> [600, 32, 70]"; "" for none.</summary>
    public required string Shapes { get; init; }

    /// <summary>When it began, in nanoseconds after the step's begin.</summary>
    public required long StartNanoseconds { get; init; }

    /// <summary>How long it took. On a GPU this is time of the device, to about half a microsecond.</summary>
    public required long Nanoseconds { get; init; }

    /// <summary>When it began, in milliseconds after the step's begin.</summary>
    public double StartMilliseconds => StartNanoseconds / 1e6;

    /// <summary>How long it took, in milliseconds.</summary>
    public double Milliseconds => Nanoseconds / 1e6;

    /// <summary>
    /// The bytes that it must move: each operand and each result once, and twice what is added to. Null where it happens inside a vendor's
    /// library, which may move others, or where a caller's code moves them.
    /// </summary>
    public long? BytesMoved { get; init; }

    /// <summary>
    /// Operations with floats, by formula: sums, products, quotients and functions one each, a matrix product 2mnk. Null for a caller's code.
    /// </summary>
    public long? Flops { get; init; }

    /// <summary>
    /// Launches of Sequor's own kernels and calls of the vendor's libraries; 0 on a CPU. Null for a caller's code, whose launches are its own.
    /// </summary>
    public int? Launches { get; init; }
}
