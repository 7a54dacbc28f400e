namespace Sequor.Layers;

/// <summary>Runs predictions on batches of any size with one evaluation plan, which it replaces by a larger one when needed.</summary>
internal sealed class Predictor(Layer model, Backend backend) : IDisposable
{
    private Plan? _plan;
    private bool _variableLengths;

    public Prediction Run(
        ReadOnlySpan<float> x,
        int length,
        int batch,
        ReadOnlySpan<int> lengths
    ) => new(PlanFor(length, batch, !lengths.IsEmpty).Forward(x, length, batch, lengths));

    public void Dispose() => _plan?.Dispose();

    private Plan PlanFor(int length, int batch, bool variableLengths)
    {
        if (
            _plan is { } plan
            && length <= plan.MaxLength
            && batch <= plan.MaxBatch
            && (_variableLengths || !variableLengths)
        )
            return plan;
        if (_plan is not null)
            (length, batch) = Room((_plan.MaxLength, _plan.MaxBatch), (length, batch));
        // The old plan is freed first, so that both need not be in memory at the same time.
        _plan?.Dispose();
        _plan = null;
        _variableLengths |= variableLengths;
        _plan = model.Plan(
            backend,
            length,
            batch,
            Mode.Evaluation,
            new PlanOptions { VariableLengths = _variableLengths }
        );
        return _plan;
    }

    /// <summary>
    /// The size of the next plan. It fits both sizes unless that takes more than twice the rows of either: a long sequence followed by a
    /// large batch of short ones does not need a plan for a large batch of long sequences.
    /// </summary>
    internal static (int Length, int Batch) Room(
        (int Length, int Batch) old,
        (int Length, int Batch) asked
    )
    {
        (int Length, int Batch) both = (
            Math.Max(old.Length, asked.Length),
            Math.Max(old.Batch, asked.Batch)
        );
        return Rows(both) <= 2 * Math.Max(Rows(old), Rows(asked)) ? both : asked;
    }

    private static long Rows((int Length, int Batch) size) => (long)size.Length * size.Batch;
}
