namespace Sequor.Layers;

/// <summary>An operation that ran, between two marks.</summary>
internal readonly record struct OperationRecord
{
    public required OperationName Name { get; init; }

    /// <summary>The layer's name; or a word for what is of no layer.</summary>
    public required string Layer { get; init; }
    public required string Kind { get; init; }
    public required ProfilePass Pass { get; init; }

    /// <summary>Whether <see cref="Layer"/> is a layer of the model.</summary>
    public required bool IsLayer { get; init; }

    /// <summary>Where its operands begin among those of the step, and their number.</summary>
    public required int FirstOperand { get; init; }
    public required int OperandCount { get; init; }
    public required long? BytesMoved { get; init; }
    public required long? Flops { get; init; }
    public int? Launches { get; init; }
    public required TimeMark Begin { get; init; }
    public required TimeMark End { get; init; }
}

/// <summary>
/// What a profile notes of a step, or of recorded work: operations in queue order, their operands, and the marks between which they run. It
/// is filled anew for each step, and allocates nothing once it has held as large a step.
/// </summary>
internal sealed class StepRecord(Backend backend) : IDisposable
{
    private readonly List<OperationRecord> _operations = [];
    private readonly List<Operand> _operands = [];
    private readonly List<TimeMark> _marks = [];
    private int _usedMarks;

    public IReadOnlyList<OperationRecord> Operations => _operations;

    /// <summary>The number of operations.</summary>
    public int Count => _operations.Count;

    public OperationRecord this[int index] => _operations[index];

    /// <summary>The operands of an operation.</summary>
    public ReadOnlySpan<Operand> OperandsOf(in OperationRecord operation) =>
        System
            .Runtime.InteropServices.CollectionsMarshal.AsSpan(_operands)
            .Slice(operation.FirstOperand, operation.OperandCount);

    /// <summary>Begins anew.</summary>
    public void Clear()
    {
        _operations.Clear();
        _operands.Clear();
        _usedMarks = 0;
    }

    /// <summary>Makes marks beforehand, as none should be made while work is being recorded.</summary>
    public void Reserve(long marks)
    {
        while (_marks.Count < marks)
            _marks.Add(backend.CreateMark());
    }

    /// <summary>A mark that this record has not used yet.</summary>
    public TimeMark NextMark()
    {
        Reserve(_usedMarks + 1L);
        return _marks[_usedMarks++];
    }

    /// <summary>Notes an operation and its operands.</summary>
    public void Add(in OperationRecord operation, ReadOnlySpan<Operand> operands)
    {
        _operations.Add(operation);
        foreach (Operand operand in operands)
            _operands.Add(operand);
    }

    /// <summary>The number of operands so far.</summary>
    public int OperandCount => _operands.Count;

    /// <summary>Says how many launches the last operation took.</summary>
    public void Launched(int? launches) =>
        _operations[^1] = _operations[^1] with { Launches = launches };

    /// <summary>Adds the operations of recorded work, whose marks are its own.</summary>
    public void Append(StepRecord recorded)
    {
        int first = _operands.Count;
        foreach (OperationRecord operation in recorded._operations)
            _operations.Add(operation with { FirstOperand = first + operation.FirstOperand });
        _operands.AddRange(recorded._operands);
    }

    public void Dispose()
    {
        foreach (TimeMark mark in _marks)
            mark.Dispose();
        _marks.Clear();
        Clear();
    }
}
