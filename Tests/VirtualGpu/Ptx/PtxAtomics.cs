namespace Sequor.VirtualGpu.Ptx;

/// <summary>Atomic operations. Operands lie in the thread's scratch at 0 and 8; what was there before goes to 0.</summary>
internal static unsafe class PtxAtomics
{
    public static void Apply(PtxLane lane, ulong address, int site)
    {
        PtxAccess access = lane.Execution.Code.Accesses[site]!;
        PtxSpace space = access.Space == PtxSpace.Generic ? PtxAddress.Of(address) : access.Space;
        byte* at;
        if (space == PtxSpace.Shared)
        {
            if (access.Space == PtxSpace.Generic)
                address -= PtxAddress.Window(PtxSpace.Shared);
            PtxSharedMemory shared = lane.Block.Shared;
            shared.Read(lane, address, site, access.Bytes, strong: true);
            at = shared.Write(lane, address, site, access.Bytes, strong: true);
            lane.Block.Traffic?.Shared(lane, address, site);
        }
        else
        {
            PtxPlace place = PtxGlobalMemory.Find(lane, address, site);
            PtxWeakMemory weak = lane.Block.Weak;
            if (access.AcrossBlocks && access.Order >= PtxOrder.Release)
                weak.Flush();
            weak.Forget(address, access.Bytes);
            PtxGlobalMemory.CheckWritten(lane, address, site, place, access.Bytes);
            if (access.AcrossBlocks && access.Order is PtxOrder.Acquire or PtxOrder.AcquireRelease)
                weak.Acquire();
            at = place.Data;
        }
        byte* operands = (byte*)lane.Scratch;
        if (access.Bytes == 4)
        {
            uint old = *(uint*)at;
            uint next = Next(access, old, *(uint*)operands, *(uint*)(operands + 8));
            *(uint*)at = next;
            *(uint*)operands = old;
            lane.Execution.Changed |= old != next;
        }
        else
        {
            ulong old = *(ulong*)at;
            ulong next = Next(access, old, *(ulong*)operands, *(ulong*)(operands + 8));
            *(ulong*)at = next;
            *(ulong*)operands = old;
            lane.Execution.Changed |= old != next;
        }
    }

    private static uint Next(PtxAccess access, uint old, uint a, uint b) =>
        access.Atomic switch
        {
            PtxAtomic.Add when access.Type == PtxType.F32 => BitConverter.SingleToUInt32Bits(
                // Atomic addition flushes subnormals.
                PtxMath.Flush(
                    PtxMath.Flush(BitConverter.UInt32BitsToSingle(old))
                        + PtxMath.Flush(BitConverter.UInt32BitsToSingle(a))
                )
            ),
            PtxAtomic.Add => old + a,
            PtxAtomic.Exchange => a,
            PtxAtomic.CompareExchange => old == a ? b : old,
            PtxAtomic.Min when access.Type == PtxType.S32 => (uint)Math.Min((int)old, (int)a),
            PtxAtomic.Max when access.Type == PtxType.S32 => (uint)Math.Max((int)old, (int)a),
            PtxAtomic.Min => Math.Min(old, a),
            PtxAtomic.Max => Math.Max(old, a),
            PtxAtomic.Increment => old >= a ? 0 : old + 1,
            PtxAtomic.Decrement => old == 0 || old > a ? a : old - 1,
            PtxAtomic.And => old & a,
            PtxAtomic.Or => old | a,
            _ => old ^ a,
        };

    private static ulong Next(PtxAccess access, ulong old, ulong a, ulong b) =>
        access.Atomic switch
        {
            PtxAtomic.Add when access.Type == PtxType.F64 => BitConverter.DoubleToUInt64Bits(
                BitConverter.UInt64BitsToDouble(old) + BitConverter.UInt64BitsToDouble(a)
            ),
            PtxAtomic.Add => old + a,
            PtxAtomic.Exchange => a,
            PtxAtomic.CompareExchange => old == a ? b : old,
            PtxAtomic.Min when access.Type == PtxType.S64 => (ulong)Math.Min((long)old, (long)a),
            PtxAtomic.Max when access.Type == PtxType.S64 => (ulong)Math.Max((long)old, (long)a),
            PtxAtomic.Min => Math.Min(old, a),
            PtxAtomic.Max => Math.Max(old, a),
            PtxAtomic.And => old & a,
            PtxAtomic.Or => old | a,
            _ => old ^ a,
        };
}
