namespace Sequor.VirtualGpu.Ptx;

/// <summary>Parses a kernel: its parameters, registers, variables and instructions.</summary>
internal sealed partial class PtxParser
{
    private static readonly HashSet<string> s_specials =
    [
        "%tid.x",
        "%tid.y",
        "%tid.z",
        "%ntid.x",
        "%ntid.y",
        "%ntid.z",
        "%ctaid.x",
        "%ctaid.y",
        "%ctaid.z",
        "%nctaid.x",
        "%nctaid.y",
        "%nctaid.z",
        "%laneid",
        "%warpid",
        "%clock",
        "%clock64",
        "%globaltimer",
        "%lanemask_eq",
        "%lanemask_lt",
        "%lanemask_le",
        "%lanemask_gt",
        "%lanemask_ge",
    ];

    // Deeper than anyone writes, and far from the stack's end.
    private const int DeepestScope = 64;

    private const long MostThreads = 1024;
    private const long MostParameterBytes = 4352;

    // What a launch asks for itself may be more.
    private const long MostSharedBytes = 48 << 10;

    private readonly List<PtxRegister> _registers = [];
    private readonly List<PtxInstruction> _instructions = [];
    private readonly Dictionary<string, int> _labels = [];
    private readonly List<PtxRegisters> _registerScopes = [];
    private readonly List<Dictionary<string, PtxVariable>> _variableScopes = [];
    private readonly List<PtxVariable> _kernelVariables = [];
    private PtxSource _source;

    private PtxKernel Kernel()
    {
        _registers.Clear();
        _instructions.Clear();
        _labels.Clear();
        _kernelVariables.Clear();
        _registerScopes.Clear();
        _variableScopes.Clear();
        _source = default;
        // Where shared variables of the module lie, each kernel says anew.
        _variableScopes.Add(
            _moduleNames.ToDictionary(
                n => n.Key,
                n => n.Value.Space == PtxSpace.Shared ? n.Value with { } : n.Value
            )
        );
        _kernelVariables.AddRange(_variableScopes[0].Values.Where(v => v.Space == PtxSpace.Shared));
        PtxToken name = Word();
        List<PtxParameter> parameters = Parameters();
        long required = 0;
        long maximum = 1024;
        while (!Current.Is('{'))
        {
            PtxToken token = Next();
            switch (token.Text)
            {
                case ".maxntid":
                    maximum = Threads(token);
                    break;
                case ".reqntid":
                    required = Threads(token);
                    break;
                case ".minnctapersm":
                case ".maxnreg":
                    Integer();
                    break;
                default:
                    throw Refuse(token, "is no directive of a kernel that is supported");
            }
        }
        Scope();
        foreach (PtxInstruction instruction in _instructions)
        foreach (PtxOperand operand in instruction.Operands)
            if (operand is LabelOperand label && !_labels.ContainsKey(label.Name))
                throw new PtxException(
                    label.Name,
                    instruction.Line,
                    "is no register, variable or label"
                );
        (ulong sharedEnd, ulong localEnd) = Place();
        if (
            _kernelVariables.Where(v => v.Space == PtxSpace.Shared).Sum(v => v.Bytes)
            is var shared
                and > MostSharedBytes
        )
            throw new PtxException(
                name.Text,
                name.Line,
                $"has {shared} bytes of static shared memory; there are {MostSharedBytes}"
            );
        return new PtxKernel
        {
            Name = name.Text,
            Line = name.Line,
            Parameters = parameters,
            Instructions = [.. _instructions],
            Labels = new Dictionary<string, int>(_labels),
            Registers = [.. _registers],
            Shared = [.. _kernelVariables.Where(v => v.Space == PtxSpace.Shared)],
            Local = [.. _kernelVariables.Where(v => v.Space == PtxSpace.Local)],
            SharedEnd = sharedEnd,
            LocalBytes = (long)(localEnd - PtxKernel.WindowStart),
            RequiredThreads = required,
            MaximumThreads = maximum,
        };
    }

    /// <summary>Gives shared and local variables their addresses; dynamic shared memory comes last.</summary>
    private (ulong SharedEnd, ulong LocalEnd) Place()
    {
        ulong shared = PtxKernel.WindowStart;
        ulong local = PtxKernel.WindowStart;
        foreach (PtxVariable variable in _kernelVariables.Where(v => !v.External))
        {
            if (variable.Space == PtxSpace.Shared)
            {
                variable.Address = Aligned(shared, variable.Alignment);
                shared = variable.Address + (ulong)variable.Bytes + PtxKernel.SharedGap;
            }
            else if (variable.Space == PtxSpace.Local)
            {
                variable.Address = Aligned(local, variable.Alignment);
                local = variable.Address + (ulong)variable.Bytes;
            }
        }
        // What dynamic shared memory may be aligned to at most.
        shared = Aligned(shared, 128);
        foreach (PtxVariable variable in _kernelVariables.Where(v => v.External))
            variable.Address = shared;
        return (shared, local);
    }

    private static ulong Aligned(ulong address, int alignment) =>
        (address + (ulong)alignment - 1) / (ulong)alignment * (ulong)alignment;

    private List<PtxParameter> Parameters()
    {
        var parameters = new List<PtxParameter>();
        long offset = 0;
        Expect('(');
        while (!Current.Is(')'))
        {
            if (parameters.Count > 0)
                Expect(',');
            PtxToken token = Next();
            if (token.Text != ".param")
                throw Refuse(token, "where .param was expected");
            (PtxType type, int alignment) = AlignedType();
            while (
                Current.Text is ".ptr" or ".global" or ".shared" or ".const" or ".local" or ".align"
            )
                if (Next().Text == ".align")
                    Alignment();
            PtxToken name = Word();
            long bytes = type.Bytes();
            if (Current.Is('['))
            {
                Next();
                bytes *= Bounded(name, "elements", 1, MostParameterBytes);
                Expect(']');
            }
            alignment = Math.Max(alignment, type.Bytes());
            offset = (offset + alignment - 1) / alignment * alignment;
            parameters.Add(new PtxParameter(name.Text, offset, bytes, alignment));
            var variable = new PtxVariable(name.Text, PtxSpace.Param, bytes, alignment, [], false)
            {
                Address = PtxKernel.WindowStart + (ulong)offset,
            };
            if (!_variableScopes[^1].TryAdd(name.Text, variable))
                throw Refuse(name, "is declared twice");
            offset += bytes;
            if (offset > MostParameterBytes)
                throw Refuse(name, $"ends beyond the {MostParameterBytes} bytes of parameters");
        }
        Next();
        return parameters;
    }

    private long Threads(PtxToken directive)
    {
        long threads = Bounded(directive, "threads", 1, MostThreads);
        while (Current.Is(','))
        {
            Next();
            threads *= Bounded(directive, "threads", 1, MostThreads);
            if (threads > MostThreads)
                throw Refuse(directive, $"has more than {MostThreads} threads");
        }
        return threads;
    }

    /// <summary>What stands between braces; inner ones, from inline assembly, have registers of their own.</summary>
    private void Scope()
    {
        PtxToken brace = Current;
        Expect('{');
        if (_registerScopes.Count == DeepestScope)
            throw Refuse(brace, $"lies in more than {DeepestScope} others");
        _registerScopes.Add(new());
        _variableScopes.Add([]);
        while (!Current.Is('}'))
        {
            PtxToken token = Current;
            if (token.Is('{'))
                Scope();
            else if (token.Kind == PtxTokenKind.Word && _tokens[_at + 1].Is(':'))
                Label();
            else if (token.Text == ".reg")
                Registers();
            else if (token.Text is ".shared" or ".local" or ".global" or ".const")
            {
                PtxVariable variable = Variable(external: false);
                Declare(variable, _variableScopes[^1], token);
                if (variable.Space is PtxSpace.Shared or PtxSpace.Local)
                    _kernelVariables.Add(variable);
            }
            else if (token.Text == ".loc")
                Location();
            else if (token.Text is ".pragma" or ".file")
                SkipLine(token.Line);
            else if (token.Is(';'))
                Next();
            else if (token.Text.StartsWith('.') || token.Kind == PtxTokenKind.End)
                throw Refuse(token, "is no directive in a kernel that is supported");
            else
                _instructions.Add(Instruction());
        }
        Next();
        _registerScopes.RemoveAt(_registerScopes.Count - 1);
        _variableScopes.RemoveAt(_variableScopes.Count - 1);
    }

    private void Label()
    {
        PtxToken label = Next();
        if (!_labels.TryAdd(label.Text, _instructions.Count))
            throw Refuse(label, "is a label twice");
        Expect(':');
    }

    /// <summary><c>.loc file line column</c>, and perhaps the function that it was inlined from.</summary>
    private void Location()
    {
        PtxToken token = Next();
        int file = (int)Integer();
        int line = (int)Integer();
        int column = (int)Integer();
        SkipLine(token.Line);
        // Line 0 is code that belongs to no line; the one before is the nearest to tell.
        if (line > 0)
            _source = new PtxSource(_files.GetValueOrDefault(file, "?"), line, column);
    }

    /// <summary><c>.reg .b32 %r&lt;5&gt;;</c> or <c>.reg .pred p, q;</c></summary>
    private void Registers()
    {
        Next();
        (PtxType type, _) = AlignedType();
        do
        {
            if (Current.Is(','))
                Next();
            PtxToken name = Word();
            if (Current.Is('<'))
            {
                Next();
                long count = Bounded(name, "registers", 0, PtxRegisters.Most);
                Expect('>');
                if (!_registerScopes[^1].Declare(name.Text, count, type))
                    throw Refuse(name, "is declared twice");
            }
            else if (!_registerScopes[^1].Declare(name.Text, type))
                throw Refuse(name, "is declared twice");
        } while (Current.Is(','));
        Expect(';');
    }
}
