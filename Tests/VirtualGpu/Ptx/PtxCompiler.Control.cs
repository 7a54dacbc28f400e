using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Branches and ends, and what threads of a warp or block do together.</summary>
internal sealed partial class PtxCompiler
{
    private bool Control()
    {
        switch (_now.Opcode)
        {
            case "bra":
                if (Operands(1, 1)[0] is not LabelOperand label)
                    throw Refuse("does not branch to a label");
                Branch(_kernel.Labels[label.Name]);
                return true;
            case "ret" or "exit":
                Operands(0, 0);
                Exit();
                return true;
            case "trap":
                Operands(0, 0);
                _il.Emit(OpCodes.Ldarg_0);
                _il.Emit(OpCodes.Ldc_I4, _now.Index);
                Call(typeof(PtxLane), nameof(PtxLane.Trap));
                return true;
            case "nanosleep":
                Operands(1, 1);
                Wait(PtxStop.Slice);
                return true;
        }
        return false;
    }

    private void Branch(int target)
    {
        if (target > _now.Index)
        {
            _il.Emit(OpCodes.Br, _starts[target]);
            return;
        }
        // Every loop has one of these: a thread that has run long enough lets others run.
        if (!_yields.TryGetValue(target, out Label stub))
            _yields.Add(target, stub = _il.DefineLabel());
        _il.Emit(OpCodes.Ldloc, _budget);
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Bgt, _starts[target]);
        _il.Emit(OpCodes.Br, stub);
    }

    private bool Synchronize()
    {
        switch (_now.Opcode)
        {
            case "bar" when _now.Has("warp"):
                Warp(PtxWarpOperation.Barrier, Operands(1, 1)[0]);
                return true;
            case "bar" or "barrier":
                Barrier();
                return true;
            case "shfl":
                Shuffle();
                return true;
            case "vote":
                Vote();
                return true;
            case "match":
                Match();
                return true;
            case "redux":
                Redux();
                return true;
            case "activemask":
                // Threads of a warp run on their own here, so that a thread meets only itself.
                _il.Emit(OpCodes.Ldc_I4_1);
                LoadField(nameof(PtxLane.LaneId));
                _il.Emit(OpCodes.Shl);
                Pop(Operands(1, 1)[0], PtxType.B32);
                return true;
        }
        return false;
    }

    /// <summary>Waits, and goes on behind the instruction with what is still read.</summary>
    private void Wait(PtxStop stop)
    {
        HashSet<PtxRegister> results = [.. PtxLiveness.Results(_now)];
        Label on = _il.DefineLabel();
        Stop(stop, on, [.. _liveness.Before(_now.Index + 1).Where(r => !results.Contains(r))]);
        _il.MarkLabel(on);
    }

    /// <summary>Sets a field of the thread to an operand.</summary>
    private void Give(string field, PtxOperand operand, PtxType type)
    {
        _il.Emit(OpCodes.Ldarg_0);
        Push(operand, type);
        StoreField(field);
    }

    private void Give(string field, int value)
    {
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldc_I4, value);
        StoreField(field);
    }

    private void Warp(PtxWarpOperation operation, PtxOperand mask)
    {
        Give(nameof(PtxLane.SyncSite), _now.Index);
        Give(nameof(PtxLane.SyncOperation), (int)operation);
        Give(nameof(PtxLane.SyncMask), mask, PtxType.B32);
        Wait(PtxStop.Warp);
    }

    private void Shuffle()
    {
        PtxWarpOperation operation =
            _now.Has("up") ? PtxWarpOperation.ShuffleUp
            : _now.Has("down") ? PtxWarpOperation.ShuffleDown
            : _now.Has("bfly") ? PtxWarpOperation.ShuffleButterfly
            : _now.Has("idx") ? PtxWarpOperation.ShuffleIndex
            : throw Refuse("is not supported");
        if (!_now.Has("sync") || _now.Type != PtxType.B32)
            throw Refuse("is not supported");
        PtxOperand[] o = Operands(5, 5);
        Give(nameof(PtxLane.SyncValue), o[1], PtxType.B32);
        Give(nameof(PtxLane.SyncB), o[2], PtxType.B32);
        Give(nameof(PtxLane.SyncC), o[3], PtxType.B32);
        Warp(operation, o[4]);
        (PtxOperand value, PtxOperand inside) = Results(o[0]);
        LoadField(nameof(PtxLane.SyncResult));
        Pop(value, PtxType.B32);
        LoadField(nameof(PtxLane.SyncPredicate));
        Pop(inside, PtxType.Pred);
    }

    private void Vote()
    {
        PtxWarpOperation operation =
            _now.Has("all") ? PtxWarpOperation.VoteAll
            : _now.Has("any") ? PtxWarpOperation.VoteAny
            : _now.Has("uni") ? PtxWarpOperation.VoteUniform
            : _now.Has("ballot") ? PtxWarpOperation.Ballot
            : throw Refuse("is not supported");
        if (!_now.Has("sync"))
            throw Refuse("is not supported");
        PtxOperand[] o = Operands(3, 3);
        Give(nameof(PtxLane.SyncValue), o[1], PtxType.Pred);
        Warp(operation, o[2]);
        LoadField(nameof(PtxLane.SyncResult));
        Pop(o[0], operation == PtxWarpOperation.Ballot ? PtxType.B32 : PtxType.Pred);
    }

    private void Match()
    {
        if (!_now.Has("sync") || _now.Type != PtxType.B32)
            throw Refuse("is not supported");
        PtxOperand[] o = Operands(3, 3);
        Give(nameof(PtxLane.SyncValue), o[1], PtxType.B32);
        Warp(_now.Has("any") ? PtxWarpOperation.MatchAny : PtxWarpOperation.MatchAll, o[2]);
        (PtxOperand value, PtxOperand same) = Results(o[0]);
        LoadField(nameof(PtxLane.SyncResult));
        Pop(value, PtxType.B32);
        LoadField(nameof(PtxLane.SyncPredicate));
        Pop(same, PtxType.Pred);
    }

    private void Redux()
    {
        bool signed = _now.Type == PtxType.S32;
        PtxWarpOperation operation =
            _now.Has("add") ? PtxWarpOperation.ReduceAdd
            : _now.Has("min")
                ? (signed ? PtxWarpOperation.ReduceMinSigned : PtxWarpOperation.ReduceMin)
            : _now.Has("max")
                ? (signed ? PtxWarpOperation.ReduceMaxSigned : PtxWarpOperation.ReduceMax)
            : _now.Has("and") ? PtxWarpOperation.ReduceAnd
            : _now.Has("or") ? PtxWarpOperation.ReduceOr
            : _now.Has("xor") ? PtxWarpOperation.ReduceXor
            : throw Refuse("is not supported");
        PtxOperand[] o = Operands(3, 3);
        Give(nameof(PtxLane.SyncValue), o[1], PtxType.B32);
        Warp(operation, o[2]);
        LoadField(nameof(PtxLane.SyncResult));
        Pop(o[0], PtxType.B32);
    }

    private void Barrier()
    {
        bool reduces = _now.Has("red");
        if (reduces == _now.Has("sync"))
            throw Refuse("is not supported");
        PtxOperand[] o = Operands(reduces ? 3 : 1, reduces ? 4 : 2);
        int first = reduces ? 1 : 0;
        bool counted = o.Length - first - (reduces ? 1 : 0) == 2;
        Give(nameof(PtxLane.SyncSite), _now.Index);
        Give(nameof(PtxLane.BarrierId), o[first], PtxType.U32);
        if (counted)
            Give(nameof(PtxLane.BarrierThreads), o[first + 1], PtxType.U32);
        else
            Give(nameof(PtxLane.BarrierThreads), 0);
        Give(
            nameof(PtxLane.SyncOperation),
            (int)(
                _now.Has("popc") ? PtxWarpOperation.ReduceAdd
                : _now.Has("and") ? PtxWarpOperation.VoteAll
                : _now.Has("or") ? PtxWarpOperation.VoteAny
                : PtxWarpOperation.Barrier
            )
        );
        if (reduces)
            Give(nameof(PtxLane.SyncValue), o[^1], PtxType.Pred);
        Wait(PtxStop.Barrier);
        if (!reduces)
            return;
        LoadField(nameof(PtxLane.SyncResult));
        Pop(o[0], _now.Type == PtxType.Pred ? PtxType.Pred : PtxType.U32);
    }
}
