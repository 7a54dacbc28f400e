namespace Sequor.VirtualGpu.Ptx;

/// <summary>
/// Parses a module: what it says of itself, and what it declares. What ptxas 11.8 refuses is refused; so is what is
/// not supported here. Kernels and variables are in the other parts.
/// </summary>
internal sealed partial class PtxParser
{
    private const int MostAlignment = 1 << 16;

    private readonly List<PtxToken> _tokens;
    private readonly List<PtxKernel> _kernels = [];
    private readonly HashSet<string> _kernelNames = new(StringComparer.Ordinal);
    private readonly List<PtxVariable> _globals = [];
    private readonly PtxScope _module = new();
    private PtxTarget _target = new(0, 0, "");
    private int _at;

    /// <exception cref="PtxException">A comment or a text in quotes has no end.</exception>
    public PtxParser(string text)
    {
        _tokens = PtxLexer.Read(text);
        FindFiles();
    }

    private PtxToken Current => _tokens[_at];

    /// <exception cref="PtxException">The text is malformed, or uses what is not supported.</exception>
    public PtxModule Module()
    {
        bool debug = Header();
        while (Current.Kind != PtxTokenKind.End)
        {
            PtxToken token = Next();
            switch (token.Text)
            {
                case ".file":
                    File();
                    break;
                case ".pragma":
                    if (Current.Text != "nounroll")
                        throw Refuse(Current, "is no hint that is known for a module");
                    Pragma();
                    break;
                case ".section":
                    Section();
                    break;
                case ".visible":
                case ".weak":
                case ".extern":
                case ".entry":
                case ".func":
                case ".global":
                case ".const":
                case ".shared":
                    _at--;
                    Linked();
                    break;
                default:
                    throw Refuse(token, "is no directive of a module that is supported");
            }
        }
        if (debug && !_hasSection)
            throw Refuse(Current, "comes without the sections that .target debug says are there");
        foreach (PtxToken function in _functionNames)
            if (!_sectionLabels.Contains(function.Text))
                throw Refuse(function, "is no label of a section");
        return new PtxModule(_target, _kernels, _globals);
    }

    /// <summary><c>.version</c>, <c>.target</c> and <c>.address_size</c>; whether the target is one for debuggers.</summary>
    private bool Header()
    {
        if (Current.Text != ".version")
            throw Refuse(Current, "comes before .version, which begins a module");
        Next();
        PtxToken given = Next();
        int version =
            PtxTarget.ParseVersion(given.Text)
            ?? throw Refuse(given, "is no version of PTX that is known; 1.0 to 7.8 are");
        if (Current.Text != ".target")
            throw Refuse(Current, "comes before .target, which follows .version");
        Next();
        PtxToken target = Word();
        int first =
            PtxTarget.FirstVersion(target.Text)
            ?? throw Refuse(target, "is no target that is known; sm_20 to sm_90 are");
        if (version < first)
            throw Refuse(
                target,
                $"needs .version {first / 10}.{first % 10}; the module says {given.Text}"
            );
        _target = new PtxTarget(version, PtxTarget.CapabilityOf(target.Text), target.Text);
        var options = new HashSet<string>(StringComparer.Ordinal);
        while (Current.Is(','))
        {
            Next();
            PtxToken option = Word();
            if (option.Text is not ("debug" or "texmode_unified" or "texmode_independent"))
                throw Refuse(option, "is no option of a target that is supported");
            options.Add(option.Text);
            if (options.Contains("texmode_unified") && options.Contains("texmode_independent"))
                throw Refuse(option, "is there beside the other texmode");
        }
        PtxToken size = Next();
        if (size.Text != ".address_size")
            throw Refuse(
                size,
                "comes before .address_size 64, without which addresses have 32 bits"
            );
        if (version < 23)
            throw Refuse(size, $"needs .version 2.3; the module says {given.Text}");
        if (Current.Text != "64")
            throw Refuse(Current, "is not supported: addresses have 64 bits");
        Next();
        return options.Contains("debug");
    }

    /// <summary>A kernel or a variable of the module.</summary>
    private void Linked()
    {
        bool external = false;
        if (Current.Text is ".visible" or ".weak" or ".extern")
            external = Next().Text == ".extern";
        PtxToken token = Next();
        switch (token.Text)
        {
            case ".entry":
                if (external)
                    throw Refuse(token, "is external: every kernel needs its body");
                _kernels.Add(Kernel());
                break;
            case ".func":
                string name = FunctionName();
                throw new PtxException(
                    $".func {name}",
                    token.Line,
                    "is not supported: functions have to be inlined"
                );
            case ".global":
            case ".const":
            case ".shared":
                _at--;
                PtxVariable variable = Variable(external);
                if (_kernelNames.Contains(variable.Name))
                    throw new PtxException(variable.Name, token.Line, "is declared twice");
                Declare(variable, _module, token);
                break;
            default:
                throw Refuse(token, "is neither a kernel nor a variable of a module");
        }
    }

    private string FunctionName()
    {
        if (Current.Is('('))
            while (!Next().Is(')'))
                if (Current.Kind == PtxTokenKind.End)
                    break;
        return Current.Text;
    }

    private PtxToken Next() => Current.Kind == PtxTokenKind.End ? Current : _tokens[_at++];

    private PtxToken Word() =>
        Current.Kind == PtxTokenKind.Word
            ? Next()
            : throw Refuse(Current, "where a name was expected");

    /// <summary>A word that may name something.</summary>
    private PtxToken Name()
    {
        PtxToken name = Word();
        return PtxLexer.IsName(name.Text)
            ? name
            : throw Refuse(name, "is no name that something can have");
    }

    private void Expect(char mark)
    {
        if (!Current.Is(mark))
            throw Refuse(Current, $"where '{mark}' was expected");
        Next();
    }

    private long Integer() =>
        Constant() is IntegerOperand integer
            ? integer.Value
            : throw Refuse(_tokens[_at - 1], "where a whole number was expected");

    /// <summary>A whole number of something within bounds; it has no sign.</summary>
    private long Bounded(PtxToken of, string what, long least, long most)
    {
        PtxToken token = Current;
        // A number beyond 63 bits would come out as a negative one.
        if (token.Is('-') || Integer() is not (>= 0 and var number))
            throw Refuse(of, $"has too few or too many {what}; supported are {least} to {most}");
        return number >= least && number <= most
            ? number
            : throw Refuse(of, $"has {number} {what}; supported are {least} to {most}");
    }

    /// <summary>A number, with its sign.</summary>
    private PtxOperand Constant()
    {
        bool negative = Current.Is('-');
        if (negative)
            Next();
        PtxToken token = Next();
        if (token.Kind == PtxTokenKind.Number)
        {
            if (!negative && PtxLexer.TryFloat(token.Text, out ulong bits, out bool isDouble))
                return new FloatOperand(bits, isDouble);
            if (PtxLexer.TryInteger(token.Text, out long value))
                return new IntegerOperand(negative ? unchecked(-value) : value);
        }
        throw Refuse(token, "is no number that is supported");
    }

    private static PtxException Refuse(PtxToken token, string why) =>
        new(token.Text, token.Line, why);
}
