using System.Collections;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Which registers hold a value that is still read, before each instruction of a kernel.</summary>
internal sealed class PtxLiveness
{
    // Those that write no register.
    private static readonly HashSet<string> s_noResult =
    [
        "st",
        "red",
        "bra",
        "ret",
        "exit",
        "trap",
        "membar",
        "fence",
        "cp",
        "nanosleep",
    ];

    // Instructions times registers: of memory in bits, and of steps. Kernels of compilers have some millions.
    private const long Most = 1L << 28;

    private readonly PtxKernel _kernel;
    private readonly BitArray[] _before;

    public PtxLiveness(PtxKernel kernel)
    {
        _kernel = kernel;
        int count = kernel.Instructions.Count;
        if ((long)count * kernel.Registers.Count > Most)
            throw new PtxException(
                kernel.Name,
                kernel.Line,
                $"has {count} instructions of {kernel.Registers.Count} registers; their product is {Most} at most"
            );
        _before = new BitArray[count + 1];
        for (int i = 0; i <= count; i++)
            _before[i] = new BitArray(kernel.Registers.Count);
        ILookup<int, int> branches = kernel
            .Instructions.Where(i => i.Opcode == "bra")
            .ToLookup(i => Target(i) ?? -1, i => i.Index);
        var waiting = new Stack<int>(Enumerable.Range(0, count));
        bool[] waits = new bool[count];
        Array.Fill(waits, true);
        // Only what comes before a change is looked at again, so that no order of branches takes many rounds.
        while (waiting.TryPop(out int i))
        {
            waits[i] = false;
            if (!Update(i))
                continue;
            if (i > 0)
                Again(i - 1);
            foreach (int branch in branches[i])
                Again(branch);
        }

        void Again(int instruction)
        {
            if (waits[instruction])
                return;
            waits[instruction] = true;
            waiting.Push(instruction);
        }
    }

    private int? Target(PtxInstruction branch) =>
        branch.Operands is [LabelOperand label, ..] ? _kernel.Labels[label.Name] : null;

    /// <summary>Live before an instruction, in the order of the registers.</summary>
    public IEnumerable<PtxRegister> Before(int instruction) =>
        _kernel.Registers.Where(r => _before[instruction][r.Index]);

    /// <summary>The registers that an instruction writes.</summary>
    public static IEnumerable<PtxRegister> Results(PtxInstruction instruction) =>
        HasResult(instruction) ? Registers(instruction.Operands[0]) : [];

    /// <summary>The registers that an instruction reads or writes.</summary>
    public static IEnumerable<PtxRegister> All(PtxInstruction instruction) =>
        Results(instruction).Concat(Read(instruction));

    private static bool HasResult(PtxInstruction i) =>
        i.Operands.Length > 0
        && !s_noResult.Contains(i.Opcode)
        && !(i.Opcode is "bar" or "barrier" && !i.Has("red"));

    private static IEnumerable<PtxRegister> Read(PtxInstruction instruction)
    {
        IEnumerable<PtxOperand> operands = HasResult(instruction)
            ? instruction.Operands.Skip(1)
            : instruction.Operands;
        if (instruction.Guard is { } guard)
            operands = operands.Append(guard);
        return operands.SelectMany(Registers);
    }

    private static IEnumerable<PtxRegister> Registers(PtxOperand operand) =>
        operand switch
        {
            RegisterOperand register => [register.Register],
            AddressOperand { Base: RegisterOperand register } => [register.Register],
            VectorOperand vector => vector.Elements.SelectMany(Registers),
            PairOperand pair => Registers(pair.First).Concat(Registers(pair.Second)),
            _ => [],
        };

    private bool Update(int index)
    {
        PtxInstruction instruction = _kernel.Instructions[index];
        var live = new BitArray(_kernel.Registers.Count);
        bool leaves = instruction.Opcode is "bra" or "ret" or "exit" or "trap";
        if (!leaves || instruction.Guard is not null)
            live.Or(_before[index + 1]);
        if (instruction.Opcode == "bra" && Target(instruction) is { } target)
            live.Or(_before[target]);
        if (instruction.Guard is null)
            foreach (PtxRegister register in Results(instruction))
                live[register.Index] = false;
        foreach (PtxRegister register in Read(instruction))
            live[register.Index] = true;
        // Or in place of a comparison: what is live only grows.
        var old = new BitArray(_before[index]);
        _before[index].Or(live);
        return old.Xor(_before[index]).HasAnySet();
    }
}
