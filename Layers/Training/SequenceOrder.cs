namespace Sequor.Layers;

/// <summary>
/// Decides which sequences a step takes. For a finite set, each epoch takes all sequences in a random order of its own, or the windows of
/// streams in their order; for an endless one, each step takes the next sequences. All depend only on the step's number and the seed.
/// </summary>
internal sealed class SequenceOrder
{
    // Far from the stream numbers that parameters are drawn from.
    private const ulong OrderStream = 1UL << 62;

    private readonly ulong _seed;
    private readonly int _size;

    // For a finite set, its sequences in the order of the epoch.
    private readonly int[]? _order;
    private long _orderOf = -1;
    private readonly WindowStreams? _streams;

    /// <param name="count">The number of sequences of the set; null for an endless one.</param>
    /// <param name="size">The number of sequences of a step.</param>
    /// <param name="seed">The seed of the orders.</param>
    public SequenceOrder(int? count, int size, ulong seed)
    {
        (_size, _seed) = (size, seed);
        if (count is { } finite)
            _order = new int[finite];
    }

    /// <param name="streams">The streams of a continuous set, which every epoch goes through in the same order.</param>
    public SequenceOrder(WindowStreams streams) => _streams = streams;

    /// <summary>Fills a batch with the sequences of a step.</summary>
    /// <exception cref="DatasetException">The set broke the rules of <see cref="Dataset"/>.</exception>
    public void Load(SequenceBatch batch, Dataset data, long step)
    {
        if (_streams is not null)
        {
            batch.Load(data, _streams.Of((int)(step % _streams.Steps)));
            return;
        }
        if (_order is null)
        {
            batch.Load(data, step * _size, _size);
            return;
        }
        int steps = (_order.Length + _size - 1) / _size;
        (long epoch, long index) = Math.DivRem(step, steps);
        Shuffle(epoch);
        int first = (int)index * _size;
        batch.Load(data, _order.AsSpan(first, Math.Min(_size, _order.Length - first)));
    }

    // The shuffle of Fisher and Yates begins with the identity, so that the order of an epoch depends on no other epoch.
    private void Shuffle(long epoch)
    {
        if (_orderOf == epoch)
            return;
        var random = new Philox(_seed, OrderStream + (ulong)epoch);
        for (int i = 0; i < _order!.Length; i++)
            _order[i] = i;
        for (int i = _order.Length - 1; i > 0; i--)
        {
            int other = random.Next(i + 1);
            (_order[i], _order[other]) = (_order[other], _order[i]);
        }
        _orderOf = epoch;
    }
}
