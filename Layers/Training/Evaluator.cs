namespace Sequor.Layers;

/// <summary>
/// Computes the average loss over a finite set, in evaluation mode. Batches are made of sequences of about the same length.
/// </summary>
internal sealed class Evaluator : IDisposable
{
    private readonly Dataset _data;
    private readonly DatasetShape _shape;
    private readonly int[] _order;
    private readonly int _size;
    private readonly SequenceBatch _batch;
    private readonly Plan _plan;
    private readonly Loss _loss;

    public Evaluator(Layer model, Backend backend, Dataset data, int batch)
    {
        _data = data;
        _shape = DatasetShape.Of(data);
        int count = data.Count!.Value;
        _size = Math.Min(batch, count);
        _order = [.. Enumerable.Range(0, count).OrderBy(i => data.LengthOf(i))];
        _batch = new SequenceBatch(data, _size);
        _plan = model.Plan(
            backend,
            data.Longest,
            _size,
            Mode.Evaluation,
            new PlanOptions { VariableLengths = data.Shortest < data.Longest }
        );
        try
        {
            _loss = data.CreateLoss(_plan);
        }
        catch
        {
            _plan.Dispose();
            throw;
        }
    }

    public double Run()
    {
        _shape.RequireSame(_data);
        double sum = 0;
        double weights = 0;
        for (int first = 0; first < _order.Length; first += _size)
        {
            int count = Math.Min(_size, _order.Length - first);
            _batch.Load(_data, _order.AsSpan(first, count));
            _plan.Forward(_batch.X, _batch.Length, _batch.Size, _batch.Lengths);
            _loss.Compute(_batch.Targets, _batch.Mask);
            sum += _loss.ReadValue() * _loss.Weight;
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
