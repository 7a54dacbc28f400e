namespace Sequor.VirtualGpu.Ptx;

/// <summary>What lanes give each other when they meet.</summary>
internal static class PtxWarpOperations
{
    /// <summary>Gives each lane of a mask its result; all are at the same instruction.</summary>
    public static void Apply(PtxWarp warp, uint mask, PtxLane first)
    {
        var operation = (PtxWarpOperation)first.SyncOperation;
        switch (operation)
        {
            case PtxWarpOperation.Barrier:
                Join(warp, mask);
                break;
            case PtxWarpOperation.ShuffleUp
            or PtxWarpOperation.ShuffleDown
            or PtxWarpOperation.ShuffleButterfly
            or PtxWarpOperation.ShuffleIndex:
                // Results lie apart from values, so the order of lanes does not matter.
                foreach (int lane in PtxWarp.Lanes(mask))
                    Shuffle(warp, mask, warp.Lane(lane), operation);
                break;
            case PtxWarpOperation.MatchAny:
                foreach (int lane in PtxWarp.Lanes(mask))
                    warp.Lane(lane).SyncResult = (int)Same(warp, mask, warp.Lane(lane));
                break;
            case PtxWarpOperation.MultiplyMatrices:
                PtxMatrices.Multiply(warp, first);
                break;
            case PtxWarpOperation.LoadMatrices:
                PtxMatrices.Load(warp, first);
                break;
            case PtxWarpOperation.MatchAll:
                bool all = Same(warp, mask, first) == mask;
                Give(warp, mask, all ? (int)mask : 0, all);
                break;
            default:
                int result = 0;
                bool begun = false;
                foreach (int lane in PtxWarp.Lanes(mask))
                {
                    int value = warp.Lane(lane).SyncValue;
                    if (operation == PtxWarpOperation.Ballot)
                        result |= value << lane;
                    else if (operation == PtxWarpOperation.VoteUniform)
                        result = value == first.SyncValue && (result == 1 || !begun) ? 1 : 0;
                    else
                        result = begun ? Reduce(operation, result, value) : value;
                    begun = true;
                }
                Give(warp, mask, result, false);
                break;
        }
    }

    public static int Reduce(PtxWarpOperation operation, int a, int b) =>
        operation switch
        {
            PtxWarpOperation.ReduceAdd => a + b,
            PtxWarpOperation.ReduceMin => (int)Math.Min((uint)a, (uint)b),
            PtxWarpOperation.ReduceMinSigned => Math.Min(a, b),
            PtxWarpOperation.ReduceMax => (int)Math.Max((uint)a, (uint)b),
            PtxWarpOperation.ReduceMaxSigned => Math.Max(a, b),
            PtxWarpOperation.ReduceAnd or PtxWarpOperation.VoteAll => a & b,
            PtxWarpOperation.ReduceOr or PtxWarpOperation.VoteAny => a | b,
            PtxWarpOperation.ReduceXor => a ^ b,
            _ => throw new InvalidOperationException($"{operation} is no reduction"),
        };

    private static void Give(PtxWarp warp, uint mask, int result, bool predicate)
    {
        foreach (int lane in PtxWarp.Lanes(mask))
        {
            warp.Lane(lane).SyncResult = result;
            warp.Lane(lane).SyncPredicate = predicate ? 1 : 0;
        }
    }

    private static uint Same(PtxWarp warp, uint mask, PtxLane lane)
    {
        uint same = 0;
        foreach (int other in PtxWarp.Lanes(mask))
            if (warp.Lane(other).SyncValue == lane.SyncValue)
                same |= 1u << other;
        return same;
    }

    private static void Shuffle(PtxWarp warp, uint mask, PtxLane lane, PtxWarpOperation operation)
    {
        int at = lane.LaneId;
        int by = lane.SyncB & 31;
        int clamp = lane.SyncC & 31;
        int segment = (lane.SyncC >> 8) & 31;
        int most = (at & segment) | (clamp & ~segment);
        (int from, bool inside) = operation switch
        {
            PtxWarpOperation.ShuffleUp => (at - by, at - by >= most),
            PtxWarpOperation.ShuffleDown => (at + by, at + by <= most),
            PtxWarpOperation.ShuffleButterfly => (at ^ by, (at ^ by) <= most),
            _ => ((at & segment) | (by & ~segment), ((at & segment) | (by & ~segment)) <= most),
        };
        if (!inside)
            from = at;
        lane.SyncPredicate = inside ? 1 : 0;
        lane.SyncResult =
            (mask >> from & 1) != 0
                ? warp.Lane(from).SyncValue
                // PTX leaves open what comes from a lane that is not in the mask.
                : (int)PtxRandom.Mix(lane.Seed ^ (ulong)(lane.Thread + (lane.SyncSite << 10)));
    }

    /// <summary>Lanes at a warp barrier have seen what each other did before it.</summary>
    private static void Join(PtxWarp warp, uint mask)
    {
        uint[] clocks = warp.LaneClocks;
        Span<uint> joined = stackalloc uint[32];
        joined.Clear();
        foreach (int lane in PtxWarp.Lanes(mask))
            for (int i = 0; i < 32; i++)
                joined[i] = Math.Max(joined[i], clocks[lane * 32 + i]);
        foreach (int lane in PtxWarp.Lanes(mask))
        {
            joined.CopyTo(clocks.AsSpan(lane * 32, 32));
            clocks[lane * 33]++;
        }
    }
}
