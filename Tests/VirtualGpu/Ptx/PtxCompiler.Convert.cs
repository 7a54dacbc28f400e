using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Conversions between types.</summary>
internal sealed partial class PtxCompiler
{
    private void Convert()
    {
        if (_now.Types is not [PtxType to, PtxType from])
            throw Refuse("is not supported");
        if (ConvertNarrow(to, from))
            return;
        PtxOperand[] o = Operands(2, 2);
        bool saturates = _now.Has("sat");
        if (to.IsInteger() && from.IsInteger())
        {
            if (_now.Modifiers.Length > 0)
                throw Refuse("is not supported");
            Push(o[1], from);
            if (to.Bytes() == 8 && from.Bytes() < 8)
                _il.Emit(from.IsSigned() ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
            else if (to.Bytes() < 8 && from.Bytes() == 8)
                _il.Emit(OpCodes.Conv_I4);
            Narrow(to);
        }
        else if (to.IsFloat() && from.IsInteger())
        {
            if (!_now.Has("rn") || saturates)
                throw Refuse("is not supported");
            Push(o[1], from);
            if (from.Bytes() == 8)
                CallMath(
                    (from.IsSigned(), to) switch
                    {
                        (true, PtxType.F32) => nameof(PtxMath.SingleOfS64),
                        (true, _) => nameof(PtxMath.DoubleOfS64),
                        (false, PtxType.F32) => nameof(PtxMath.SingleOfU64),
                        (false, _) => nameof(PtxMath.DoubleOfU64),
                    }
                );
            else
                CallMath(
                    (from.IsSigned(), to) switch
                    {
                        (true, PtxType.F32) => nameof(PtxMath.SingleOfS32),
                        (true, _) => nameof(PtxMath.DoubleOfS32),
                        (false, PtxType.F32) => nameof(PtxMath.SingleOfU32),
                        (false, _) => nameof(PtxMath.DoubleOfU32),
                    }
                );
        }
        else if (to.IsInteger() && from.IsFloat())
        {
            if (saturates)
                throw Refuse("is not supported");
            PushFlushed(o[1], from);
            if (from == PtxType.F32)
                _il.Emit(OpCodes.Conv_R8);
            _il.Emit(OpCodes.Ldc_I4, (int)Rounding());
            _il.Emit(OpCodes.Ldc_I4, 8 * to.Bytes());
            _il.Emit(OpCodes.Ldc_I8, OfNaN(to, from));
            CallMath(to.IsSigned() ? nameof(PtxMath.ToSigned) : nameof(PtxMath.ToUnsigned));
            if (to.Bytes() < 8)
                _il.Emit(OpCodes.Conv_I4);
        }
        else if (to == PtxType.F16 && from == PtxType.F32 && _now.Has("rn") && !saturates)
        {
            PushFlushed(o[1], from);
            CallMath(nameof(PtxMath.HalfBits));
        }
        else if (to == PtxType.F32 && from == PtxType.F16 && !saturates)
        {
            Push(o[1], PtxType.F16);
            CallMath(nameof(PtxMath.SingleOfHalfBits));
        }
        else if (to.IsFloat() && from.IsFloat())
            ConvertFloat(o, to, from, saturates);
        else
            throw Refuse("is not supported");
        Pop(o[0], to);
    }

    /// <summary>To and from the floats of matrix products; false for others.</summary>
    private bool ConvertNarrow(PtxType to, PtxType from)
    {
        if (from == PtxType.BF16)
        {
            PtxOperand[] o = Operands(2, 2);
            Push(o[1], PtxType.BF16);
            _il.Emit(OpCodes.Ldc_I4, 16);
            _il.Emit(OpCodes.Shl);
            CallMath(nameof(PtxMath.SingleOfBits));
            Pop(o[0], PtxType.F32);
            return true;
        }
        switch (to)
        {
            case PtxType.TF32:
                Push(Operands(2, 2)[1], PtxType.F32);
                Call(
                    typeof(PtxNarrow),
                    _now.Has("rna") ? nameof(PtxNarrow.Tf32Away)
                        : _now.Has("rn") ? nameof(PtxNarrow.Tf32Nearest)
                        : nameof(PtxNarrow.Tf32Zero)
                );
                break;
            case PtxType.BF16X2 or PtxType.F16X2:
                // The first operand is the upper half.
                PushNarrow(Operands(3, 3)[1], to == PtxType.F16X2);
                _il.Emit(OpCodes.Ldc_I4, 16);
                _il.Emit(OpCodes.Shl);
                PushNarrow(_now.Operands[2], to == PtxType.F16X2);
                _il.Emit(OpCodes.Or);
                break;
            case PtxType.BF16:
                PushNarrow(Operands(2, 2)[1], half: false);
                break;
            case PtxType.F16 when _now.Has("rz") || _now.Has("relu"):
                PushNarrow(Operands(2, 2)[1], half: true);
                break;
            default:
                return false;
        }
        Pop(_now.Operands[0], to);
        return true;
    }

    private void PushNarrow(PtxOperand operand, bool half)
    {
        PushFlushed(operand, PtxType.F32);
        _il.Emit(_now.Has("rz") ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
        _il.Emit(_now.Has("relu") ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
        Call(typeof(PtxNarrow), half ? nameof(PtxNarrow.Half) : nameof(PtxNarrow.BFloat));
    }

    private void ConvertFloat(PtxOperand[] o, PtxType to, PtxType from, bool saturates)
    {
        PushFlushed(o[1], from);
        if (to == from)
        {
            if (_now.Modifiers.Any(m => m is "rni" or "rzi" or "rmi" or "rpi"))
            {
                if (from == PtxType.F32)
                    _il.Emit(OpCodes.Conv_R8);
                _il.Emit(OpCodes.Ldc_I4, (int)Rounding());
                CallMath(nameof(PtxMath.Round));
                if (to == PtxType.F32)
                    _il.Emit(OpCodes.Conv_R4);
            }
        }
        else if (to == PtxType.F64)
            _il.Emit(OpCodes.Conv_R8);
        else if (_now.Has("rn"))
            _il.Emit(OpCodes.Conv_R4);
        else
            throw Refuse("is not supported");
        if (saturates)
        {
            if (to != PtxType.F32)
                throw Refuse("is not supported");
            CallMath(nameof(PtxMath.Saturate));
        }
        if (_now.Has("ftz") && to == PtxType.F32)
            CallMath(nameof(PtxMath.Flush));
    }

    /// <summary>
    /// What NaN becomes on the cards that were asked, which the PTX ISA does not say so: 0 where neither type has 64
    /// bits, else the highest bit alone.
    /// </summary>
    private static long OfNaN(PtxType to, PtxType from) =>
        to.Bytes() < 8 && from.Bytes() < 8 ? 0
        : to.IsSigned() ? -1L << ((8 * to.Bytes()) - 1)
        : 1L << ((8 * to.Bytes()) - 1);

    private PtxRounding Rounding() =>
        _now.Has("rni") ? PtxRounding.Nearest
        : _now.Has("rzi") ? PtxRounding.Zero
        : _now.Has("rmi") ? PtxRounding.Down
        : _now.Has("rpi") ? PtxRounding.Up
        : throw Refuse("is not supported");
}
