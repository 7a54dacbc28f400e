using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Arithmetic of floats.</summary>
internal sealed partial class PtxCompiler
{
    /// <summary>How many operations with floats an instruction of a type of floats is.</summary>
    private static int FloatOperations(PtxInstruction instruction) =>
        instruction.Opcode switch
        {
            "fma" or "mad" => 2,
            "add" or "sub" or "mul" or "div" or "rcp" or "sqrt" or "rsqrt" => 1,
            "ex2" or "lg2" or "sin" or "cos" or "tanh" => 1,
            _ => 0,
        };

    private bool Floats()
    {
        PtxType type = _now.Type;
        if (!type.IsFloat())
            return false;
        bool single = type == PtxType.F32;
        string suffix = single ? "Single" : "Double";
        switch (_now.Opcode)
        {
            case "add":
                return Float(OpCodes.Add);
            case "sub":
                return Float(OpCodes.Sub);
            case "mul":
                return Float(OpCodes.Mul);
            case "fma" or "mad":
                if (!_now.Has("rn"))
                    throw Refuse("is not supported");
                return FloatHelper("FusedMultiplyAdd" + suffix, 3);
            case "div" when _now.Has("rn"):
                return Float(OpCodes.Div);
            case "div" when single:
                return Approximate(
                    _now.Has("full") ? nameof(PtxApproximate.Divide)
                        : _now.Has("approx") ? nameof(PtxApproximate.DivideFast)
                        : throw Refuse("is not supported"),
                    2
                );
            case "rcp" when _now.Has("rn"):
                return FloatHelper("Reciprocal" + suffix, 1);
            case "sqrt" when _now.Has("rn"):
                return FloatHelper("Sqrt" + suffix, 1);
            case "rcp"
            or "sqrt"
            or "rsqrt"
            or "ex2"
            or "lg2"
            or "sin"
            or "cos"
            or "tanh" when single && _now.Has("approx"):
                return Approximate(
                    _now.Opcode switch
                    {
                        "rcp" => nameof(PtxApproximate.Reciprocal),
                        "sqrt" => nameof(PtxApproximate.Sqrt),
                        "rsqrt" => nameof(PtxApproximate.ReciprocalSqrt),
                        "ex2" => nameof(PtxApproximate.Exp2),
                        "lg2" => nameof(PtxApproximate.Log2),
                        "sin" => nameof(PtxApproximate.Sin),
                        "cos" => nameof(PtxApproximate.Cos),
                        _ => nameof(PtxApproximate.Tanh),
                    },
                    1
                );
            case "min" or "max":
                return FloatHelper(
                    (_now.Opcode == "min" ? "Min" : "Max")
                        + (_now.Has("NaN") ? "OrNaN" : "")
                        + suffix,
                    2
                );
            case "abs":
                return FloatHelper("Abs" + suffix, 1);
            case "neg":
                PushFlushed(Operands(2, 2)[1], type);
                _il.Emit(OpCodes.Neg);
                Pop(_now.Operands[0], type);
                return true;
            case "copysign":
                return FloatHelper("CopySign" + suffix, 2);
        }
        return false;
    }

    private void PushFlushed(PtxOperand operand, PtxType type)
    {
        Push(operand, type);
        if (type == PtxType.F32 && _now.Has("ftz"))
            CallMath(nameof(PtxMath.Flush));
    }

    private bool Float(OpCode code)
    {
        PtxOperand[] o = Operands(3, 3);
        PushFlushed(o[1], _now.Type);
        PushFlushed(o[2], _now.Type);
        _il.Emit(code);
        Finish(o[0]);
        return true;
    }

    private bool FloatHelper(string name, int operands)
    {
        PtxOperand[] o = Operands(operands + 1, operands + 1);
        for (int i = 1; i <= operands; i++)
            PushFlushed(o[i], _now.Type);
        CallMath(name);
        Finish(o[0]);
        return true;
    }

    /// <summary>A helper that errs as much as PTX allows, in a way that the launch's seed says.</summary>
    private bool Approximate(string name, int operands)
    {
        PtxOperand[] o = Operands(operands + 1, operands + 1);
        for (int i = 1; i <= operands; i++)
            PushFlushed(o[i], PtxType.F32);
        LoadField(nameof(PtxLane.Seed));
        Call(typeof(PtxApproximate), name);
        Finish(o[0]);
        return true;
    }

    private void Finish(PtxOperand result)
    {
        if (_now.Has("sat"))
        {
            if (_now.Type != PtxType.F32)
                throw Refuse("is not supported");
            CallMath(nameof(PtxMath.Saturate));
        }
        if (_now.Has("ftz"))
        {
            if (_now.Type != PtxType.F32)
                throw Refuse("is not supported");
            CallMath(nameof(PtxMath.Flush));
        }
        Pop(result, _now.Type);
    }
}
