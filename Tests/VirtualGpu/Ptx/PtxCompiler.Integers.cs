using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Arithmetic and bits of whole numbers.</summary>
internal sealed partial class PtxCompiler
{
    private bool Integers()
    {
        PtxType type = _now.Type;
        if (!type.IsInteger())
            return false;
        bool wide = type.Bytes() == 8;
        switch (_now.Opcode)
        {
            case "add":
                return Two(OpCodes.Add);
            case "sub":
                return Two(OpCodes.Sub);
            case "mul":
                Product(Operands(3, 3));
                return true;
            case "mad":
                Product(Operands(4, 4));
                return true;
            case "div" or "rem":
                Divide();
                return true;
            case "min" or "max":
                Push(Operands(3, 3)[1], type);
                Push(_now.Operands[2], type);
                Call(typeof(PtxMath), (_now.Opcode == "min" ? "Min" : "Max") + Suffix(type));
                Pop(_now.Operands[0], type);
                return true;
            case "abs":
                Push(Operands(2, 2)[1], type);
                CallMath(wide ? nameof(PtxMath.Abs64) : nameof(PtxMath.Abs32));
                Pop(_now.Operands[0], type);
                return true;
            case "neg":
                Push(Operands(2, 2)[1], type);
                _il.Emit(OpCodes.Neg);
                Pop(_now.Operands[0], type);
                return true;
        }
        return false;
    }

    private bool Two(OpCode code)
    {
        PtxOperand[] o = Operands(3, 3);
        Push(o[1], _now.Type);
        Push(o[2], _now.Type);
        _il.Emit(code);
        Pop(o[0], _now.Type);
        return true;
    }

    /// <summary>mul and mad.</summary>
    private void Product(PtxOperand[] o)
    {
        PtxType type = _now.Type;
        PtxType result = type;
        Push(o[1], type);
        if (_now.Has("wide"))
        {
            result = (type, type.IsSigned()) switch
            {
                (PtxType.S16, _) => PtxType.S32,
                (PtxType.U16, _) => PtxType.U32,
                (PtxType.S32, _) => PtxType.S64,
                (PtxType.U32, _) => PtxType.U64,
                _ => throw Refuse("is not supported"),
            };
            if (result.Bytes() == 8)
                Widen();
            Push(o[2], type);
            if (result.Bytes() == 8)
                Widen();
            _il.Emit(OpCodes.Mul);
        }
        else
        {
            Push(o[2], type);
            if (_now.Has("hi"))
                CallMath("High" + Suffix(type));
            else if (_now.Has("lo"))
                _il.Emit(OpCodes.Mul);
            else
                throw Refuse("is not supported");
        }
        if (o.Length == 4)
        {
            Push(o[3], result);
            _il.Emit(OpCodes.Add);
        }
        Pop(o[0], result);

        void Widen() => _il.Emit(type.IsSigned() ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
    }

    private void Divide()
    {
        PtxType type = _now.Type;
        PtxOperand[] o = Operands(3, 3);
        Push(o[1], type);
        Push(o[2], type);
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldc_I4, _now.Index);
        Call(typeof(PtxMath), (_now.Opcode == "div" ? "Divide" : "Remainder") + Suffix(type));
        Pop(o[0], type);
    }

    /// <summary>The end of a helper's name: S32, U32, S64 or U64. What is shorter is extended.</summary>
    private string Suffix(PtxType type)
    {
        if (type.ToString().StartsWith('B'))
            throw Refuse("is not supported");
        return (type.IsSigned() ? "S" : "U") + (type.Bytes() == 8 ? "64" : "32");
    }

    private bool Bits()
    {
        PtxType type = _now.Type;
        bool wide = type.Bytes() == 8;
        if (type == PtxType.Pred)
            return Logic();
        if (!type.IsInteger())
            return false;
        switch (_now.Opcode)
        {
            case "and" or "or" or "xor" or "not":
                return Logic();
            case "shl":
                return Shift(wide ? nameof(PtxMath.ShiftLeft64) : nameof(PtxMath.ShiftLeft32));
            case "shr" when type.IsSigned():
                return Shift(wide ? nameof(PtxMath.ShiftRightS64) : nameof(PtxMath.ShiftRightS32));
            case "shr":
                return Shift(wide ? nameof(PtxMath.ShiftRightU64) : nameof(PtxMath.ShiftRightU32));
            case "shf":
                return Helper(
                    (_now.Has("l") ? "FunnelLeft" : "FunnelRight")
                        + (_now.Has("wrap") ? "Wrap" : "Clamp"),
                    PtxType.B32,
                    PtxType.B32,
                    PtxType.B32,
                    PtxType.U32
                );
            case "prmt":
                return Helper(
                    nameof(PtxMath.Permute),
                    PtxType.B32,
                    PtxType.B32,
                    PtxType.B32,
                    PtxType.B32
                );
            case "bfe":
                return Helper("Extract" + Suffix(type), type, type, PtxType.U32, PtxType.U32);
            case "bfi":
                return Helper(
                    wide ? nameof(PtxMath.Insert64) : nameof(PtxMath.Insert32),
                    type,
                    type,
                    type,
                    PtxType.U32,
                    PtxType.U32
                );
            case "popc":
                return Helper(
                    wide ? nameof(PtxMath.Count64) : nameof(PtxMath.Count32),
                    PtxType.U32,
                    type
                );
            case "clz":
                return Helper(
                    wide ? nameof(PtxMath.LeadingZeros64) : nameof(PtxMath.LeadingZeros32),
                    PtxType.U32,
                    type
                );
            case "brev":
                return Helper(
                    wide ? nameof(PtxMath.Reverse64) : nameof(PtxMath.Reverse32),
                    type,
                    type
                );
        }
        return false;
    }

    private bool Logic()
    {
        PtxType type = _now.Type;
        switch (_now.Opcode)
        {
            case "and":
                return Two(OpCodes.And);
            case "or":
                return Two(OpCodes.Or);
            case "xor":
                return Two(OpCodes.Xor);
            case "not":
                Push(Operands(2, 2)[1], type);
                if (type == PtxType.Pred)
                    Not();
                else
                    _il.Emit(OpCodes.Not);
                Pop(_now.Operands[0], type);
                return true;
        }
        return false;
    }

    private bool Shift(string helper)
    {
        PtxOperand[] o = Operands(3, 3);
        Push(o[1], _now.Type);
        // The bits that a shift of 16 bits or less pushes out go when the register takes it.
        Push(o[2], PtxType.U32);
        CallMath(helper);
        Pop(o[0], _now.Type);
        return true;
    }

    /// <summary>A helper of <see cref="PtxMath"/> over the operands behind the result.</summary>
    private bool Helper(string name, PtxType result, params ReadOnlySpan<PtxType> types)
    {
        PtxOperand[] o = Operands(types.Length + 1, types.Length + 1);
        for (int i = 0; i < types.Length; i++)
            Push(o[i + 1], types[i]);
        CallMath(name);
        Pop(o[0], result);
        return true;
    }
}
