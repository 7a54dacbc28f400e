namespace Sequor.VirtualGpu.Ptx;

/// <summary>Parses what stands between a kernel's braces: registers, variables, labels and instructions.</summary>
internal sealed partial class PtxParser
{
    // Deeper than anyone writes, and far from the stack's end.
    private const int DeepestScope = 64;

    // Operands that are labels, in the order of the instructions; those of closed braces that were found are gone.
    private readonly List<(int Instruction, int Operand)> _labelUses = [];

    private void Body(PtxScope body)
    {
        Scope(body);
        foreach ((int at, int operand) in _labelUses)
            throw new PtxException(
                ((LabelOperand)_instructions[at].Operands[operand]).Name,
                _instructions[at].Line,
                "is no register, variable or label"
            );
    }

    /// <summary>What stands between braces; inner ones have registers, variables and labels of their own.</summary>
    private void Scope(PtxScope scope)
    {
        PtxToken brace = Current;
        Expect('{');
        // The module's is the first.
        if (_scopes.Count > DeepestScope)
            throw Refuse(brace, $"lies in more than {DeepestScope} others");
        _scopes.Add(scope);
        int firstUse = _labelUses.Count;
        while (!Current.Is('}'))
        {
            PtxToken token = Current;
            if (token.Is('{'))
                Scope(new PtxScope());
            else if (IsLabel())
                Label(scope);
            else if (token.Text == ".reg")
                Registers(scope);
            else if (token.Text is ".shared" or ".local" or ".global" or ".const")
            {
                PtxVariable variable = Variable(external: false);
                Declare(variable, scope, token);
                if (variable.Space is PtxSpace.Shared or PtxSpace.Local)
                    _kernelVariables.Add(variable);
            }
            else if (token.Text == ".loc")
                Location();
            else if (token.Text == ".pragma")
            {
                Next();
                Pragma();
            }
            else if (token.Text.StartsWith('.') || token.Kind == PtxTokenKind.End)
                throw Refuse(token, "is no directive in a kernel that is supported");
            else
                _instructions.Add(Instruction());
        }
        Next();
        Resolve(scope, firstUse);
        _scopes.RemoveAt(_scopes.Count - 1);
    }

    // Two colons are part of an instruction's name.
    private bool IsLabel() =>
        Current.Kind == PtxTokenKind.Word && _tokens[_at + 1].Is(':') && !_tokens[_at + 2].Is(':');

    private void Label(PtxScope scope)
    {
        PtxToken label = Name();
        if (scope.Has(label.Text))
            throw Refuse(label, "is declared twice");
        // Inner braces may have a label of the same name.
        string key = _labels.ContainsKey(label.Text) ? $"{label.Text} {_labels.Count}" : label.Text;
        scope.Labels.Add(label.Text, key);
        _labels.Add(key, _instructions.Count);
        Expect(':');
    }

    /// <summary>Says which label each branch between these braces means, where it is one of them.</summary>
    private void Resolve(PtxScope scope, int firstUse)
    {
        int kept = firstUse;
        for (int i = firstUse; i < _labelUses.Count; i++)
        {
            (int at, int operand) = _labelUses[i];
            PtxOperand[] operands = _instructions[at].Operands;
            if (scope.Labels.TryGetValue(((LabelOperand)operands[operand]).Name, out string? key))
                operands[operand] = new LabelOperand(key);
            else
                _labelUses[kept++] = _labelUses[i];
        }
        _labelUses.RemoveRange(kept, _labelUses.Count - kept);
    }

    /// <summary><c>.reg .b32 %r&lt;5&gt;;</c> or <c>.reg .pred p, q;</c></summary>
    private void Registers(PtxScope scope)
    {
        Next();
        (PtxType type, _) = AlignedType();
        do
        {
            if (Current.Is(','))
                Next();
            PtxToken name = Name();
            if (Current.Is('<'))
            {
                Next();
                long count = Bounded(name, "registers", 0, PtxRegisters.Most);
                Expect('>');
                if (
                    scope.HasAny(name.Text, count)
                    || !scope.Registers.Declare(name.Text, count, type)
                )
                    throw Refuse(name, "is declared twice");
            }
            else if (scope.Has(name.Text) || !scope.Registers.Declare(name.Text, type))
                throw Refuse(name, "is declared twice");
        } while (Current.Is(','));
        Expect(';');
    }
}
