namespace Sequor.Layers;

/// <summary>
/// The bytes that are in use while an operation of a profiled step runs. A plan allocates once, so what is allocated stays the same over
/// the step (<see cref="ProfiledStep.Held"/>); this says how much of it holds values that are still needed.
/// </summary>
/// <remarks>
/// Activations, gradients and scratch are in use from the operation that writes them to the last one that reads them before they are
/// written anew; a workspace while its operation runs; parameters, optimizer state, inputs and outputs for the whole step.
/// </remarks>
public sealed record ProfiledMemory
{
    private readonly long[] _inUse;

    internal ProfiledMemory(int operation, long[] inUse) =>
        (Operation, _inUse, Bytes) = (operation, inUse, inUse.Sum());

    /// <summary>The operation's index in <see cref="ProfiledStep.Operations"/>.</summary>
    public int Operation { get; }

    /// <summary>The bytes of all categories together.</summary>
    public long Bytes { get; }

    /// <summary>The bytes of a category.</summary>
    /// <param name="category">One of the ledger's categories.</param>
    public long InUse(MemoryCategory category) => _inUse[(int)category];
}

/// <summary>Bytes of one category that belong to a layer, or to something that is none.</summary>
/// <param name="Layer">
/// The layer's full name; "" for the model itself. What belongs to no layer has the names of <see cref="ProfiledOperation"/>, or one of
/// "input and output", "gradient flow", "scratch", "random numbers", "padding" (between parameters and in blocks that layers share),
/// "graphs", "backend" (the backend itself, and what callers allocate) and "other plans".
/// </param>
/// <param name="IsLayer">Whether it is a layer of the model; else the name is one of the words above.</param>
/// <param name="Category">The category under which the ledger counts them.</param>
/// <param name="Bytes">The bytes.</param>
public sealed record OwnedMemory(string Layer, bool IsLayer, MemoryCategory Category, long Bytes)
{
    internal const string InputOutput = "input and output",
        Flow = "gradient flow",
        Scratch = "scratch",
        Padding = "padding",
        Graphs = "graphs",
        Backend = "backend",
        Others = "other plans";
}
