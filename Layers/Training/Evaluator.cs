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

    // The outputs of a batch on the host, where answers are counted.
    private float[]? _output;

    public Evaluator(Layer model, Backend backend, Dataset data, int batch, bool carries)
    {
        _data = data;
        _shape = DatasetShape.Of(data);
        int count = data.Count!.Value;
        _size = Math.Min(batch, count);
        if (carries)
        {
            WindowStreams.Require(data, nameof(data));
            _streams = new WindowStreams(data, _size);
        }
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
    public double Run() => Run(answers: false).Loss;

    /// <summary>The average loss and, if asked for, the share of the classes that are the model's largest output.</summary>
    public Evaluation Run(bool answers)
    {
        _shape.RequireSame(_data);
        var loss = new Mean();
        var right = new Mean();
        bool[]? each = answers && _shape.OneOutput ? new bool[_order.Length] : null;
        int batches = _streams?.Batches ?? (_order.Length + _size - 1) / _size;
        for (int i = 0; i < batches; i++)
        {
            ReadOnlySpan<int> sequences = SequencesOf(i);
            _batch.Load(_data, sequences);
            if (_streams?.IsFirst(i) == true)
                _plan.Reset();
            _plan.Forward(_batch.X, _batch.Length, _batch.Size, _batch.Lengths);
            _loss.Compute(_batch.Targets, _batch.Mask);
            loss.Add(_loss.ReadValue() * _loss.Weight, _loss.Weight);
            if (answers)
                CountHits(ref right, sequences, each);
        }
        return new Evaluation(loss.Value, answers ? right.Value : null) { Right = each };
    }

    // Of sequences with one target each a row is a sequence.
    private void CountHits(ref Mean right, ReadOnlySpan<int> sequences, bool[]? each)
    {
        Tensor output = _plan.Output;
        _output ??= new float[_plan.MaxOutput.Count];
        Span<float> values = _output.AsSpan(0, (int)output.Count);
        output.Read(values);
        int classes = output.Shape.Columns;
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
            if (!IsLargest(values.Slice(row * classes, classes), (int)targets[row]))
                continue;
            sum += weight;
            each?[sequences[row]] = true;
        }
        right.Add(sum, weights);
    }

    private ReadOnlySpan<int> SequencesOf(int batch)
    {
        if (_streams is not null)
            return _streams.Of(batch);
        int first = batch * _size;
        return _order.AsSpan(first, Math.Min(_size, _order.Length - first));
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

    // Each batch has a sum, and the weight of what is in it.
    private struct Mean
    {
        private double _sum;
        private double _weight;

        public readonly double Value => _weight == 0 ? 0 : _sum / _weight;

        public void Add(double sum, double weight) =>
            (_sum, _weight) = (_sum + sum, _weight + weight);
    }
}
