using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Loads, stores and fences.</summary>
internal sealed partial class PtxCompiler
{
    /// <summary>What a strong access takes of a thread's slice, in instructions: threads that poll give way.</summary>
    public const int StrongCharge = 48;

    private static readonly string[] s_scopes = ["cta", "cluster", "gpu", "sys"];

    private bool MemoryAccess()
    {
        switch (_now.Opcode)
        {
            case "ld":
                Load();
                return true;
            case "st":
                Store();
                return true;
            case "atom":
                Atomic(Operands(3, 4), hasResult: true);
                return true;
            case "red":
                Atomic(Operands(2, 2), hasResult: false);
                return true;
            case "membar":
                Operands(0, 0);
                Fence(_now.Has("gl") || _now.Has("sys"));
                return true;
            case "fence":
                Operands(0, 0);
                Fence(!_now.Has("cta"));
                return true;
            case "cp":
                Asynchronous();
                return true;
        }
        return false;
    }

    private void Fence(bool acrossBlocks)
    {
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(acrossBlocks ? OpCodes.Ldc_I4_1 : OpCodes.Ldc_I4_0);
        Call(typeof(PtxLane), nameof(PtxLane.Fence));
    }

    private PtxAccess Access(int elements) =>
        new()
        {
            Space = SpaceOf(_now.Modifiers),
            Type = _now.Type,
            Bytes = elements * _now.Type.Bytes(),
            Order =
                _now.Has("acq_rel") ? PtxOrder.AcquireRelease
                : _now.Has("acquire") ? PtxOrder.Acquire
                : _now.Has("release") ? PtxOrder.Release
                : _now.Has("relaxed") || _now.Has("volatile") ? PtxOrder.Relaxed
                : PtxOrder.Weak,
            AcrossBlocks = !_now.Has("cta"),
        };

    private int Elements(PtxOperand operand)
    {
        int vector =
            _now.Has("v2") ? 2
            : _now.Has("v4") ? 4
            : 1;
        int given = operand is VectorOperand { Elements.Length: var length } ? length : 1;
        if (vector != given || vector * _now.Type.Bytes() is 0 or > 16)
            throw Refuse($"is not supported with {given} elements");
        return vector;
    }

    private static PtxOperand Element(PtxOperand operand, int index) =>
        operand is VectorOperand vector ? vector.Elements[index] : operand;

    private void PushAddress(PtxOperand operand, PtxSpace space)
    {
        if (operand is not AddressOperand address)
            throw Refuse("has no address in brackets");
        switch (address.Base)
        {
            case null:
                if (space != PtxSpace.Local)
                    throw Refuse("has a number as its address, which only local memory takes");
                _il.Emit(OpCodes.Ldc_I8, address.Offset);
                return;
            case VariableOperand variable:
                PushVariable(variable with { Offset = address.Offset });
                Enter(variable.Variable, space);
                return;
            case RegisterOperand { Register.Type: var held } register when held.IsInteger():
                // Addresses of shared memory may have 32 bits.
                PushRegister(register, held.Bytes() == 8 ? PtxType.B64 : PtxType.B32);
                if (held.Bytes() < 4)
                    throw Refuse($"has an address of {8 * held.Bytes()} bits");
                if (held.Bytes() == 4)
                    _il.Emit(OpCodes.Conv_U8);
                break;
            default:
                throw Refuse("has an address that is no whole number");
        }
        if (address.Offset == 0)
            return;
        _il.Emit(OpCodes.Ldc_I8, address.Offset);
        _il.Emit(OpCodes.Add);
    }

    /// <summary>Makes a variable's address on the stack one in the space of the access.</summary>
    private void Enter(PtxVariable variable, PtxSpace space)
    {
        if (space == variable.Space)
            return;
        if (space != PtxSpace.Generic || variable.Space == PtxSpace.Param)
            throw Refuse(
                $"has {variable.Name} as its address, which lies in another space: {variable.Space.ToString().ToLowerInvariant()}"
            );
        _il.Emit(OpCodes.Ldc_I8, (long)PtxAddress.Window(variable.Space));
        _il.Emit(OpCodes.Add);
    }

    private void Load()
    {
        PtxOperand[] o = Operands(2, 2);
        int elements = Elements(o[0]);
        PtxAccess access = Access(elements) with { Reads = true };
        if (!IsFixedParameter(o[1], access))
            CallAccess(o[1], access);
        _il.Emit(OpCodes.Stloc, _pointer);
        PtxType type = _now.Type;
        for (int i = 0; i < elements; i++)
        {
            _il.Emit(OpCodes.Ldloc, _pointer);
            if (i > 0)
            {
                _il.Emit(OpCodes.Ldc_I4, i * type.Bytes());
                _il.Emit(OpCodes.Add);
            }
            _il.Emit(LoadCode(type));
            Pop(Element(o[0], i), type);
        }
    }

    /// <summary>A parameter at an offset that is known now: no check is left for later.</summary>
    private bool IsFixedParameter(PtxOperand operand, PtxAccess access)
    {
        if (
            access.Space != PtxSpace.Param
            || operand
                is not AddressOperand { Base: VariableOperand { Variable: var variable } } address
            || variable.Space != PtxSpace.Param
        )
            return false;
        if (
            address.Offset < 0
            || address.Offset + access.Bytes > variable.Bytes
            || address.Offset % access.Bytes != 0
        )
            throw Refuse($"reads outside the parameter {variable.Name} of {variable.Bytes} bytes");
        LoadField(nameof(PtxLane.Parameters));
        _il.Emit(
            OpCodes.Ldc_I4,
            (int)(variable.Address - PtxKernel.WindowStart) + (int)address.Offset
        );
        _il.Emit(OpCodes.Add);
        return true;
    }

    private void Store()
    {
        PtxOperand[] o = Operands(2, 2);
        int elements = Elements(o[1]);
        PtxType type = _now.Type;
        for (int i = 0; i < elements; i++)
        {
            PushScratch(i * type.Bytes());
            Push(Element(o[1], i), type);
            _il.Emit(StoreCode(type));
        }
        CallAccess(o[0], Access(elements) with { Writes = true });
    }

    private void PushScratch(int offset)
    {
        _il.Emit(OpCodes.Ldloc, _scratch);
        if (offset == 0)
            return;
        _il.Emit(OpCodes.Ldc_I4, offset);
        _il.Emit(OpCodes.Add);
    }

    /// <summary>
    /// Calls what checks and does an access. A load leaves where its bytes are on the stack; the others take what
    /// they write from the scratch, and an atomic operation puts what was there before into it.
    /// </summary>
    private void CallAccess(PtxOperand address, PtxAccess access)
    {
        _accesses[_now.Index] = access;
        if (access.Strong)
        {
            Charge(StrongCharge);
            _il.Emit(OpCodes.Ldarg_0);
            Call(typeof(PtxLane), nameof(PtxLane.Poll));
        }
        _il.Emit(OpCodes.Ldarg_0);
        PushAddress(address, access.Space);
        _il.Emit(OpCodes.Ldc_I4, _now.Index);
        string space = access.Space.ToString();
        if (access.Asynchronous)
            Call(typeof(PtxAsync), nameof(PtxAsync.Copy));
        else if (access.Atomic != PtxAtomic.None)
            Call(typeof(PtxAtomics), nameof(PtxAtomics.Apply));
        else if (access.Reads)
            Call(typeof(PtxLoads), space);
        else
            Call(typeof(PtxStores), space);
    }

    private static OpCode LoadCode(PtxType type) =>
        type switch
        {
            PtxType.S8 => OpCodes.Ldind_I1,
            PtxType.U8 or PtxType.B8 => OpCodes.Ldind_U1,
            PtxType.S16 => OpCodes.Ldind_I2,
            PtxType.U16 or PtxType.B16 => OpCodes.Ldind_U2,
            PtxType.F32 => OpCodes.Ldind_R4,
            PtxType.F64 => OpCodes.Ldind_R8,
            _ => type.Bytes() == 8 ? OpCodes.Ldind_I8 : OpCodes.Ldind_I4,
        };

    private static OpCode StoreCode(PtxType type) =>
        type switch
        {
            PtxType.F32 => OpCodes.Stind_R4,
            PtxType.F64 => OpCodes.Stind_R8,
            _ => type.Bytes() switch
            {
                1 => OpCodes.Stind_I1,
                2 => OpCodes.Stind_I2,
                8 => OpCodes.Stind_I8,
                _ => OpCodes.Stind_I4,
            },
        };
}
