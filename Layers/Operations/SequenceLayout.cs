namespace Sequor.Layers;

/// <summary>
/// How the sequences of a batch lie in memory. Where all have the input's steps, activations are [T, B, C]. Otherwise they
/// are packed, [N, 1, C] with one row a step of a sequence and none for padding: step after step, in each the sequences that
/// last so long, longest first. It is cuDNN's packed sequence-major layout.
/// </summary>
/// <remarks>One belongs to a plan and is set anew for each batch; setting it allocates nothing.</remarks>
internal sealed class SequenceLayout
{
    /// <summary>Why no recorded step has a packed batch: its lengths are in the calls of cuDNN.</summary>
    public const string NotRecordable =
        "the sequences of a batch differ in length, and lengths cannot be part of a captured step";

    private readonly int[] _lengths;
    private readonly int[] _order;
    private readonly int[] _given;
    private readonly int[] _table;

    /// <param name="maxLength">Most steps of a batch.</param>
    /// <param name="maxBatch">Most sequences of a batch.</param>
    public SequenceLayout(int maxLength, int maxBatch)
    {
        _lengths = new int[maxBatch];
        _order = new int[maxBatch];
        _given = new int[maxBatch];
        _table = new int[TableLength(maxLength, maxBatch)];
    }

    /// <summary>Whether the batch that runs is packed. All else here holds only where it is.</summary>
    public bool IsPacked { get; private set; }

    /// <summary>Sequences.</summary>
    public int Batch { get; private set; }

    /// <summary>Steps of the longest sequence.</summary>
    public int Steps { get; private set; }

    /// <summary>Rows: steps of all sequences.</summary>
    public int Rows => Row(Steps);

    /// <summary>Steps of each sequence, longest first.</summary>
    public ReadOnlySpan<int> Lengths => _lengths.AsSpan(0, Batch);

    /// <summary>Steps of each of the caller's sequences, in his order.</summary>
    public ReadOnlySpan<int> CallerLengths => _given.AsSpan(0, Batch);

    /// <summary>Steps of each sequence, longest first, where an array is wanted; beyond the batch are zeros.</summary>
    public int[] Values => _lengths;

    /// <summary>Which of the caller's sequences each is.</summary>
    public ReadOnlySpan<int> Order => _order.AsSpan(0, Batch);

    /// <summary>The same where an array is wanted.</summary>
    public int[] OrderValues => _order;

    /// <summary>
    /// Lengths, from <see cref="OrderAt"/> on the order, from <see cref="RowsAt"/> on the first rows: what is copied to a
    /// device at once.
    /// </summary>
    public ReadOnlySpan<int> Table => _table.AsSpan(0, RowsAt + Steps + 1);

    public int OrderAt => _lengths.Length;

    public int RowsAt => 2 * _lengths.Length;

    /// <summary>Values of the largest table.</summary>
    public static int TableLength(int maxLength, int maxBatch) =>
        checked(2 * maxBatch + maxLength + 1);

    /// <summary>The table's place in a backend's memory, of <see cref="Backend.LayoutCount"/>; empty where it has none.</summary>
    public Tensor OnDevice { get; set; }

    /// <summary>The first row of a step; of the step after the last one, the number of rows.</summary>
    public int Row(int step) => _table[RowsAt + step];

    /// <summary>Sequences that have this step; none before the first step and after the last.</summary>
    public int Active(int step) => (uint)step < (uint)Steps ? Row(step + 1) - Row(step) : 0;

    /// <summary>The step that a row belongs to.</summary>
    public int StepOf(int row)
    {
        int low = 0;
        int high = Steps;
        while (high - low > 1)
        {
            int middle = (low + high) / 2;
            if (Row(middle) <= row)
                low = middle;
            else
                high = middle;
        }
        return low;
    }

    /// <summary>The next batch is not packed.</summary>
    public void SetWhole() => IsPacked = false;

    /// <summary>Lays out a batch; equal lengths keep the caller's order.</summary>
    /// <param name="lengths">Steps of each of the caller's sequences, each at least 1.</param>
    public void Set(ReadOnlySpan<int> lengths)
    {
        IsPacked = true;
        Batch = lengths.Length;
        lengths.CopyTo(_given);
        Array.Clear(_lengths);
        // By insertion: a batch is short, and often in order already.
        for (int i = 0; i < Batch; i++)
        {
            int at = i;
            for (; at > 0 && _lengths[at - 1] < lengths[i]; at--)
                (_lengths[at], _order[at]) = (_lengths[at - 1], _order[at - 1]);
            (_lengths[at], _order[at]) = (lengths[i], i);
        }
        Steps = _lengths[0];
        int active = Batch;
        int row = 0;
        for (int t = 0; t < Steps; t++)
        {
            while (_lengths[active - 1] <= t)
                active--;
            _table[RowsAt + t] = row;
            row += active;
        }
        _table[RowsAt + Steps] = row;
        Lengths.CopyTo(_table);
        Order.CopyTo(_table.AsSpan(OrderAt));
    }
}
