namespace Sequor.Layers;

/// <summary>
/// Finds how many of the allocated bytes hold values that are still needed at each row of a profiled step. A value lives from the operation
/// that writes it to the last one that reads it before its place is written anew; one that is read before the step writes it was carried
/// over from the step before, and lives from the begin, as does what is written last in its place until the end.
/// </summary>
internal sealed class MemoryUse
{
    private static readonly int Categories = Enum.GetValues<MemoryCategory>().Length;

    private readonly StepRecord _record;
    private readonly List<Life> _lives = [];

    private readonly Func<string, string> _planned;

    private MemoryUse(StepRecord record, Func<string, string> planned) =>
        (_record, _planned) = (record, planned);

    /// <summary>The bytes in use at each row.</summary>
    public IReadOnlyList<ProfiledMemory> Rows { get; private set; } = [];

    /// <summary>Who owns what is in use at the peak, the largest first.</summary>
    public IReadOnlyList<OwnedMemory> PeakOwners { get; private set; } = [];

    // A range of a block and the places of the step where it holds a value that is needed: operation i is at 2 i + 1, the time before it at 2
    // i. The writer is -1 where no operation of the step wrote it.
    private readonly record struct Life(
        Storage Storage,
        long Offset,
        long Count,
        int From,
        int To,
        int Writer
    )
    {
        public long Bytes => Count * sizeof(float);
    }

    /// <summary>Finds the use of a step's memory.</summary>
    /// <param name="record">What the step did.</param>
    /// <param name="rows">Its rows, which include the time between operations.</param>
    /// <param name="planned">Finds the planned layer that a layer's name belongs to.</param>
    /// <param name="held">What is allocated: parameters, optimizer state, inputs and outputs are in use all the time.</param>
    public static MemoryUse Of(
        StepRecord record,
        ReadOnlySpan<ProfiledRow> rows,
        Func<string, string> planned,
        IReadOnlyList<OwnedMemory> held
    )
    {
        var use = new MemoryUse(record, planned);
        OwnedMemory[] always =
        [
            .. held.Where(owned =>
                IsAlways(owned.Category)
                && owned.Layer is not (OwnedMemory.Backend or OwnedMemory.Others)
            ),
        ];
        use.FindLives();
        use.Sum(rows, always);
        return use;
    }

    private static bool IsAlways(MemoryCategory category) =>
        category
            is MemoryCategory.Parameters
                or MemoryCategory.Optimizer
                or MemoryCategory.InputOutput;

    private void FindLives()
    {
        var uses = new Dictionary<Storage, List<(int Operation, Operand Operand)>>();
        for (int i = 0; i < _record.Count; i++)
        {
            foreach (Operand operand in _record.OperandsOf(_record[i]))
            {
                if (IsAlways(operand.Storage.Category))
                    continue;
                if (!uses.TryGetValue(operand.Storage, out List<(int, Operand)>? list))
                    uses.Add(operand.Storage, list = []);
                list.Add((i, operand));
            }
        }
        foreach ((Storage storage, List<(int Operation, Operand Operand)> list) in uses)
            FindLives(storage, list);
    }

    // The block is cut at all ends of operands, so that each piece is used as a whole.
    private void FindLives(Storage storage, List<(int Operation, Operand Operand)> uses)
    {
        long[] cuts =
        [
            .. uses.SelectMany(u =>
                    new[] { u.Operand.Offset, u.Operand.Offset + u.Operand.Shape.Count }
                )
                .Distinct()
                .Order(),
        ];
        var pieces = new Piece[cuts.Length - 1];
        foreach ((int operation, Operand operand) in uses)
        {
            int first = Array.BinarySearch(cuts, operand.Offset);
            int end = Array.BinarySearch(cuts, operand.Offset + operand.Shape.Count);
            for (int i = first; i < end; i++)
                Use(ref pieces[i], storage, (cuts[i], cuts[i + 1]), operation, operand.Use);
        }
        for (int i = 0; i < pieces.Length; i++)
        {
            if (pieces[i].IsAlive)
                End(
                    pieces[i],
                    storage,
                    (cuts[i], cuts[i + 1]),
                    pieces[i].IsCarried ? 2 * _record.Count : Place(pieces[i].Last)
                );
        }
    }

    private struct Piece
    {
        public bool IsKnown;
        public bool IsAlive;
        public bool IsCarried;
        public int From;
        public int Last;
        public int Writer;
    }

    private void Use(
        ref Piece piece,
        Storage storage,
        (long From, long To) range,
        int operation,
        OperandUse use
    )
    {
        bool reads = use is OperandUse.Read or OperandUse.Update;
        if (reads && !piece.IsKnown)
            piece = new Piece
            {
                IsCarried = true,
                IsAlive = true,
                Writer = -1,
            };
        piece.IsKnown = true;
        if (reads && piece.IsAlive)
        {
            piece.Last = operation;
            return;
        }
        // Several operands of one operation may be in the same place, which is written in it.
        if (piece.IsAlive && piece.From == operation && piece.Writer == operation)
            return;
        // What is read and written over by one operation is there once.
        if (piece.IsAlive)
            End(piece, storage, range, Place(piece.Last) - (piece.Last == operation ? 1 : 0));
        (piece.IsAlive, piece.From, piece.Last, piece.Writer) = (
            use != OperandUse.Scratch,
            operation,
            operation,
            operation
        );
        if (use == OperandUse.Scratch)
            End(piece, storage, range, Place(operation));
    }

    private static int Place(int operation) => 2 * operation + 1;

    private void End(in Piece piece, Storage storage, (long From, long To) range, int to) =>
        _lives.Add(
            new Life(
                storage,
                range.From,
                range.To - range.From,
                piece.Writer < 0 ? 0 : Place(piece.From),
                to,
                piece.Writer
            )
        );

    private void Sum(ReadOnlySpan<ProfiledRow> rows, OwnedMemory[] always)
    {
        long[] constant = new long[Categories];
        foreach (OwnedMemory owned in always)
            constant[(int)owned.Category] += owned.Bytes;
        // Changes at the begin of each operation, and of the time after it.
        long[,] changes = new long[2 * _record.Count + 2, Categories];
        foreach (Life life in _lives)
        {
            int category = (int)life.Storage.Category;
            changes[life.From, category] += life.Bytes;
            changes[life.To + 1, category] -= life.Bytes;
        }
        var found = new ProfiledMemory[rows.Length];
        long[] now = [.. constant];
        int at = 0;
        int peak = -1;
        int peakAt = 0;
        int before = -1;
        for (int row = 0; row < rows.Length; row++)
        {
            int index = rows[row].Index;
            if (index >= 0)
                before = index;
            int to = index >= 0 ? Place(index) : Place(before) + 1;
            for (; at <= to; at++)
            {
                for (int c = 0; c < Categories; c++)
                    now[c] += changes[at, c];
            }
            found[row] = new ProfiledMemory(row, [.. now]);
            if (peak < 0 || found[row].Bytes > found[peak].Bytes)
                (peak, peakAt) = (row, to);
        }
        Rows = found;
        if (peak >= 0)
            PeakOwners = OwnersAt(peakAt, always);
    }

    private List<OwnedMemory> OwnersAt(int at, OwnedMemory[] always)
    {
        var sums = new Dictionary<(string Layer, bool IsLayer, MemoryCategory Category), long>();
        foreach (OwnedMemory owned in always)
            Add(owned.Layer, owned.IsLayer, owned.Category, owned.Bytes);
        foreach (Life life in _lives)
        {
            if (at < life.From || at > life.To)
                continue;
            (string layer, bool isLayer) = OwnerOf(life);
            Add(layer, isLayer, life.Storage.Category, life.Bytes);
        }
        return
        [
            .. sums.Where(sum => sum.Value > 0)
                .Select(sum => new OwnedMemory(
                    sum.Key.Layer,
                    sum.Key.IsLayer,
                    sum.Key.Category,
                    sum.Value
                ))
                .OrderByDescending(owned => owned.Bytes)
                .ThenBy(owned => owned.Layer, StringComparer.Ordinal),
        ];

        void Add(string layer, bool isLayer, MemoryCategory category, long bytes) =>
            sums[(layer, isLayer, category)] =
                sums.GetValueOrDefault((layer, isLayer, category)) + bytes;
    }

    // Of memory that layers take in turn, the owner is who wrote there.
    private (string Layer, bool IsLayer) OwnerOf(in Life life)
    {
        MemoryOwner? owner = life.Storage.Owner;
        if (owner is { IsLayer: true })
            return (owner.Name, true);
        long end = 0;
        foreach ((string layer, long bytes) in owner?.Shares ?? [])
        {
            end += bytes / sizeof(float);
            if (life.Offset < end)
                return (_planned(layer), true);
        }
        return life.Writer < 0
            ? (owner?.Name ?? OwnedMemory.Backend, false)
            : (_record[life.Writer].Layer, _record[life.Writer].IsLayer);
    }
}
