using System.Globalization;
using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Operands to and from IL's stack. Whole numbers below 32 bits are there as ints, extended by their type's sign;
/// registers of 8 and 16 bits hold them with zeros above.
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
            case FloatOperand real when real.As(type) is { } bits:
                if (type == PtxType.F32)
                    _il.Emit(OpCodes.Ldc_R4, BitConverter.UInt32BitsToSingle((uint)bits));
                else if (type == PtxType.F64)
                    _il.Emit(OpCodes.Ldc_R8, BitConverter.UInt64BitsToDouble(bits));
                else
                    PushConstant((long)bits, type);
                break;
            case VariableOperand { Variable.Space: var space } variable
                when TakesAddresses && IsAddress(type, space):
                PushVariable(variable);
                if (type.Bytes() == 4)
                    _il.Emit(OpCodes.Conv_I4);
                break;
            case SpecialOperand special
                when _now.Opcode == "mov"
                    && type.IsInteger()
                    && type.Bytes() == BytesOf(special.Name):
                PushSpecial(special.Name, type);
                break;
            default:
                throw Refuse(
                    $"has an operand of a kind that its type {type.ToString().ToUpperInvariant()} does not allow"
                );
        }
    }

    // A name stands for an address in no other instructions.
    private bool TakesAddresses =>
        _now.Opcode == "mov" || (_now.Opcode == "cvta" && !_now.Has("to"));

    // A block's and a thread's own memory have addresses of 32 bits as well.
    private static bool IsAddress(PtxType type, PtxSpace space) =>
        type.IsInteger()
        && (
            type.Bytes() == 8 || (type.Bytes() == 4 && space is (PtxSpace.Shared or PtxSpace.Local))
        );

    private static int BytesOf(string special) => special is "%clock64" or "%globaltimer" ? 8 : 4;

    /// <summary>
    /// Whether a register can stand for a value of a type: of its size, or larger where the instruction converts;
    /// whole numbers for whole numbers, and bits for anything.
    /// </summary>
    private bool Fits(PtxType held, PtxType type)
    {
        bool converts =
            _now.Opcode is "ld" or "st" or "cvt" && !_now.Types.Any(t => t.IsOfInstructions());
        bool kind =
            held == type
            || held.IsBits()
            || type.IsBits()
            || (held.IsInteger() && type.IsInteger());
        return kind && (held.Bytes() == type.Bytes() || (converts && held.Bytes() > type.Bytes()));
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
        if (!Fits(held, type))
            throw Refuse(
                $"cannot read {operand.Register.Name} of type {held.ToString().ToUpperInvariant()} as {type.ToString().ToUpperInvariant()}"
            );
        if (held == type)
        {
            Narrow(type);
            return;
        }
        if (held.IsFloat())
            CallMath(
                held == PtxType.F32 ? nameof(PtxMath.BitsOfSingle) : nameof(PtxMath.BitsOfDouble)
            );
        if (held.Bytes() == 8 && type.Bytes() < 8)
            _il.Emit(OpCodes.Conv_I4);
        if (type.IsFloat())
            CallMath(
                type == PtxType.F32 ? nameof(PtxMath.SingleOfBits) : nameof(PtxMath.DoubleOfBits)
            );
        else
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
        // Of two that look alike each has its own place.
        int index = _globals.FindIndex(g => ReferenceEquals(g, variable));
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
            case PtxType.U16 or PtxType.B16 or PtxType.F16 or PtxType.BF16:
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
        if (type != PtxType.Pred && !Fits(held, type))
            throw Refuse(
                $"cannot write {type.ToString().ToUpperInvariant()} to {target.Register.Name} of type {held.ToString().ToUpperInvariant()}"
            );
        if (held != type)
        {
            if (type.IsFloat())
                CallMath(
                    type == PtxType.F32
                        ? nameof(PtxMath.BitsOfSingle)
                        : nameof(PtxMath.BitsOfDouble)
                );
            if (held.Bytes() == 8 && type.Bytes() < 8)
                _il.Emit(type.IsSigned() ? OpCodes.Conv_I8 : OpCodes.Conv_U8);
            if (held.IsFloat())
                CallMath(
                    held == PtxType.F32
                        ? nameof(PtxMath.SingleOfBits)
                        : nameof(PtxMath.DoubleOfBits)
                );
        }
        if (held.Bytes() == 2)
            _il.Emit(OpCodes.Conv_U2);
        else if (held.Bytes() == 1 && held != PtxType.Pred)
            _il.Emit(OpCodes.Conv_U1);
        _il.Emit(OpCodes.Stloc, _locals[target.Register.Index]);
    }

    /// <summary>The two results of <c>p|q</c>; a sink where there is one.</summary>
    private static (PtxOperand First, PtxOperand Second) Results(PtxOperand operand) =>
        operand is PairOperand pair ? (pair.First, pair.Second) : (operand, new SinkOperand());
}
