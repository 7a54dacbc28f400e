using System.Reflection;
using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Runs one thread from where it stopped to where it has to wait.</summary>
internal delegate int PtxRun(PtxLane lane);

/// <summary>A kernel's code.</summary>
/// <param name="Run">Runs a thread; the result is a <see cref="PtxStop"/>.</param>
/// <param name="Accesses">What each instruction does to memory; null for those that do not.</param>
/// <param name="Globals">The module's variables that it refers to.</param>
/// <param name="Registers">The most registers of 32 bits that are in use at a time.</param>
/// <param name="Resumes">The instruction at which each resume point, from 1, goes on.</param>
internal sealed record PtxCode(
    PtxRun Run,
    PtxAccess?[] Accesses,
    PtxVariable[] Globals,
    int[] Resumes,
    int Registers
);

/// <summary>
/// Translates a kernel to IL: one method, which runs one thread. PTX registers are locals; where a thread has to
/// wait, those that are still read go to its slab of memory, and come from there when it goes on.
/// </summary>
internal sealed partial class PtxCompiler
{
    private static readonly HashSet<string> s_waiting =
    [
        "bar",
        "barrier",
        "shfl",
        "vote",
        "match",
        "redux",
        "mma",
        "ldmatrix",
        "nanosleep",
    ];

    private readonly PtxKernel _kernel;
    private readonly PtxLiveness _liveness;
    private readonly DynamicMethod _method;
    private readonly ILGenerator _il;
    private readonly LocalBuilder[] _locals;
    private readonly LocalBuilder _budget;
    private readonly LocalBuilder _slab;
    private readonly LocalBuilder _scratch;
    private readonly LocalBuilder _pointer;
    private readonly Label[] _starts;
    private readonly PtxAccess?[] _accesses;
    private readonly List<PtxVariable> _globals = [];
    private readonly List<int> _resumeSites = [0];
    private readonly List<(Label Stub, Label Target, PtxRegister[] Live)> _resumes = [];
    private readonly Dictionary<int, Label> _yields = [];
    private PtxInstruction _now = null!;

    private PtxCompiler(PtxKernel kernel)
    {
        _kernel = kernel;
        _liveness = new PtxLiveness(kernel);
        _method = new DynamicMethod(
            kernel.Name,
            typeof(int),
            [typeof(PtxLane)],
            typeof(PtxCompiler).Module,
            skipVisibility: true
        );
        _il = _method.GetILGenerator(64 * 1024);
        _locals = PtxLocals.Allocate(
            kernel,
            _liveness,
            Leaders(),
            kernel.Instructions.Where(i => s_waiting.Contains(i.Opcode)).Select(i => i.Index),
            LocalType,
            _il
        );
        _budget = _il.DeclareLocal(typeof(int));
        _slab = _il.DeclareLocal(typeof(nint));
        _scratch = _il.DeclareLocal(typeof(nint));
        _pointer = _il.DeclareLocal(typeof(nint));
        _starts =
        [
            .. Enumerable.Range(0, kernel.Instructions.Count + 1).Select(_ => _il.DefineLabel()),
        ];
        _accesses = new PtxAccess?[kernel.Instructions.Count];
    }

    public static PtxCode Compile(PtxKernel kernel)
    {
        var compiler = new PtxCompiler(kernel);
        compiler.Body();
        return new PtxCode(
            compiler._method.CreateDelegate<PtxRun>(),
            compiler._accesses,
            [.. compiler._globals],
            [.. compiler._resumeSites],
            Enumerable
                .Range(0, kernel.Instructions.Count)
                .Select(i => compiler._liveness.Before(i).Sum(r => (r.Type.Bytes() + 3) / 4))
                .DefaultIfEmpty(0)
                .Max()
        );
    }

    private void Body()
    {
        Label dispatch = _il.DefineLabel();
        LoadField(nameof(PtxLane.Budget));
        _il.Emit(OpCodes.Stloc, _budget);
        LoadField(nameof(PtxLane.Slab));
        _il.Emit(OpCodes.Stloc, _slab);
        LoadField(nameof(PtxLane.Scratch));
        _il.Emit(OpCodes.Stloc, _scratch);
        LoadField(nameof(PtxLane.Resume));
        _il.Emit(OpCodes.Brtrue, dispatch);

        IReadOnlyList<PtxInstruction> instructions = _kernel.Instructions;
        HashSet<int> leaders = Leaders();
        for (int i = 0; i < instructions.Count; i++)
        {
            _now = instructions[i];
            _il.MarkLabel(_starts[i]);
            if (leaders.Contains(i))
            {
                int length = BlockLength(i, leaders);
                Charge(length);
                Operate(instructions.Skip(i).Take(length).Where(n => n.Guard is null));
            }
            Guarded();
        }
        _il.MarkLabel(_starts[instructions.Count]);
        Exit();
        foreach ((int target, Label stub) in _yields)
        {
            _il.MarkLabel(stub);
            _now = instructions[target];
            Stop(PtxStop.Slice, _starts[target], [.. _liveness.Before(target)]);
        }

        _il.MarkLabel(dispatch);
        LoadField(nameof(PtxLane.Resume));
        _il.Emit(OpCodes.Ldc_I4_1);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Switch, [.. _resumes.Select(r => r.Stub)]);
        _il.Emit(OpCodes.Ldc_I4_M1);
        _il.Emit(OpCodes.Ret);
        foreach ((Label stub, Label target, PtxRegister[] live) in _resumes)
        {
            _il.MarkLabel(stub);
            foreach (PtxRegister register in live)
                Restore(register);
            _il.Emit(OpCodes.Br, target);
        }
    }

    /// <summary>Where straight code begins.</summary>
    private HashSet<int> Leaders()
    {
        var leaders = new HashSet<int>(_kernel.Labels.Values) { 0 };
        foreach (PtxInstruction instruction in _kernel.Instructions)
            if (instruction.Opcode is "bra" or "ret" or "exit")
                leaders.Add(instruction.Index + 1);
        return leaders;
    }

    private int BlockLength(int start, HashSet<int> leaders)
    {
        int end = start + 1;
        while (end < _kernel.Instructions.Count && !leaders.Contains(end))
            end++;
        return end - start;
    }

    private void Charge(int instructions)
    {
        _il.Emit(OpCodes.Ldloc, _budget);
        _il.Emit(OpCodes.Ldc_I4, instructions);
        _il.Emit(OpCodes.Sub);
        _il.Emit(OpCodes.Stloc, _budget);
    }

    /// <summary>Counts the operations with floats of some instructions.</summary>
    private void Operate(IEnumerable<PtxInstruction> instructions)
    {
        foreach (
            IGrouping<PtxType, PtxInstruction> group in instructions
                .Where(i => i.Type is PtxType.F32 or PtxType.F64)
                .GroupBy(i => i.Type)
        )
        {
            int operations = group.Sum(FloatOperations);
            if (operations == 0)
                continue;
            string field =
                group.Key == PtxType.F32
                    ? nameof(PtxLane.SingleOperations)
                    : nameof(PtxLane.DoubleOperations);
            _il.Emit(OpCodes.Ldarg_0);
            LoadField(field);
            _il.Emit(OpCodes.Ldc_I8, (long)operations);
            _il.Emit(OpCodes.Add);
            StoreField(field);
        }
    }

    private void Guarded()
    {
        if (_now.Guard is not { } guard)
        {
            Emit();
            return;
        }
        Label skip = _il.DefineLabel();
        _il.Emit(OpCodes.Ldloc, _locals[guard.Register.Index]);
        _il.Emit(guard.Negated ? OpCodes.Brtrue : OpCodes.Brfalse, skip);
        Operate([_now]);
        Emit();
        _il.MarkLabel(skip);
    }

    private void Emit()
    {
        Check();
        if (
            !Control()
            && !Synchronize()
            && !Matrices()
            && !MemoryAccess()
            && !Moves()
            && !Integers()
            && !Bits()
            && !Floats()
        )
            throw Refuse("is not supported");
    }

    /// <summary>
    /// Leaves the method, to go on at a target with the same registers.
    /// </summary>
    private void Stop(PtxStop stop, Label target, PtxRegister[] live)
    {
        foreach (PtxRegister register in live)
            Save(register);
        _resumeSites.Add(_now.Index);
        _resumes.Add((_il.DefineLabel(), target, live));
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldc_I4, _resumes.Count);
        StoreField(nameof(PtxLane.Resume));
        Leave(stop);
    }

    private void Exit() => Leave(PtxStop.Exit);

    private void Leave(PtxStop stop)
    {
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldloc, _budget);
        StoreField(nameof(PtxLane.Budget));
        _il.Emit(OpCodes.Ldc_I4, (int)stop);
        _il.Emit(OpCodes.Ret);
    }

    private void Save(PtxRegister register)
    {
        SlabAddress(register);
        _il.Emit(OpCodes.Ldloc, _locals[register.Index]);
        _il.Emit(
            register.Type switch
            {
                PtxType.F32 => OpCodes.Stind_R4,
                PtxType.F64 => OpCodes.Stind_R8,
                _ => register.Type.Bytes() == 8 ? OpCodes.Stind_I8 : OpCodes.Stind_I4,
            }
        );
    }

    private void Restore(PtxRegister register)
    {
        SlabAddress(register);
        _il.Emit(
            register.Type switch
            {
                PtxType.F32 => OpCodes.Ldind_R4,
                PtxType.F64 => OpCodes.Ldind_R8,
                _ => register.Type.Bytes() == 8 ? OpCodes.Ldind_I8 : OpCodes.Ldind_I4,
            }
        );
        _il.Emit(OpCodes.Stloc, _locals[register.Index]);
    }

    private void SlabAddress(PtxRegister register)
    {
        _il.Emit(OpCodes.Ldloc, _slab);
        _il.Emit(OpCodes.Ldc_I4, 8 * register.Index);
        _il.Emit(OpCodes.Add);
    }

    private void LoadField(string name)
    {
        _il.Emit(OpCodes.Ldarg_0);
        _il.Emit(OpCodes.Ldfld, Field(name));
    }

    private void StoreField(string name) => _il.Emit(OpCodes.Stfld, Field(name));

    private static FieldInfo Field(string name) => typeof(PtxLane).GetField(name)!;

    private void Call(Type type, string name) =>
        _il.Emit(
            OpCodes.Call,
            type.GetMethod(
                name,
                BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic
            )!
        );

    private void CallMath(string name) => Call(typeof(PtxMath), name);

    private PtxOperand[] Operands(int least, int most)
    {
        if (_now.Operands.Length < least || _now.Operands.Length > most)
            throw Refuse(
                $"has {_now.Operands.Length} operands; supported {(least == most ? "are" : "are from")} {least}{(least == most ? "" : $" to {most}")}"
            );
        return _now.Operands;
    }

    private PtxException Refuse(string why) => new(_now.Name, _now.Line, why);

    private static Type LocalType(PtxType type) =>
        type switch
        {
            PtxType.F32 => typeof(float),
            PtxType.F64 => typeof(double),
            _ => type.Bytes() == 8 ? typeof(long) : typeof(int),
        };
}
