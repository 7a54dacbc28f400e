namespace Sequor.VirtualGpu.Ptx;

/// <summary>Parses variables, their sizes, and what they hold at first.</summary>
internal sealed partial class PtxParser
{
    // A variable's: sums of many stay within 64 bits.
    private const long MostBytes = 1L << 40;

    // What a module has is allocated when it is loaded.
    private const long MostGlobalBytes = 1L << 28;

    // Of all of a module, as on every GPU.
    private const long MostConstantBytes = 64 << 10;

    private const int MostDimensions = 8;

    private readonly HashSet<string> _globalNames = new(StringComparer.Ordinal);
    private long _constantBytes;

    private void Declare(PtxVariable variable, PtxScope scope, PtxToken token)
    {
        if (scope.Has(variable.Name))
            throw new PtxException(variable.Name, token.Line, "is declared twice");
        scope.Variables.Add(variable.Name, variable);
        if (variable.Space is not (PtxSpace.Global or PtxSpace.Const))
            return;
        if (variable.External)
            throw new PtxException(variable.Name, token.Line, "is external: nothing defines it");
        // Whoever loads the module finds them by name.
        if (!_globalNames.Add(variable.Name))
            throw new PtxException(
                variable.Name,
                token.Line,
                "is declared by two kernels, which is not supported"
            );
        _globals.Add(variable);
        if (variable.Space != PtxSpace.Const)
            return;
        _constantBytes = Aligned(_constantBytes, variable.Alignment) + variable.Bytes;
        if (_constantBytes > MostConstantBytes)
            throw new PtxException(
                variable.Name,
                token.Line,
                $"ends beyond the {MostConstantBytes} bytes of constant memory"
            );
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
        PtxToken name = Name();
        if (type == PtxType.Pred)
            throw Refuse(name, "is a predicate, which lies in registers only");
        List<long> dimensions = Dimensions(name, type);
        byte[] initial = [];
        if (Current.Is('='))
        {
            if (space is PtxSpace.Shared or PtxSpace.Local)
                throw Refuse(name, "has initial values, which only global and constant memory can");
            if (external)
                throw Refuse(name, "has initial values, which what is external cannot");
            Next();
            initial = Initial(name, type, dimensions);
            // The values say how many there are.
            if (dimensions is [0])
                dimensions[0] = initial.Length / type.Bytes();
        }
        Expect(';');
        long bytes = dimensions.Aggregate((long)type.Bytes(), (product, d) => product * d);
        if (space is PtxSpace.Global or PtxSpace.Const && bytes > MostGlobalBytes)
            throw Refuse(name, $"takes more than {MostGlobalBytes} bytes, which no test has");
        bool dynamic = space == PtxSpace.Shared && external && dimensions is [0];
        if (bytes == 0 && !dynamic)
            throw Refuse(name, "has no size");
        return new PtxVariable(
            name.Text,
            space,
            bytes,
            Math.Max(alignment, type.Bytes()),
            initial,
            // A size of its own makes it one like others.
            space == PtxSpace.Shared
                ? dynamic
                : external
        );
    }

    /// <summary><c>[2][3]</c>; 0 for what is left open, none for a single value.</summary>
    private List<long> Dimensions(PtxToken name, PtxType type)
    {
        var dimensions = new List<long>();
        Int128 bytes = type.Bytes();
        while (Current.Is('['))
        {
            Next();
            if (dimensions.Count == MostDimensions)
                throw Refuse(name, $"has more than {MostDimensions} dimensions");
            if (Current.Is(']') && dimensions.Count == 0)
                dimensions.Add(0);
            else
            {
                dimensions.Add(Bounded(name, "elements", 1, MostBytes));
                bytes *= dimensions[^1];
            }
            if (bytes > MostBytes)
                throw Refuse(name, $"takes more than {MostBytes} bytes");
            Expect(']');
        }
        return dimensions;
    }

    /// <summary>A value, or values in as many pairs of braces as there are dimensions.</summary>
    private byte[] Initial(PtxToken name, PtxType type, List<long> dimensions)
    {
        var bytes = new List<byte>();
        Values(0);
        return [.. bytes];

        void Values(int dimension)
        {
            if (dimension == dimensions.Count)
            {
                Value();
                return;
            }
            Expect('{');
            long size = type.Bytes();
            for (int i = dimension + 1; i < dimensions.Count; i++)
                size *= dimensions[i];
            for (long count = 0; !Current.Is('}'); count++)
            {
                if (count > 0)
                    Expect(',');
                if (dimensions[dimension] != 0 && count == dimensions[dimension])
                    throw Refuse(name, "has more initial values than elements");
                int start = bytes.Count;
                Values(dimension + 1);
                // Zeros behind the last values are not written down; in between they would have to be.
                if (bytes.Count < start + size && !Current.Is('}'))
                    throw Refuse(name, "has fewer initial values than elements in between");
            }
            Next();
        }

        void Value()
        {
            PtxToken token = Current;
            ulong bits = Constant() switch
            {
                IntegerOperand integer when type.IsInteger() => (ulong)integer.Value,
                FloatOperand real when real.As(type) is { } given => given,
                _ => throw Refuse(token, "is no value of the variable's type"),
            };
            for (int i = 0; i < type.Bytes(); i++)
                bytes.Add((byte)(bits >> (8 * i)));
        }
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
        return type == PtxType.None || type.IsOfInstructions()
            ? throw Refuse(token, "is no type that is supported")
            : (type, alignment);
    }

    private int Alignment()
    {
        PtxToken token = Current;
        long alignment = Integer();
        return !token.Is('-') && alignment is > 0 and <= MostAlignment && long.IsPow2(alignment)
            ? (int)alignment
            : throw Refuse(token, $"is no power of two from 1 to {MostAlignment}");
    }

    private static long Aligned(long address, int alignment) =>
        (address + alignment - 1) / alignment * alignment;
}
