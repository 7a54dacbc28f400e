namespace Sequor.VirtualGpu.Ptx;

/// <summary>Parses instructions and their operands.</summary>
internal sealed partial class PtxParser
{
    private PtxInstruction Instruction()
    {
        RegisterOperand? guard = null;
        if (Current.Is('@'))
        {
            Next();
            guard =
                Operand() as RegisterOperand
                ?? throw Refuse(_tokens[_at - 1], "is no predicate to stand behind '@'");
            if (guard.Register.Type != PtxType.Pred)
                throw Refuse(_tokens[_at - 1], "is no predicate to stand behind '@'");
        }
        PtxToken name = Word();
        string text = name.Text;
        // fence.proxy::async and the like.
        for (int i = 0; i < 2 && Current.Is(':'); i++)
            text += Next().Text;
        string[] parts = text.Split('.');
        int types = parts.Length;
        while (types > 1 && PtxTypes.Parse(parts[types - 1]) != PtxType.None)
            types--;
        var operands = new List<PtxOperand>();
        while (!Current.Is(';'))
        {
            if (operands.Count > 0)
                Expect(',');
            operands.Add(Operand());
        }
        Next();
        return new PtxInstruction(
            _instructions.Count,
            name.Line,
            _source,
            guard,
            parts[0],
            parts[1..types],
            [.. parts[types..].Select(PtxTypes.Parse)],
            [.. operands]
        )
        {
            Name = text,
        };
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

    private PtxOperand Named()
    {
        PtxToken token = Word();
        if (token.Text == "_")
            return new SinkOperand();
        for (int i = _registerScopes.Count - 1; i >= 0; i--)
            if (_registerScopes[i].Find(token.Text, _registers) is { } register)
                return new RegisterOperand(register, false);
        for (int i = _variableScopes.Count - 1; i >= 0; i--)
            if (_variableScopes[i].TryGetValue(token.Text, out PtxVariable? variable))
                return new VariableOperand(variable, Offset());
        if (s_specials.Contains(token.Text))
            return new SpecialOperand(token.Text);
        if (token.Text.StartsWith('%'))
            throw Refuse(token, "is no register that is declared or supported");
        return new LabelOperand(token.Text);
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
            else if (at is not RegisterOperand { Negated: false })
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
        if (Current.Is('-'))
            return Integer();
        if (!Current.Is('+'))
            return 0;
        Next();
        return Integer();
    }

    private VectorOperand Vector()
    {
        Next();
        var elements = new List<PtxOperand>();
        while (!Current.Is('}'))
        {
            if (elements.Count > 0)
                Expect(',');
            elements.Add(Element());
        }
        Next();
        return new VectorOperand([.. elements]);
    }
}
