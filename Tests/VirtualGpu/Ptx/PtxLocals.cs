using System.Reflection.Emit;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Gives registers their IL locals. Compilers name a register for every value, and .NET optimises no method with as
/// many locals; so registers that live within straight code only share theirs.
/// </summary>
internal static class PtxLocals
{
    /// <param name="leaders">Where straight code begins.</param>
    /// <param name="waits">Instructions at which a thread may leave the method.</param>
    public static LocalBuilder[] Allocate(
        PtxKernel kernel,
        PtxLiveness liveness,
        IEnumerable<int> leaders,
        IEnumerable<int> waits,
        Func<PtxType, Type> typeOf,
        ILGenerator il
    )
    {
        int count = kernel.Registers.Count;
        bool[] lasts = new bool[count];
        foreach (int instruction in leaders.Concat(waits.Select(w => w + 1)))
        foreach (PtxRegister register in liveness.Before(instruction))
            lasts[register.Index] = true;
        int[] last = new int[count];
        foreach (PtxInstruction instruction in kernel.Instructions)
        foreach (PtxRegister register in PtxLiveness.All(instruction))
            last[register.Index] = instruction.Index;

        var locals = new LocalBuilder[count];
        var free = new Dictionary<Type, Stack<LocalBuilder>>();
        var held = new List<PtxRegister>();
        foreach (PtxInstruction instruction in kernel.Instructions)
        {
            // Only what ended before: an instruction may write a result before it has read all.
            foreach (PtxRegister register in held.Where(r => last[r.Index] < instruction.Index))
                Free(typeOf(register.Type)).Push(locals[register.Index]);
            held.RemoveAll(r => last[r.Index] < instruction.Index);
            foreach (PtxRegister register in PtxLiveness.All(instruction))
            {
                if (locals[register.Index] is not null)
                    continue;
                Type type = typeOf(register.Type);
                if (lasts[register.Index])
                {
                    locals[register.Index] = il.DeclareLocal(type);
                    continue;
                }
                locals[register.Index] = Free(type).TryPop(out LocalBuilder? local)
                    ? local
                    : il.DeclareLocal(type);
                held.Add(register);
            }
        }
        return locals;

        Stack<LocalBuilder> Free(Type type)
        {
            if (!free.TryGetValue(type, out Stack<LocalBuilder>? stack))
                free.Add(type, stack = new());
            return stack;
        }
    }
}
