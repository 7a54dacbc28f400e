using System.Globalization;
using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Operands to and from IL's stack. Whole numbers below 32 bits are there as ints, extended by their type's sign;
/// registers of 16 bits hold them with zeros above.
/// </summary>
internal sealed partial class PtxCompiler
{
    private void Push(PtxOperand operand, PtxType type)
    {
        switch (operand)
        {
            case RegisterOperand register:
                PushRegister(register, type);
                break;
            case IntegerOperand integer when type.IsInteger():
                PushConstant(integer.Value, type);
                break;
            case IntegerOperand integer when type == PtxType.Pred:
                _il.Emit(OpCodes.Ldc_I4, integer.Value != 0 ? 1 : 0);
                break;
            case FloatOperand { IsDouble: false } real when type == PtxType.F32:
                _il.Emit(OpCodes.Ldc_R4, BitConverter.UInt32BitsToSingle((uint)real.Bits));
                break;
            case FloatOperand { IsDouble: true } real when type == PtxType.F64:
                _il.Emit(OpCodes.Ldc_R8, BitConverter.UInt64BitsToDouble(real.Bits));
                break;
            case FloatOperand real when type.IsInteger() && type.Bytes() == (real.IsDouble ? 8 : 4):
                PushConstant((long)real.Bits, type);
                break;
            case VariableOperand variable when type.Bytes() >= 4 && type.IsInteger():
                PushVariable(variable);
                if (type.Bytes() == 4)
                    _il.Emit(OpCodes.Conv_I4);
                break;
            case SpecialOperand special when type.Bytes() >= 4 && type.IsInteger():
                PushSpecial(special.Name, type);
                break;
            default:
                throw Refuse(
                    $"has an operand of a kind that its type {type.ToString().ToUpperInvariant()} does not allow"
                );
        }
    }

    private void PushRegister(RegisterOperand operand, PtxType type)
    {
        PtxType held = operand.Register.Type;
        _il.Emit(OpCodes.Ldloc, _locals[operand.Register.Index]);
        if (held == PtxType.Pred || type == PtxType.Pred)
        {
            if (held != type)
                throw Refuse($"mixes the register {operand.Register.Name} with a predicate");
            if (operand.Negated)
            {
                _il.Emit(OpCodes.Ldc_I4_0);
                _il.Emit(OpCodes.Ceq);
            }
            return;
        }
        if (held == type)
        {
            Narrow(type);
            return;
        }
        if (held.Bytes() < type.Bytes() || (type.IsFloat() && held.Bytes() != type.Bytes()))
            throw Refuse(
                $"cannot read the {8 * held.Bytes()} bits of {operand.Register.Name} as {type.ToString().ToUpperInvariant()}"
            );
        if (held.IsFloat())
            CallMath(
                held == PtxType.F32 ? nameof(PtxMath.BitsOfSingle) : nameof(PtxMath.BitsOfDouble)
            );
        if (type.IsFloat())
        {
            CallMath(
                type == PtxType.F32 ? nameof(PtxMath.SingleOfBits) : nameof(PtxMath.DoubleOfBits)
            );
            return;
        }
        if (held.Bytes() == 8 && type.Bytes() < 8)
            _il.Emit(OpCodes.Conv_I4);
        Narrow(type);
    }

    private void PushConstant(long value, PtxType type)
    {
        switch (type)
        {
            case PtxType.S8:
                _il.Emit(OpCodes.Ldc_I4, (int)(sbyte)value);
                break;
            case PtxType.U8 or PtxType.B8:
                _il.Emit(OpCodes.Ldc_I4, (int)(byte)value);
                break;
            case PtxType.S16:
                _il.Emit(OpCodes.Ldc_I4, (int)(short)value);
                break;
            case PtxType.U16 or PtxType.B16:
                _il.Emit(OpCodes.Ldc_I4, (int)(ushort)value);
                break;
            default:
                if (type.Bytes() == 8)
                    _il.Emit(OpCodes.Ldc_I8, value);
                else
                    _il.Emit(OpCodes.Ldc_I4, (int)value);
                break;
        }
    }

    private void PushVariable(VariableOperand operand)
    {
        PtxVariable variable = operand.Variable;
        if (variable.Space is PtxSpace.Global or PtxSpace.Const)
        {
            // Its address is known when the module is loaded.
            LoadField(nameof(PtxLane.Globals));
            _il.Emit(OpCodes.Ldc_I4, GlobalIndex(variable));
            _il.Emit(OpCodes.Ldelem_Ref);
            _il.Emit(
                OpCodes.Call,
                typeof(PtxVariable).GetProperty(nameof(PtxVariable.Address))!.GetMethod!
            );
            _il.Emit(OpCodes.Ldc_I8, operand.Offset);
            _il.Emit(OpCodes.Add);
        }
        else
            _il.Emit(OpCodes.Ldc_I8, (long)variable.Address + operand.Offset);
    }

    private int GlobalIndex(PtxVariable variable)
    {
        int index = _globals.IndexOf(variable);
        if (index >= 0)
            return index;
        _globals.Add(variable);
        return _globals.Count - 1;
    }

    private void PushSpecial(string name, PtxType type)
    {
        switch (name)
        {
            case "%clock" or "%clock64" or "%globaltimer":
                _il.Emit(OpCodes.Ldarg_0);
                _il.Emit(OpCodes.Ldloc, _budget);
                Call(typeof(PtxLane), nameof(PtxLane.Clock));
                if (type.Bytes() == 4)
                    _il.Emit(OpCodes.Conv_I4);
                return;
            case "%laneid":
                LoadField(nameof(PtxLane.LaneId));
                break;
            case "%warpid":
                LoadField(nameof(PtxLane.WarpId));
                break;
            default:
                if (name.StartsWith("%lanemask_", StringComparison.Ordinal))
                {
                    LoadField(nameof(PtxLane.LaneId));
                    _il.Emit(OpCodes.Ldstr, name[^2..]);
                    CallMath(nameof(PtxMath.LaneMask));
                }
                else
                    // %tid.x is the field TidX.
                    LoadField(
                        CultureInfo
                            .InvariantCulture.TextInfo.ToTitleCase(
                                name[1..].Replace(".", " ", StringComparison.Ordinal)
                            )
                            .Replace(" ", "", StringComparison.Ordinal)
                    );
                break;
        }
        if (type.Bytes() == 8)
            _il.Emit(OpCodes.Conv_U8);
    }

    /// <summary>Cuts an int on the stack to a type below 32 bits.</summary>
    private void Narrow(PtxType type)
    {
        switch (type)
        {
            case PtxType.S8:
                _il.Emit(OpCodes.Conv_I1);
                break;
            case PtxType.U8 or PtxType.B8:
                _il.Emit(OpCodes.Conv_U1);
                break;
            case PtxType.S16:
                _il.Emit(OpCodes.Conv_I2);
                break;
            case PtxType.U16 or PtxType.B16 or PtxType.F16:
                _il.Emit(OpCodes.Conv_U2);
                break;
        }
    }

    /// <summary>Takes a value of a type from the stack into a register.</summary>
    private void Pop(PtxOperand operand, PtxType type)
    {
        if (operand is SinkOperand)
        {
            _il.Emit(OpCodes.Pop);
            return;
        }
        if (operand is not RegisterOperand { Negated: false } target)
            throw Refuse("has a result that is no register");
        PtxType held = target.Register.Type;
        if ((held == PtxType.Pred) != (type == PtxType.Pred))
            throw Refuse($"mixes the register {target.Register.Name} with a predicate");
        if (held != type)
        {
            if (held.Bytes() < type.Bytes() || (type.IsFloat() && held.Bytes() != type.Bytes()))
                throw Refuse(
                    $"cannot write {type.ToString().ToUpperInvariant()} to the {8 * held.Bytes()} bits of {target.Register.Name}"
                );
            if (type.IsFloat())
                CallMath(
                    type == PtxType.F32
                        ? nameof(PtxMath.BitsOfSingle)
                        : nameof(PtxMath.BitsOfDouble)
                );
            else if (held.Bytes() == 8 && type.Bytes() < 8)
                _il.Emit(type.IsSigned() ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
            if (held.IsFloat())
            {
                if (held.Bytes() != type.Bytes())
                    throw Refuse($"cannot write {8 * type.Bytes()} bits to {target.Register.Name}");
                CallMath(
                    held == PtxType.F32
                        ? nameof(PtxMath.SingleOfBits)
                        : nameof(PtxMath.DoubleOfBits)
                );
            }
        }
        if (held.Bytes() == 2)
            _il.Emit(OpCodes.Conv_U2);
        _il.Emit(OpCodes.Stloc, _locals[target.Register.Index]);
    }

    /// <summary>The two results of <c>p|q</c>; a sink where there is one.</summary>
    private static (PtxOperand First, PtxOperand Second) Results(PtxOperand operand) =>
        operand is PairOperand pair ? (pair.First, pair.Second) : (operand, new SinkOperand());
}
