using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Products of matrices by warps, and loads of their fragments.</summary>
internal sealed partial class PtxCompiler
{
    private bool Matrices()
    {
        switch (_now.Opcode)
        {
            case "mma":
                MultiplyMatrices();
                return true;
            case "ldmatrix":
                LoadMatrices();
                return true;
        }
        return false;
    }

    // Each lane leaves its registers in its scratch; the last to come multiplies, and each takes its part of the result.
    private void MultiplyMatrices()
    {
        PtxOperand[] o = Operands(4, 4);
        (PtxFactor factor, PtxType held) = _now.Types[1] switch
        {
            PtxType.TF32 => (PtxFactor.Tf32, PtxType.TF32),
            PtxType.BF16 => (PtxFactor.BFloat16, PtxType.BF16X2),
            _ => (PtxFactor.Float16, PtxType.F16X2),
        };
        int depth =
            _now.Has("m16n8k4") ? 4
            : _now.Has("m16n8k8") ? 8
            : 16;
        int each = factor == PtxFactor.Tf32 ? 1 : 2;
        if (Array.IndexOf(_now.Modifiers, "row") > Array.IndexOf(_now.Modifiers, "col"))
            throw Refuse("has A by columns and B by rows, which this shape has not");
        PtxOperand[] results = Fragment(o[0], 4);
        LeaveFragment(Fragment(o[1], depth / 2 / each), held, PtxMatrices.A);
        LeaveFragment(Fragment(o[2], depth / 4 / each), held, PtxMatrices.B);
        LeaveFragment(Fragment(o[3], 4), PtxType.F32, PtxMatrices.C);
        Give(nameof(PtxLane.SyncB), depth);
        Give(nameof(PtxLane.SyncC), (int)factor);
        Warp(PtxWarpOperation.MultiplyMatrices, new IntegerOperand(-1));
        TakeFragment(results, PtxType.F32, PtxMatrices.C);
    }

    private void LoadMatrices()
    {
        PtxOperand[] o = Operands(2, 2);
        int count =
            _now.Has("x1") ? 1
            : _now.Has("x2") ? 2
            : 4;
        PtxOperand[] results = Fragment(o[0], count);
        PtxSpace space = SpaceOf(_now.Modifiers);
        _accesses[_now.Index] = new PtxAccess
        {
            Space = space,
            Type = PtxType.B16,
            Bytes = 16,
            Reads = true,
        };
        _il.Emit(OpCodes.Ldarg_0);
        PushAddress(o[1], space);
        StoreField(nameof(PtxLane.SyncAddress));
        Give(nameof(PtxLane.SyncB), count);
        Give(nameof(PtxLane.SyncC), _now.Has("trans") ? 1 : 0);
        Warp(PtxWarpOperation.LoadMatrices, new IntegerOperand(-1));
        TakeFragment(results, PtxType.B32, PtxMatrices.Loaded);
    }

    private PtxOperand[] Fragment(PtxOperand operand, int count) =>
        operand is VectorOperand { Elements: var elements } && elements.Length == count
            ? elements
            : throw Refuse($"has no {count} registers in braces where they have to be");

    private void LeaveFragment(PtxOperand[] registers, PtxType type, int place)
    {
        for (int i = 0; i < registers.Length; i++)
        {
            PushScratch(place + 4 * i);
            Push(registers[i], type);
            _il.Emit(StoreCode(type));
        }
    }

    private void TakeFragment(PtxOperand[] registers, PtxType type, int place)
    {
        for (int i = 0; i < registers.Length; i++)
        {
            PushScratch(place + 4 * i);
            _il.Emit(LoadCode(type));
            Pop(registers[i], type);
        }
    }
}
