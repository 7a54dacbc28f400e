using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Moves, choices, comparisons and addresses.</summary>
internal sealed partial class PtxCompiler
{
    private bool Moves()
    {
        switch (_now.Opcode)
        {
            case "mov":
                Move();
                return true;
            case "selp":
                Select();
                return true;
            case "slct":
                SelectBySign();
                return true;
            case "setp":
                Compare();
                return true;
            case "cvt":
                Convert();
                return true;
            case "cvta":
                ConvertAddress();
                return true;
            case "isspacep":
                Push(Operands(2, 2)[1], PtxType.U64);
                _il.Emit(OpCodes.Ldc_I4, (int)SpaceOf(_now.Modifiers));
                Call(typeof(PtxAddress), nameof(PtxAddress.IsIn));
                Pop(_now.Operands[0], PtxType.Pred);
                return true;
        }
        return false;
    }

    private void Move()
    {
        PtxOperand[] o = Operands(2, 2);
        if (o.Any(operand => operand is VectorOperand) && !_now.Type.IsBits())
            throw Refuse("takes apart or joins what is no .b32 or .b64");
        if (o[0] is VectorOperand to)
        {
            // mov.b64 {%r1, %r2}, %rd1
            PtxType part = Part(to.Elements.Length);
            for (int i = 0; i < to.Elements.Length; i++)
            {
                Push(o[1], _now.Type);
                _il.Emit(OpCodes.Ldc_I4, 8 * part.Bytes() * i);
                _il.Emit(OpCodes.Shr_Un);
                if (_now.Type.Bytes() == 8)
                    _il.Emit(OpCodes.Conv_I4);
                Narrow(part);
                Pop(to.Elements[i], part);
            }
        }
        else if (o[1] is VectorOperand from)
        {
            PtxType part = Part(from.Elements.Length);
            for (int i = 0; i < from.Elements.Length; i++)
            {
                Push(from.Elements[i], part);
                if (_now.Type.Bytes() == 8)
                    _il.Emit(OpCodes.Conv_U8);
                _il.Emit(OpCodes.Ldc_I4, 8 * part.Bytes() * i);
                _il.Emit(OpCodes.Shl);
                if (i > 0)
                    _il.Emit(OpCodes.Or);
            }
            Pop(o[0], _now.Type);
        }
        else
        {
            Push(o[1], _now.Type);
            Pop(o[0], _now.Type);
        }
    }

    private PtxType Part(int parts) =>
        (_now.Type.Bytes(), parts) switch
        {
            (8, 2) => PtxType.B32,
            (8, 4) => PtxType.B16,
            (4, 2) => PtxType.B16,
            _ => throw Refuse($"is not supported with {parts} parts"),
        };

    private void Select()
    {
        PtxOperand[] o = Operands(4, 4);
        Label second = _il.DefineLabel();
        Label end = _il.DefineLabel();
        Push(o[3], PtxType.Pred);
        _il.Emit(OpCodes.Brfalse, second);
        Push(o[1], _now.Type);
        _il.Emit(OpCodes.Br, end);
        _il.MarkLabel(second);
        Push(o[2], _now.Type);
        _il.MarkLabel(end);
        Pop(o[0], _now.Type);
    }

    /// <summary><c>slct.f32.s32 d, a, b, c</c>: a where c is at least 0.</summary>
    private void SelectBySign()
    {
        PtxOperand[] o = Operands(4, 4);
        if (_now.Types is not [PtxType type, PtxType.S32])
            throw Refuse("is not supported");
        Label second = _il.DefineLabel();
        Label end = _il.DefineLabel();
        Push(o[3], PtxType.S32);
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Blt, second);
        Push(o[1], type);
        _il.Emit(OpCodes.Br, end);
        _il.MarkLabel(second);
        Push(o[2], type);
        _il.MarkLabel(end);
        Pop(o[0], type);
    }

    /// <summary><c>setp.lt.and.s32 p|q, a, b, c</c>.</summary>
    private void Compare()
    {
        PtxType type = _now.Type;
        string combine = _now.Modifiers.FirstOrDefault(m => m is "and" or "or" or "xor") ?? "";
        PtxOperand[] o = Operands(combine.Length > 0 ? 4 : 3, combine.Length > 0 ? 4 : 3);
        string comparison = _now.Modifiers.First(m => m != combine && m != "ftz");
        (PtxOperand yes, PtxOperand no) = Results(o[0]);
        LocalBuilder result = _il.DeclareLocal(typeof(int));
        PushFlushed(o[1], type);
        PushFlushed(o[2], type);
        if (type.IsFloat())
            CompareFloats(comparison);
        else
            CompareIntegers(comparison, type.IsSigned());
        _il.Emit(OpCodes.Stloc, result);
        foreach ((PtxOperand target, bool negated) in new[] { (yes, false), (no, true) })
        {
            if (target is SinkOperand)
                continue;
            _il.Emit(OpCodes.Ldloc, result);
            if (negated)
                Not();
            if (combine.Length > 0)
            {
                Push(o[3], PtxType.Pred);
                _il.Emit(
                    combine == "and" ? OpCodes.And
                    : combine == "or" ? OpCodes.Or
                    : OpCodes.Xor
                );
            }
            Pop(target, PtxType.Pred);
        }
    }

    private void CompareIntegers(string comparison, bool signed)
    {
        // The unsigned names, which unsigned types have as well.
        (string name, bool unsigned) = comparison switch
        {
            "lo" => ("lt", true),
            "ls" => ("le", true),
            "hi" => ("gt", true),
            "hs" => ("ge", true),
            _ => (comparison, !signed),
        };
        switch (name)
        {
            case "eq" or "ne":
                _il.Emit(OpCodes.Ceq);
                break;
            case "lt" or "ge":
                _il.Emit(unsigned ? OpCodes.Clt_Un : OpCodes.Clt);
                break;
            case "gt" or "le":
                _il.Emit(unsigned ? OpCodes.Cgt_Un : OpCodes.Cgt);
                break;
            default:
                throw Refuse("is not supported");
        }
        if (name is "ne" or "ge" or "le")
            Not();
    }

    private void CompareFloats(string comparison)
    {
        // IL's .un of floats is true where one is NaN.
        switch (comparison)
        {
            case "eq" or "neu":
                _il.Emit(OpCodes.Ceq);
                break;
            case "lt" or "geu":
                _il.Emit(OpCodes.Clt);
                break;
            case "gt" or "leu":
                _il.Emit(OpCodes.Cgt);
                break;
            case "ltu" or "ge":
                _il.Emit(OpCodes.Clt_Un);
                break;
            case "gtu" or "le":
                _il.Emit(OpCodes.Cgt_Un);
                break;
            case "nan" or "num":
                CallMath(
                    _now.Type == PtxType.F32
                        ? nameof(PtxMath.UnorderedSingle)
                        : nameof(PtxMath.UnorderedDouble)
                );
                break;
            case "ne" or "equ":
                CallMath(
                    _now.Type == PtxType.F32
                        ? nameof(PtxMath.DifferSingle)
                        : nameof(PtxMath.DifferDouble)
                );
                break;
            default:
                throw Refuse("is not supported");
        }
        if (comparison is "neu" or "geu" or "leu" or "ge" or "le" or "num" or "equ")
            Not();
    }

    private void Not()
    {
        _il.Emit(OpCodes.Ldc_I4_0);
        _il.Emit(OpCodes.Ceq);
    }

    private void ConvertAddress()
    {
        if (_now.Type != PtxType.U64)
            throw Refuse("is not supported");
        PtxSpace space = SpaceOf(_now.Modifiers);
        PtxOperand[] o = Operands(2, 2);
        if (o[1] is VariableOperand { Variable: var variable } && variable.Space != space)
            throw Refuse($"names {variable.Name}, which lies in another space");
        Push(o[1], PtxType.U64);
        long window = (long)PtxAddress.Window(space);
        if (window != 0)
        {
            _il.Emit(OpCodes.Ldc_I8, window);
            _il.Emit(_now.Has("to") ? OpCodes.Sub : OpCodes.Add);
        }
        Pop(o[0], PtxType.U64);
    }

    private static PtxSpace SpaceOf(string[] modifiers) =>
        modifiers.Contains("global") ? PtxSpace.Global
        : modifiers.Contains("shared") ? PtxSpace.Shared
        : modifiers.Contains("local") ? PtxSpace.Local
        : modifiers.Contains("const") ? PtxSpace.Const
        : modifiers.Contains("param") ? PtxSpace.Param
        : PtxSpace.Generic;
}
