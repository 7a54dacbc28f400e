namespace Sequor.VirtualGpu.Ptx;

/// <summary>What ptxas refuses, beside the types of registers, before anything is made of an instruction.</summary>
internal sealed partial class PtxCompiler
{
    private void Check()
    {
        if (PtxForms.Fault(_now, _kernel.Target) is { } fault)
            throw Refuse(fault);
        CheckResults();
        foreach (PtxOperand operand in _now.Operands)
            if (
                operand is SpecialOperand { Name: "%globaltimer" }
                && _kernel.Target.Lacks(31, 30) is { } lacks
            )
                throw Refuse($"reads %globaltimer, which {lacks}");
        switch (_now.Opcode)
        {
            case "ld" or "st":
                CheckOrder();
                break;
            case "bar" or "barrier" when !_now.Has("warp"):
                CheckBarrier(_now.Has("red") ? 1 : 0);
                break;
            case "bfe":
                CheckRange(2, 255);
                CheckRange(3, 255);
                break;
            case "bfi":
                CheckRange(3, 255);
                CheckRange(4, 255);
                break;
            case "cp" when _now.Operands.Length >= 3:
                CheckCopy();
                break;
        }
    }

    /// <summary>Where there may be two results, none, or several in braces.</summary>
    private void CheckResults()
    {
        for (int i = 0; i < _now.Operands.Length; i++)
        {
            switch (_now.Operands[i])
            {
                case PairOperand when i > 0:
                    throw Refuse("has two results in place of an operand");
                case PairOperand pair:
                    if (_now.Opcode is not ("setp" or "shfl") && !IsMatchOfAll())
                        throw Refuse("has one result, and two places for it");
                    if (pair.First is SinkOperand && _now.Opcode != "setp")
                        throw Refuse("has no place for its first result");
                    break;
                case SinkOperand when i > 0 || _now.Opcode is not ("setp" or "atom"):
                    throw Refuse("has '_' where that cannot be");
                case VectorOperand vector when vector.Elements.All(e => e is SinkOperand):
                    throw Refuse("has no result that is kept");
                case VectorOperand vector:
                    CheckElements(vector);
                    break;
            }
        }

        bool IsMatchOfAll() => _now.Opcode == "match" && _now.Has("all");
    }

    /// <summary>Registers in braces are of one size, and there are no whole numbers beside floats.</summary>
    private void CheckElements(VectorOperand vector)
    {
        PtxType[] held =
        [
            .. vector.Elements.OfType<RegisterOperand>().Select(e => e.Register.Type),
        ];
        if (held.Select(t => t.Bytes()).Distinct().Count() > 1)
            throw Refuse("has registers of different sizes in braces");
        if (held.Any(t => t.IsFloat()) && vector.Elements.Any(e => e is IntegerOperand))
            throw Refuse("has a float beside a whole number in braces");
    }

    /// <summary>Which orders, scopes, spaces and hints of a load or store go together.</summary>
    private void CheckOrder()
    {
        PtxSpace space = SpaceOf(_now.Modifiers);
        bool anywhere = space is PtxSpace.Generic or PtxSpace.Global;
        bool ordered = _now.Has("relaxed") || _now.Has("acquire") || _now.Has("release");
        bool cached = _now.Modifiers.Any(m => m.Length == 2 && m is not ("nc" or "v2" or "v4"));
        bool kept = _now.Modifiers.Any(m => m.StartsWith("L1::", StringComparison.Ordinal));
        bool fetched = _now.Modifiers.Any(m => m.StartsWith("L2::", StringComparison.Ordinal));
        if (ordered != s_scopes.Any(_now.Has))
            throw Refuse(ordered ? "has an order and no scope" : "has a scope and no order");
        if ((ordered || _now.Has("volatile")) && !anywhere && space != PtxSpace.Shared)
            throw Refuse("has an order, which there is none of in this space");
        if (cached && (ordered || _now.Has("volatile") || kept))
            throw Refuse("has a cache's name beside what excludes it");
        if ((kept && (!anywhere || _now.Has("volatile"))) || (fetched && !anywhere))
            throw Refuse("has a hint to a cache that it does not pass");
        if (!_now.Has("nc"))
            return;
        if (
            space != PtxSpace.Global
            || ordered
            || _now.Has("volatile")
            || _now.Has("weak")
            || _now.Has("lu")
            || _now.Has("cv")
        )
            throw Refuse("has .nc, which is for plain loads of global memory");
    }

    private void CheckBarrier(int first)
    {
        PtxOperand[] o = _now.Operands;
        if (o.Length <= first)
            return;
        CheckRange(first, 15);
        bool counted = o.Length - first - first == 2;
        if (counted && o[first + 1] is IntegerOperand { Value: var threads } && threads % 32 != 0)
            throw Refuse($"waits for {threads} threads, which is no number of whole warps");
    }

    private void CheckCopy()
    {
        PtxOperand[] o = _now.Operands;
        if (
            Array.IndexOf(_now.Modifiers, "shared") > Array.IndexOf(_now.Modifiers, "global")
            || o[2] is not IntegerOperand { Value: 4 or 8 or 16 } bytes
            || (_now.Has("cg") && bytes.Value != 16)
        )
            throw Refuse("copies 4, 8 or 16 bytes to shared memory; 16 alone with .cg");
        CheckRange(3, bytes.Value);
    }

    /// <summary>Where an operand is a constant, it lies between 0 and the most that there is.</summary>
    private void CheckRange(int index, long most)
    {
        if (
            index < _now.Operands.Length
            && _now.Operands[index] is IntegerOperand { Value: var value }
            && (value < 0 || value > most)
        )
            throw Refuse($"has {value} as operand {index}; there are 0 to {most}");
    }
}
