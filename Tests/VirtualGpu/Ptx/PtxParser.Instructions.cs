namespace Sequor.VirtualGpu.Ptx;

/// <summary>Parses instructions and their operands.</summary>
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

    // Far longer than any instruction's.
    private const int LongestName = 200;

    private PtxInstruction Instruction()
    {
        RegisterOperand? guard = Current.Is('@') ? Guard() : null;
        PtxToken name = Word();
        string text = name.Text;
        // ld.global.L1::evict_last.f32 and the like.
        while (
            Current.Is(':')
            && _tokens[_at + 1].Is(':')
            && _tokens[_at + 2].Kind is PtxTokenKind.Word or PtxTokenKind.Number
        )
        {
            if (text.Length > LongestName)
                throw Refuse(name, "is no name of an instruction");
            Next();
            Next();
            text += "::" + Next().Text;
        }
        string[] parts = text.Split('.');
        var operands = new List<PtxOperand>();
        while (!Current.Is(';'))
        {
            if (operands.Count > 0)
                Expect(',');
            operands.Add(Operand());
            if (operands[^1] is LabelOperand)
                _labelUses.Add((_instructions.Count, operands.Count - 1));
        }
        Next();
        return new PtxInstruction(
            _instructions.Count,
            name.Line,
            _source,
            guard,
            parts[0],
            [.. parts.Skip(1).Where(p => PtxTypes.Parse(p) == PtxType.None)],
            [.. parts.Skip(1).Select(PtxTypes.Parse).Where(t => t != PtxType.None)],
            [.. operands]
        )
        {
            Name = text,
        };
    }

    /// <summary><c>@p</c> or <c>@!p</c>.</summary>
    private RegisterOperand Guard()
    {
        Next();
        bool negated = Current.Is('!');
        if (negated)
            Next();
        return Named() is RegisterOperand { Register.Type: PtxType.Pred } predicate
            ? predicate with
            {
                Negated = negated,
            }
            : throw Refuse(_tokens[_at - 1], "is no predicate to stand behind '@'");
    }

    private PtxOperand Operand()
    {
        PtxOperand operand = Simple();
        if (!Current.Is('|'))
            return operand;
        Next();
        return new PairOperand(operand, Simple());
    }

    private PtxOperand Simple()
    {
        PtxToken token = Current;
        if (token.Is('['))
            return Address();
        return token.Is('{') ? Vector() : Element();
    }

    /// <summary>What may stand in a vector.</summary>
    private PtxOperand Element()
    {
        PtxToken token = Current;
        if (token.Is('-') || token.Kind == PtxTokenKind.Number)
            return Constant();
        if (token.Is('!'))
        {
            Next();
            return Named() is RegisterOperand { Register.Type: PtxType.Pred } predicate
                ? predicate with
                {
                    Negated = true,
                }
                : throw Refuse(_tokens[_at - 1], "is no predicate to stand behind '!'");
        }
        return Named();
    }

    /// <summary>What a name means: the innermost braces that declare it say so.</summary>
    private PtxOperand Named()
    {
        PtxToken token = Word();
        if (token.Text == "_")
            return new SinkOperand();
        for (int i = _scopes.Count - 1; i >= 0; i--)
        {
            if (_scopes[i].Registers.Find(token.Text, _registers) is { } register)
                return new RegisterOperand(register, false);
            if (_scopes[i].Variables.TryGetValue(token.Text, out PtxVariable? variable))
                return new VariableOperand(i > 0 ? variable : OfModule(variable), Offset());
        }
        if (s_specials.Contains(token.Text))
            return new SpecialOperand(token.Text);
        // A label may begin with %, which whoever misspells a register does not mean.
        if (!PtxLexer.IsName(token.Text) || token.Text.StartsWith('%'))
            throw Refuse(token, "is no register that is declared or supported");
        return new LabelOperand(token.Text);
    }

    // Where shared variables of the module lie, each kernel that names them says anew.
    private PtxVariable OfModule(PtxVariable variable)
    {
        if (variable.Space != PtxSpace.Shared)
            return variable;
        if (!_sharedNamed.TryGetValue(variable.Name, out PtxVariable? own))
            _sharedNamed.Add(variable.Name, own = variable with { });
        return own;
    }

    private AddressOperand Address()
    {
        PtxToken start = Next();
        PtxOperand? at = null;
        long offset = 0;
        if (Current.Kind == PtxTokenKind.Word)
        {
            at = Named();
            if (at is VariableOperand variable)
            {
                offset = variable.Offset;
                at = variable with { Offset = 0 };
            }
            else if (at is not RegisterOperand)
                throw Refuse(start, "holds neither a register nor a variable");
            offset += Offset();
        }
        else
            offset = Integer();
        Expect(']');
        return new AddressOperand(at, offset);
    }

    /// <summary>An optional <c>+8</c> or <c>+-8</c>.</summary>
    private long Offset()
    {
        if (!Current.Is('+'))
            return 0;
        Next();
        return Integer();
    }

    private VectorOperand Vector()
    {
        Next();
        var elements = new List<PtxOperand>();
        do
        {
            if (elements.Count > 0)
                Expect(',');
            elements.Add(Element());
        } while (!Current.Is('}'));
        Next();
        return new VectorOperand([.. elements]);
    }
}
