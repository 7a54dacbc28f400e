using System.Globalization;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>Parses a module: its directives and variables. Kernels' bodies are in the other part.</summary>
internal sealed partial class PtxParser
{
    // A variable's: sums of many stay within 64 bits.
    private const long MostBytes = 1L << 40;

    // What a module has is allocated when it is loaded.
    private const long MostGlobalBytes = 1L << 28;

    private const int MostAlignment = 1 << 16;

    private readonly List<PtxToken> _tokens;
    private readonly List<PtxKernel> _kernels = [];
    private readonly List<PtxVariable> _globals = [];
    private readonly Dictionary<string, PtxVariable> _moduleNames = [];
    private readonly Dictionary<int, string> _files = [];
    private int _at;

    public PtxParser(string text)
    {
        _tokens = PtxLexer.Read(text);
        // Files are named at the end, behind the lines that refer to them.
        for (int i = 0; i + 2 < _tokens.Count; i++)
            if (
                _tokens[i].Text == ".file"
                && _tokens[i].Kind == PtxTokenKind.Word
                && _tokens[i + 2].Kind == PtxTokenKind.Text
                && int.TryParse(_tokens[i + 1].Text, CultureInfo.InvariantCulture, out int number)
            )
                _files[number] = _tokens[i + 2].Text;
    }

    private PtxToken Current => _tokens[_at];

    public PtxModule Module()
    {
        string version = "";
        string target = "";
        while (Current.Kind != PtxTokenKind.End)
        {
            PtxToken token = Next();
            switch (token.Text)
            {
                case ".version":
                    version = Next().Text;
                    break;
                case ".target":
                    target = Next().Text;
                    SkipLine(token.Line);
                    break;
                case ".address_size":
                    if (Current.Text != "64")
                        throw Refuse(Current, "is not supported: addresses have 64 bits");
                    Next();
                    break;
                case ".file":
                case ".loc":
                    SkipLine(token.Line);
                    break;
                case ".section":
                    SkipBraces();
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
        if (version.Length == 0 || target.Length == 0)
            throw Refuse(Current, "comes before .version and .target");
        return new PtxModule(version, target, _kernels, _globals);
    }

    /// <summary>A kernel or a variable of the module.</summary>
    private void Linked()
    {
        bool external = false;
        while (Current.Text is ".visible" or ".weak" or ".extern")
            external |= Next().Text == ".extern";
        PtxToken token = Next();
        switch (token.Text)
        {
            case ".entry":
                if (external)
                    throw Refuse(token, "is external: every kernel needs its body");
                PtxKernel kernel = Kernel();
                if (_kernels.Exists(k => k.Name == kernel.Name))
                    throw new PtxException(kernel.Name, kernel.Line, "is declared twice");
                _kernels.Add(kernel);
                break;
            case ".func":
                string name = FunctionName();
                throw new PtxException(
                    $".func {name}",
                    token.Line,
                    "is not supported: functions have to be inlined"
                );
            default:
                _at--;
                Declare(Variable(external), _moduleNames, token);
                break;
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

    private void Declare(
        PtxVariable variable,
        Dictionary<string, PtxVariable> names,
        PtxToken token
    )
    {
        if (!names.TryAdd(variable.Name, variable))
            throw new PtxException(variable.Name, token.Line, "is declared twice");
        if (variable.Space is PtxSpace.Global or PtxSpace.Const)
        {
            if (variable.External)
                throw new PtxException(
                    variable.Name,
                    token.Line,
                    "is external: nothing defines it"
                );
            _globals.Add(variable);
        }
    }

    /// <summary><c>.global .align 4 .b8 name[16] = {...};</c></summary>
    private PtxVariable Variable(bool external)
    {
        PtxSpace space = Next().Text switch
        {
            ".global" => PtxSpace.Global,
            ".const" => PtxSpace.Const,
            ".shared" => PtxSpace.Shared,
            ".local" => PtxSpace.Local,
            _ => throw Refuse(_tokens[_at - 1], "is no state space that is supported"),
        };
        (PtxType type, int alignment) = AlignedType();
        PtxToken name = Word();
        long count = 1;
        while (Current.Is('['))
        {
            Next();
            long elements = Current.Is(']') ? 0 : Bounded(name, "elements", 1, MostBytes);
            if ((Int128)count * elements * type.Bytes() > MostBytes)
                throw Refuse(name, $"takes more than {MostBytes} bytes");
            count *= elements;
            Expect(']');
        }
        byte[] initial = [];
        if (Current.Is('='))
        {
            if (space is PtxSpace.Shared or PtxSpace.Local)
                throw Refuse(name, "has initial values, which only global and constant memory can");
            Next();
            initial = Initial(type);
            if (initial.Length > count * type.Bytes())
                throw Refuse(name, "has more initial values than elements");
        }
        Expect(';');
        if (space is PtxSpace.Global or PtxSpace.Const && count * type.Bytes() > MostGlobalBytes)
            throw Refuse(name, $"takes more than {MostGlobalBytes} bytes, which no test has");
        if (count == 0 && !(space == PtxSpace.Shared && external))
            throw Refuse(name, "has no size");
        return new PtxVariable(
            name.Text,
            space,
            count * type.Bytes(),
            Math.Max(alignment, type.Bytes()),
            initial,
            external
        );
    }

    private byte[] Initial(PtxType type)
    {
        var bytes = new List<byte>();
        bool braces = Current.Is('{');
        if (braces)
            Next();
        do
        {
            if (Current.Is(','))
                Next();
            ulong bits = Constant() switch
            {
                IntegerOperand integer => (ulong)integer.Value,
                FloatOperand real => real.Bits,
                _ => throw Refuse(Current, "is no constant that is supported here"),
            };
            for (int i = 0; i < type.Bytes(); i++)
                bytes.Add((byte)(bits >> (8 * i)));
        } while (braces && Current.Is(','));
        if (braces)
            Expect('}');
        return [.. bytes];
    }

    /// <summary>An optional <c>.align n</c> and a type.</summary>
    private (PtxType Type, int Alignment) AlignedType()
    {
        int alignment = 1;
        if (Current.Text == ".align")
        {
            Next();
            alignment = Alignment();
        }
        PtxToken token = Next();
        PtxType type = token.Text.StartsWith('.') ? PtxTypes.Parse(token.Text[1..]) : PtxType.None;
        return type == PtxType.None
            ? throw Refuse(token, "is no type that is supported")
            : (type, alignment);
    }

    private int Alignment()
    {
        PtxToken token = Current;
        long alignment = Integer();
        return alignment is > 0 and <= MostAlignment && long.IsPow2(alignment)
            ? (int)alignment
            : throw Refuse(token, $"is no power of two from 1 to {MostAlignment}");
    }

    /// <summary>A whole number of something within bounds.</summary>
    private long Bounded(PtxToken of, string what, long least, long most)
    {
        long number = Integer();
        return number >= least && number <= most
            ? number
            : throw Refuse(of, $"has {number} {what}; supported are {least} to {most}");
    }

    private PtxToken Next() => Current.Kind == PtxTokenKind.End ? Current : _tokens[_at++];

    private PtxToken Word() =>
        Current.Kind == PtxTokenKind.Word
            ? Next()
            : throw Refuse(Current, "where a name was expected");

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
                return new IntegerOperand(negative ? -value : value);
        }
        throw Refuse(token, "is no number that is supported");
    }

    private void SkipLine(int line)
    {
        while (Current.Kind != PtxTokenKind.End && Current.Line == line)
            Next();
    }

    private void SkipBraces()
    {
        while (!Current.Is('{') && Current.Kind != PtxTokenKind.End)
            Next();
        int depth = 0;
        do
        {
            PtxToken token = Next();
            if (token.Kind == PtxTokenKind.End)
                throw Refuse(token, "where '}' was expected");
            depth +=
                token.Is('{') ? 1
                : token.Is('}') ? -1
                : 0;
        } while (depth > 0);
    }

    private static PtxException Refuse(PtxToken token, string why) =>
        new(token.Text, token.Line, why);
}
