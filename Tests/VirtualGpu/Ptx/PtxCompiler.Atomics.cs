using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Atomic operations and asynchronous copies.</summary>
internal sealed partial class PtxCompiler
{
    private void Atomic(PtxOperand[] o, bool hasResult)
    {
        string[] operations =
        [
            "add",
            "exch",
            "cas",
            "min",
            "max",
            "inc",
            "dec",
            "and",
            "or",
            "xor",
        ];
        int operation = Array.FindIndex(operations, _now.Has);
        PtxType type = _now.Type;
        bool compares = operation == 2;
        if (
            operation < 0
            || type.Bytes() < 4
            || (type.IsFloat() && operation != 0)
            || (operation is 5 or 6 && type != PtxType.U32)
            || o.Length != (hasResult ? 3 : 2) + (compares ? 1 : 0)
        )
            throw Refuse("is not supported");
        int first = hasResult ? 1 : 0;
        PushScratch(0);
        Push(o[first + 1], type);
        _il.Emit(StoreCode(type));
        if (compares)
        {
            PushScratch(8);
            Push(o[first + 2], type);
            _il.Emit(StoreCode(type));
        }
        CallAccess(
            o[first],
            Access(1) with
            {
                Reads = true,
                Writes = true,
                Atomic = (PtxAtomic)(operation + 1),
                Order = Access(1).Order == PtxOrder.Weak ? PtxOrder.Relaxed : Access(1).Order,
            }
        );
        if (!hasResult)
            return;
        PushScratch(0);
        _il.Emit(LoadCode(type));
        Pop(o[0], type);
    }

    /// <summary><c>cp.async.ca.shared.global [to], [from], 16{, bytes};</c> and the waits for it.</summary>
    private void Asynchronous()
    {
        if (_now.Has("commit_group") || _now.Has("wait_group") || _now.Has("wait_all"))
        {
            bool all = _now.Has("wait_all");
            PtxOperand[] groups = _now.Has("wait_group") ? Operands(1, 1) : Operands(0, 0);
            if (groups is [not IntegerOperand])
                throw Refuse("waits for a number of groups that is no constant");
            if (all || _now.Has("commit_group"))
            {
                _il.Emit(OpCodes.Ldarg_0);
                Call(typeof(PtxAsync), nameof(PtxAsync.Commit));
            }
            if (_now.Has("commit_group"))
                return;
            _il.Emit(OpCodes.Ldarg_0);
            if (all)
                _il.Emit(OpCodes.Ldc_I4_0);
            else
                Push(groups[0], PtxType.U32);
            Call(typeof(PtxAsync), nameof(PtxAsync.Wait));
            return;
        }
        PtxOperand[] o = Operands(3, 4);
        var bytes = (IntegerOperand)o[2];
        PushScratch(0);
        Push(o.Length == 4 ? o[3] : o[2], PtxType.U32);
        _il.Emit(OpCodes.Stind_I4);
        PushScratch(8);
        PushAddress(o[0], PtxSpace.Shared);
        _il.Emit(OpCodes.Stind_I8);
        CallAccess(
            o[1],
            new PtxAccess
            {
                Space = PtxSpace.Global,
                Type = PtxType.B32,
                Bytes = (int)bytes.Value,
                Asynchronous = true,
            }
        );
    }
}
