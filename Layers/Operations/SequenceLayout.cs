namespace Sequor.Layers;

/// <summary>
/// How the sequences of a batch lie in memory. Where all of them have as many steps as the input, activations are [T, B, C]. Otherwise they
/// are packed as [N, 1, C], with one row for each step of each sequence and none for padding: steps follow each other, and each has the
/// rows of the sequences that reach it, longest first. This is cuDNN's packed sequence-major layout.
/// </summary>
/// <remarks>A layout belongs to a plan and is set anew for each batch. Setting it allocates nothing.</remarks>
internal sealed class SequenceLayout
{
    /// <summary>Why a packed batch cannot be part of a recorded step: cuDNN takes the lengths as arguments of its calls.</summary>
    public const string NotRecordable =
        "the sequences of a batch differ in length, and lengths cannot be part of a captured step";

    private readonly int[] _lengths;
    private readonly int[] _order;
    private readonly int[] _given;
    private readonly int[] _table;

    /// <param name="maxLength">The most steps of a batch.</param>
    /// <param name="maxBatch">The most sequences of a batch.</param>
    public SequenceLayout(int maxLength, int maxBatch)
    {
        _lengths = new int[maxBatch];
        _order = new int[maxBatch];
        _given = new int[maxBatch];
        _table = new int[TableLength(maxLength, maxBatch)];
    }

    /// <summary>Whether the current batch is packed. All other members describe a packed batch only.</summary>
    public bool IsPacked { get; private set; }

    /// <summary>The number of sequences.</summary>
    public int Batch { get; private set; }

    /// <summary>The number of steps of the longest sequence.</summary>
    public int Steps { get; private set; }

    /// <summary>The number of rows: the steps of all sequences together.</summary>
    public int Rows => Row(Steps);

    /// <summary>The steps of each sequence, longest first.</summary>
    public ReadOnlySpan<int> Lengths => _lengths.AsSpan(0, Batch);

    /// <summary>The steps of each sequence, in the caller's order.</summary>
    public ReadOnlySpan<int> CallerLengths => _given.AsSpan(0, Batch);

    /// <summary>As <see cref="Lengths"/>, for calls that take an array; it has zeros after the batch.</summary>
    public int[] Values => _lengths;

    /// <summary>For each packed sequence, its index in the caller's batch.</summary>
    public ReadOnlySpan<int> Order => _order.AsSpan(0, Batch);

    /// <summary>As <see cref="Order"/>, for calls that take an array.</summary>
    public int[] OrderValues => _order;

    /// <summary>
    /// The lengths, from <see cref="OrderAt"/> on the order, and from <see cref="RowsAt"/> on the first rows of the steps. It is copied to
    /// a device in one piece.
    /// </summary>
    public ReadOnlySpan<int> Table => _table.AsSpan(0, RowsAt + Steps + 1);

    public int OrderAt => _lengths.Length;

    public int RowsAt => 2 * _lengths.Length;

    /// <summary>The number of values of the largest table.</summary>
    public static int TableLength(int maxLength, int maxBatch) =>
        checked(2 * maxBatch + maxLength + 1);

    /// <summary>The table in a backend's memory, <see cref="Backend.LayoutCount"/> floats; empty where the backend needs none.</summary>
    public Tensor OnDevice { get; set; }

    /// <summary>The first row of a step. For the step after the last one, the number of rows.</summary>
    public int Row(int step) => _table[RowsAt + step];

    /// <summary>How many sequences reach a step; 0 before the first step and after the last.</summary>
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

    /// <summary>Makes the next batch one that is not packed.</summary>
    public void SetWhole() => IsPacked = false;

    /// <summary>Lays out a packed batch. Sequences of equal length keep the caller's order.</summary>
    /// <param name="lengths">The steps of each of the caller's sequences, each at least 1.</param>
    public void Set(ReadOnlySpan<int> lengths)
    {
        IsPacked = true;
        Batch = lengths.Length;
        lengths.CopyTo(_given);
        Array.Clear(_lengths);
        // An insertion sort allocates nothing and is stable; batches are short and often sorted already.
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
