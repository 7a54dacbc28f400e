namespace Sequor.VirtualGpu.Ptx;

/// <summary>Parses a kernel: its parameters and directives, and where its variables lie.</summary>
internal sealed partial class PtxParser
{
    private const long MostParameterBytes = 4352;

    // What a launch asks for itself may be more.
    private const long MostSharedBytes = 48 << 10;

    private readonly List<PtxRegister> _registers = [];
    private readonly List<PtxInstruction> _instructions = [];
    private readonly Dictionary<string, int> _labels = new(StringComparer.Ordinal);
    private readonly List<PtxScope> _scopes = [];
    private readonly List<PtxVariable> _kernelVariables = [];
    private readonly Dictionary<string, PtxVariable> _sharedNamed = new(StringComparer.Ordinal);
    private PtxSource _source;

    private PtxKernel Kernel()
    {
        _registers.Clear();
        _instructions.Clear();
        _labels.Clear();
        _labelUses.Clear();
        _kernelVariables.Clear();
        _sharedNamed.Clear();
        _scopes.Clear();
        _source = default;
        _scopes.Add(_module);
        PtxToken name = Name();
        if (!_kernelNames.Add(name.Text) || _module.Has(name.Text))
            throw Refuse(name, "is declared twice");
        var body = new PtxScope();
        List<PtxParameter> parameters = Current.Is('(') ? Parameters(body) : [];
        (long required, long maximum) = Directives();
        Body(body);
        List<PtxVariable> shared =
        [
            // Those of the module take room only where the kernel names them.
            .. _sharedNamed.Values,
            .. _kernelVariables.Where(v => v.Space == PtxSpace.Shared),
        ];
        List<PtxVariable> local = [.. _kernelVariables.Where(v => v.Space == PtxSpace.Local)];
        long sharedBytes = shared
            .Where(v => !v.External)
            .Aggregate(0L, (end, v) => Aligned(end, v.Alignment) + v.Bytes);
        if (sharedBytes > MostSharedBytes)
            throw Refuse(
                name,
                $"has {sharedBytes} bytes of static shared memory; there are {MostSharedBytes}"
            );
        return new PtxKernel
        {
            Name = name.Text,
            Line = name.Line,
            Target = _target,
            Parameters = parameters,
            Instructions = [.. _instructions],
            Labels = new Dictionary<string, int>(_labels),
            Registers = [.. _registers],
            Shared = shared,
            StaticSharedBytes = sharedBytes,
            Local = local,
            SharedEnd = PlaceShared(shared),
            LocalBytes = PlaceLocal(local) - (long)PtxKernel.WindowStart,
            RequiredThreads = required,
            MaximumThreads = maximum,
        };
    }

    /// <summary>Gives shared variables their addresses; dynamic shared memory comes last.</summary>
    private static ulong PlaceShared(List<PtxVariable> variables)
    {
        long end = (long)PtxKernel.WindowStart;
        foreach (PtxVariable variable in variables.Where(v => !v.External))
        {
            variable.Address = (ulong)Aligned(end, variable.Alignment);
            end = (long)variable.Address + variable.Bytes + PtxKernel.SharedGap;
        }
        // What dynamic shared memory may be aligned to at most.
        end = Aligned(end, 128);
        foreach (PtxVariable variable in variables.Where(v => v.External))
            variable.Address = (ulong)end;
        return (ulong)end;
    }

    private static long PlaceLocal(List<PtxVariable> variables)
    {
        long end = (long)PtxKernel.WindowStart;
        foreach (PtxVariable variable in variables)
        {
            variable.Address = (ulong)Aligned(end, variable.Alignment);
            end = (long)variable.Address + variable.Bytes;
        }
        return end;
    }

    private List<PtxParameter> Parameters(PtxScope body)
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
            if (Current.Text == ".ptr")
                Pointer();
            PtxToken name = Name();
            if (type == PtxType.Pred)
                throw Refuse(name, "is a predicate, which lies in registers only");
            long bytes = type.Bytes();
            if (Current.Is('['))
            {
                Next();
                bytes *= Bounded(name, "elements", 1, MostParameterBytes);
                Expect(']');
            }
            alignment = Math.Max(alignment, type.Bytes());
            offset = Aligned(offset, alignment);
            parameters.Add(new PtxParameter(name.Text, offset, bytes, alignment));
            var variable = new PtxVariable(name.Text, PtxSpace.Param, bytes, alignment, [], false)
            {
                Address = PtxKernel.WindowStart + (ulong)offset,
            };
            if (!body.Variables.TryAdd(name.Text, variable))
                throw Refuse(name, "is declared twice");
            offset += bytes;
            if (offset > MostParameterBytes)
                throw Refuse(name, $"ends beyond the {MostParameterBytes} bytes of parameters");
        }
        Next();
        return parameters;
    }

    /// <summary><c>.ptr .global .align 4</c>: what a parameter points to.</summary>
    private void Pointer()
    {
        Next();
        if (Current.Text is ".global" or ".shared" or ".const" or ".local")
            Next();
        if (Current.Text != ".align")
            return;
        Next();
        Alignment();
    }

    /// <summary>What stands between a kernel's parameters and its body.</summary>
    private (long Required, long Maximum) Directives()
    {
        long required = 0;
        long maximum = 0;
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
                    Bounded(token, "blocks", 1, uint.MaxValue);
                    break;
                case ".maxnreg":
                    Bounded(token, "registers", 1, uint.MaxValue);
                    break;
                case ".pragma":
                    Pragma();
                    break;
                default:
                    throw Refuse(token, "is no directive of a kernel that is supported");
            }
            if (required > 0 && maximum > 0)
                throw Refuse(token, "is there beside the other of .maxntid and .reqntid");
        }
        // More than any device has is allowed: a launch cannot have them.
        return (required, maximum == 0 ? MostThreads : Math.Min(maximum, MostThreads));
    }

    private const long MostThreads = 1024;

    /// <summary>A block's extents, one to three of them; their product, or what is above any device's.</summary>
    private long Threads(PtxToken directive)
    {
        long threads = 1;
        for (int i = 0; i < 3; i++)
        {
            threads = Math.Min(
                threads * Bounded(directive, "threads", 1, uint.MaxValue - 1),
                uint.MaxValue
            );
            if (i == 2 || !Current.Is(','))
                break;
            Next();
        }
        return threads;
    }
}
