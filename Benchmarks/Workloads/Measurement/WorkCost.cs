using Sequor.Layers;

namespace Sequor.Workloads;

/// <summary>
/// What work on a backend has to move, compute and launch, operation by operation, as the backend says it while the work is queued.
/// It is counted and not timed, and so the same each time.
/// </summary>
public sealed record WorkCost
{
    private readonly IReadOnlyList<Operation> _operations;

    private WorkCost(IReadOnlyList<Operation> operations, long launches, bool knowsLaunches)
    {
        _operations = operations;
        Launches = knowsLaunches ? launches : null;
    }

    /// <summary>Operations that were queued.</summary>
    public int Operations => _operations.Count;

    /// <summary>Bytes that operations must read and write: each operand and each result once, of those that tell them.</summary>
    public long BytesMoved => _operations.Sum(operation => operation.Bytes ?? 0);

    /// <summary>Operations whose bytes are not known and not in <see cref="BytesMoved"/>, as those within cuDNN.</summary>
    public int BytesUnknown => _operations.Count(operation => operation.Bytes is null);

    /// <summary>Operations with floats, by formula.</summary>
    public long Flops => _operations.Sum(operation => operation.Flops ?? 0);

    /// <summary>Launches of Sequor's own kernels and calls of vendors' libraries; 0 on a CPU. Null where some are not known.</summary>
    public long? Launches { get; }

    /// <summary>The cost of those operations alone that are of some parts of a step. Launches are told of the whole only.</summary>
    /// <param name="passes">The parts.</param>
    public WorkCost OfPasses(params ReadOnlySpan<ProfilePass> passes)
    {
        var of = new List<Operation>();
        foreach (Operation operation in _operations)
        {
            if (passes.Contains(operation.Pass))
                of.Add(operation);
        }
        return new WorkCost(of, 0, knowsLaunches: false);
    }

    /// <summary>
    /// The least milliseconds that the operations take one after the other at a machine's peaks. Arrays that stay in caches may take
    /// less; of operations of unknown bytes what they compute counts alone.
    /// </summary>
    /// <param name="peaks">Of the same backend.</param>
    public double FloorMilliseconds(MachinePeaks peaks)
    {
        ArgumentNullException.ThrowIfNull(peaks);
        return _operations.Sum(operation =>
            peaks.FloorMilliseconds(operation.Bytes, operation.Flops) ?? 0
        );
    }

    /// <summary>
    /// Runs work and counts it. Work that is replayed as a recorded graph is not queued by the host, and so not seen:
    /// <see cref="StepGraph.RunEager"/> runs a step as it is.
    /// </summary>
    /// <param name="backend">What the work runs on.</param>
    /// <param name="work">Operations of layers, losses and optimizers on this backend.</param>
    public static WorkCost Of(Backend backend, Action work)
    {
        ArgumentNullException.ThrowIfNull(backend);
        ArgumentNullException.ThrowIfNull(work);
        var counter = new Counter();
        backend.AddProbe(counter);
        try
        {
            work();
        }
        finally
        {
            backend.RemoveProbe(counter);
        }
        return new WorkCost(counter.Operations, counter.Launches, counter.KnowsLaunches);
    }

    private sealed class Counter : StepProbe
    {
        private readonly Stack<ProfilePass> _passes = [];

        public List<Operation> Operations { get; } = [];

        public long Launches { get; private set; }

        public bool KnowsLaunches { get; private set; } = true;

        public override void BeginPass(ProfilePass pass, object of) => _passes.Push(pass);

        public override void EndPass() => _passes.TryPop(out _);

        public override void EndOperation(OperationReport operation)
        {
            Operations.Add(
                new Operation(
                    _passes.TryPeek(out ProfilePass pass) ? pass
                        : operation.Name.IsCopy ? ProfilePass.Copy
                        : ProfilePass.Other,
                    operation.BytesMoved,
                    operation.Flops
                )
            );
            KnowsLaunches &= operation.Launches is not null;
            Launches += operation.Launches ?? 0;
        }
    }

    private readonly record struct Operation(ProfilePass Pass, long? Bytes, long? Flops);
}
