namespace Sequor.Layers;

/// <summary>
/// Computes the average loss over a finite set, in evaluation mode. Batches are made of sequences of about the same length, or of the
/// windows of streams, which begin where the ones before them ended.
/// </summary>
internal sealed class Evaluator : IDisposable
{
    private readonly Dataset _data;
    private readonly DatasetShape _shape;
    private readonly int[] _order;
    private readonly WindowStreams? _streams;
    private readonly int _size;
    private readonly SequenceBatch _batch;
    private readonly Plan _plan;
    private readonly Loss _loss;

    public Evaluator(Layer model, Backend backend, Dataset data, int batch, bool carries)
    {
        _data = data;
        _shape = DatasetShape.Of(data);
        int count = data.Count!.Value;
        _size = Math.Min(batch, count);
        if (carries)
            _streams = new WindowStreams(data, _size);
        _order = [.. Enumerable.Range(0, count).OrderBy(i => data.LengthOf(i))];
        _batch = new SequenceBatch(data, _size);
        _plan = model.Plan(
            backend,
            data.Longest,
            _size,
            Mode.Evaluation,
            new PlanOptions
            {
                VariableLengths = !carries && data.Shortest < data.Longest,
                Carry = carries,
            }
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

    /// <summary>The average loss.</summary>
    public double Run() =>
        Average(() =>
        {
            _loss.Compute(_batch.Targets, _batch.Mask);
            return (_loss.ReadValue() * _loss.Weight, _loss.Weight);
        });

    /// <summary>The share of the classes that are the model's largest output.</summary>
    public double Accuracy()
    {
        float[] output = [];
        return Average(() =>
        {
            Array.Resize(ref output, (int)_plan.Output.Count);
            _plan.Output.Read(output);
            return Hits(output, _plan.Output.Shape.Columns);
        });
    }

    // Each batch has a sum, and the weight of what is in it.
    private double Average(Func<(double Sum, double Weight)> judge)
    {
        _shape.RequireSame(_data);
        double sum = 0;
        double weights = 0;
        int batches = _streams?.Batches ?? (_order.Length + _size - 1) / _size;
        for (int i = 0; i < batches; i++)
        {
            _batch.Load(_data, SequencesOf(i));
            if (_streams?.IsFirst(i) == true)
                _plan.Reset();
            _plan.Forward(_batch.X, _batch.Length, _batch.Size, _batch.Lengths);
            (double batchSum, double weight) = judge();
            sum += batchSum;
            weights += weight;
        }
        return weights == 0 ? 0 : sum / weights;
    }

    private ReadOnlySpan<int> SequencesOf(int batch)
    {
        if (_streams is not null)
            return _streams.Of(batch);
        int first = batch * _size;
        return _order.AsSpan(first, Math.Min(_size, _order.Length - first));
    }

    private (double Sum, double Weight) Hits(ReadOnlySpan<float> output, int classes)
    {
        ReadOnlySpan<float> targets = _batch.Targets;
        ReadOnlySpan<float> mask = _batch.Mask;
        double sum = 0;
        double weights = 0;
        for (int row = 0; row < targets.Length; row++)
        {
            float weight = mask.IsEmpty ? 1f : mask[row];
            if (weight == 0 || targets[row] == _data.IgnoredClass)
                continue;
            weights += weight;
            if (IsLargest(output.Slice(row * classes, classes), (int)targets[row]))
                sum += weight;
        }
        return (sum, weights);
    }

    // Of equal outputs the first one counts as the largest; beside a NaN none does.
    private static bool IsLargest(ReadOnlySpan<float> outputs, int at)
    {
        for (int i = 0; i < outputs.Length; i++)
        {
            if (!(i < at ? outputs[i] < outputs[at] : outputs[i] <= outputs[at]))
                return false;
        }
        return true;
    }

    public void Dispose()
    {
        _loss.Dispose();
        _plan.Dispose();
    }
}
