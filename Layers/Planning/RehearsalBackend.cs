using System.Diagnostics;

namespace Sequor.Layers;

/// <summary>
/// Stands in for a backend while a plan is made. Its tensors have no memory, and its operations only note which parameters' gradients they
/// write. Questions about the backend are answered by the real one.
/// </summary>
internal sealed partial class RehearsalBackend : Backend
{
    private readonly Backend _real;
    private readonly List<(long From, long To)> _written = [];

    public RehearsalBackend(Backend real, ParameterStore parameters)
    {
        _real = real;
        Parameters = Pretend(parameters.StateCount, MemoryCategory.Parameters);
        Gradients = Pretend(parameters.StateCount, MemoryCategory.Gradients);
    }

    /// <summary>The backend that it stands in for.</summary>
    public Backend Real => _real;

    /// <summary>Stands in for the block of parameters and buffers.</summary>
    public Storage Parameters { get; }

    /// <summary>Stands in for the block of gradients.</summary>
    public Storage Gradients { get; }

    /// <summary>Whether what is rehearsed is the largest batch, whose products the real backend prepares for.</summary>
    public bool IsLargest { get; set; }

    /// <summary>What the real backend does not carry out as was asked for.</summary>
    public List<string> Fallbacks { get; } = [];

    public override BackendInfo Info => _real.Info;

    public override long? FreeBytes => _real.FreeBytes;

    // Losses, updates and copies are no operations of layers, so this is what the plan needs.
    internal override void Prepare(OperationKind kind) => _real.Prepare(kind);

    internal override long MostRows => _real.MostRows;

    internal override int Alignment => _real.Alignment;

    internal override long FactorCount(int depth, int columns) => _real.FactorCount(depth, columns);

    internal override bool PreparesTogether => _real.PreparesTogether;

    internal override bool FilterInputsLast => _real.FilterInputsLast;

    internal override bool AddsBiasInProducts => _real.AddsBiasInProducts;

    internal override bool RecurrentBackwardNeedsAllSteps => _real.RecurrentBackwardNeedsAllSteps;

    internal override long BitCount(Shape shape) => _real.BitCount(shape);

    internal override ParameterLayout RecurrentLayout(in RecurrentDescriptor descriptor) =>
        _real.RecurrentLayout(descriptor);

    // Without values there is nothing to keep in a cache.
    internal override long PreferredRows(long floatsPerRow) => long.MaxValue;

    /// <summary>A block without memory.</summary>
    public Storage Pretend(long count, MemoryCategory category) =>
        new(this, 0, count, category, owned: false);

    /// <summary>Whether an operation has written any value of a parameter's gradient since the rehearsal began.</summary>
    public Func<Parameter, bool> Written()
    {
        // The written ranges are joined so that a parameter can be looked up even where its range was written together with others.
        _written.Sort();
        var from = new List<long>();
        var to = new List<long>();
        foreach ((long first, long end) in _written)
        {
            if (to.Count > 0 && first <= to[^1])
            {
                to[^1] = Math.Max(to[^1], end);
            }
            else
            {
                from.Add(first);
                to.Add(end);
            }
        }
        return parameter =>
        {
            int next = from.BinarySearch(parameter.Offset + parameter.Shape.Count - 1);
            int at = next >= 0 ? next : ~next - 1;
            return at >= 0 && to[at] > parameter.Offset;
        };
    }

    private void Write(Tensor tensor)
    {
        if (tensor.Storage == Gradients)
            _written.Add((tensor.Offset, tensor.Offset + tensor.Count));
    }

    private protected override Storage AllocateBlock(long count, MemoryCategory category) =>
        throw new UnreachableException("a rehearsal takes no memory");

    internal override void Free(Storage storage, bool forgotten) { }

    private protected override TimeMark MakeMark() =>
        throw new UnreachableException("a rehearsal takes no time");

    private protected override void Wait() { }

    protected override void Dispose(bool disposing) { }
}
