namespace Sequor.Layers;

/// <summary>How an operation uses a tensor.</summary>
internal enum OperandUse
{
    Read,
    Write,

    /// <summary>Read and written: added to, or changed in place.</summary>
    Update,

    /// <summary>Scratch memory, which holds nothing before and after the operation and is not counted as moved.</summary>
    Scratch,
}

/// <summary>A tensor that an operation uses. The shape is that of the tensor.</summary>
internal readonly record struct Operand(Storage Storage, long Offset, Shape Shape, OperandUse Use)
{
    public long Bytes => Shape.Count * sizeof(float);

    /// <summary>The shapes in words: what is read, then what is written; what is updated is in both.</summary>
    public static string ShapesOf(ReadOnlySpan<Operand> operands)
    {
        var read = new List<string>();
        var written = new List<string>();
        foreach (Operand operand in operands)
        {
            if (operand.Use is OperandUse.Read or OperandUse.Update)
                read.Add(operand.Shape.ToString());
            if (operand.Use is OperandUse.Write or OperandUse.Update)
                written.Add(operand.Shape.ToString());
        }
        string from = string.Join(" x ", read);
        return written.Count == 0
            ? from
            : $"{from}{(from.Length > 0 ? " " : "")}-> {string.Join(", ", written)}";
    }
}

/// <summary>
/// What an operation does, as a <see cref="StepProbe"/> is told: its name, its operands, and what it costs. A backend has one of these,
/// which every operation fills anew.
/// </summary>
internal sealed class OperationReport
{
    private Operand[] _operands = new Operand[16];
    private int _count;
    private bool _inLibrary;

    /// <summary>What is computed.</summary>
    public OperationName Name { get; private set; } = OperationName.Code;

    /// <summary>The tensors that it uses.</summary>
    public ReadOnlySpan<Operand> Operands => _operands.AsSpan(0, _count);

    /// <summary>Each operand and result once, those that are added to twice; null inside a library or a caller's code.</summary>
    public long? BytesMoved
    {
        get
        {
            if (_inLibrary)
                return null;
            long bytes = ExtraBytes;
            foreach (ref readonly Operand operand in Operands)
                bytes += operand.Use switch
                {
                    OperandUse.Scratch => 0,
                    OperandUse.Update => 2 * operand.Bytes,
                    _ => operand.Bytes,
                };
            return bytes;
        }
    }

    /// <summary>Operations with floats, by formula; null for a caller's code.</summary>
    public long? Flops { get; private set; }

    /// <summary>Launches and library calls, known at the operation's end; null for a caller's code.</summary>
    public int? Launches { get; internal set; }

    // What is moved from or to memory that no tensor lies in, as that of the host, less what of an operand is left out.
    private long ExtraBytes { get; set; }

    /// <summary>Begins a report.</summary>
    internal OperationReport Begin(OperationName name)
    {
        (Name, _count, _inLibrary, Flops, Launches, ExtraBytes) = (name, 0, false, 0, 0, 0);
        return this;
    }

    /// <summary>Adds tensors that are read; empty ones are left out.</summary>
    public OperationReport Reads(params ReadOnlySpan<Tensor> tensors) =>
        Use(tensors, OperandUse.Read);

    /// <summary>Adds tensors that are written without being read.</summary>
    public OperationReport Writes(params ReadOnlySpan<Tensor> tensors) =>
        Use(tensors, OperandUse.Write);

    /// <summary>Adds tensors that are added to, or changed in place.</summary>
    public OperationReport Updates(params ReadOnlySpan<Tensor> tensors) =>
        Use(tensors, OperandUse.Update);

    /// <summary>Adds a tensor that is added to, or written where it is not.</summary>
    public OperationReport Results(Tensor tensor, bool adds) =>
        adds ? Updates(tensor) : Writes(tensor);

    /// <summary>Adds scratch memory.</summary>
    public OperationReport Scratch(Tensor tensor) => Use([tensor], OperandUse.Scratch);

    /// <summary>Adds bytes that are moved from or to memory that is no operand's; negative for what of an operand is not moved.</summary>
    public OperationReport Moves(long bytes)
    {
        ExtraBytes += bytes;
        return this;
    }

    /// <summary>Says how many operations with floats it takes.</summary>
    public OperationReport Costs(long flops)
    {
        Flops = flops;
        return this;
    }

    /// <summary>Says whether the work happens inside a vendor's library, whose traffic is its own.</summary>
    public OperationReport InLibrary(bool isSo)
    {
        _inLibrary = isSo;
        return this;
    }

    /// <summary>Says that the work is a caller's, whose cost nobody knows here.</summary>
    public OperationReport Unknown()
    {
        (_inLibrary, Flops, Launches) = (true, null, null);
        return this;
    }

    private OperationReport Use(ReadOnlySpan<Tensor> tensors, OperandUse use)
    {
        foreach (Tensor tensor in tensors)
        {
            if (tensor.IsEmpty || tensor.Count == 0)
                continue;
            // It would be counted as memory that there is not.
            if (tensor.Offset + tensor.Count > tensor.Storage.Count)
                throw new InvalidOperationException(
                    $"The operation {Name} reports {tensor.Shape} at {tensor.Offset} of a block of {tensor.Storage.Count} floats."
                );
            if (_count == _operands.Length)
                Array.Resize(ref _operands, 2 * _count);
            _operands[_count++] = new Operand(tensor.Storage, tensor.Offset, tensor.Shape, use);
        }
        return this;
    }
}
