namespace Sequor.Layers;

/// <summary>The average loss over a set, in evaluation mode. Pieces of about the same length lie side by side.</summary>
internal sealed class PieceEvaluator : IDisposable
{
    private readonly PieceSet _set;
    private readonly int[] _order;
    private readonly int _size;
    private readonly PieceBatch _batch;
    private readonly Plan _plan;
    private readonly Loss _loss;

    public PieceEvaluator(
        Layer model,
        Backend backend,
        PieceSet set,
        Func<Plan, Loss> loss,
        int batch
    )
    {
        _set = set;
        _size = Math.Min(batch, set.Count);
        _order = [.. Enumerable.Range(0, set.Count).OrderBy(set.StepsOf)];
        _batch = new PieceBatch(set, _size);
        _plan = model.Plan(
            backend,
            set.Longest,
            _size,
            Mode.Evaluation,
            variableLengths: set.Shortest < set.Longest
        );
        try
        {
            _loss = loss(_plan);
        }
        catch
        {
            _plan.Dispose();
            throw;
        }
    }

    public double Run()
    {
        double sum = 0;
        double weights = 0;
        for (int first = 0; first < _order.Length; first += _size)
        {
            ReadOnlySpan<int> pieces = _order.AsSpan(first, Math.Min(_size, _order.Length - first));
            _batch.Load(_set, pieces);
            _plan.Forward(_batch.X, _batch.Steps, _batch.Size, _batch.Lengths);
            _loss.Compute(_batch.Targets, _batch.Mask);
            sum += _loss.Read() * _loss.Weight;
            weights += _loss.Weight;
        }
        return weights == 0 ? 0 : sum / weights;
    }

    public void Dispose()
    {
        _loss.Dispose();
        _plan.Dispose();
    }
}
