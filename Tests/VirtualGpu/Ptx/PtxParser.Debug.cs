using System.Globalization;

namespace Sequor.VirtualGpu.Ptx;

/// <summary>What a module says for debuggers and about its sources, and its hints.</summary>
internal sealed partial class PtxParser
{
    private readonly Dictionary<int, string> _files = [];
    private readonly HashSet<long> _fileNumbers = [];
    private readonly HashSet<(long, long, long)> _locations = [];
    private readonly List<PtxToken> _functionNames = [];
    private readonly HashSet<string> _sectionLabels = new(StringComparer.Ordinal);
    private bool _hasSection;

    /// <summary>Files are named at the end, behind the lines that refer to them.</summary>
    private void FindFiles()
    {
        for (int i = 0; i + 2 < _tokens.Count; i++)
            if (
                _tokens[i].Text == ".file"
                && _tokens[i].Kind == PtxTokenKind.Word
                && _tokens[i + 2].Kind == PtxTokenKind.Text
                && int.TryParse(_tokens[i + 1].Text, CultureInfo.InvariantCulture, out int number)
            )
                _files[number] = _tokens[i + 2].Text;
    }

    /// <summary><c>.file 1 "a.cu"</c>, perhaps with the file's time and size.</summary>
    private void File()
    {
        PtxToken number = Current;
        if (!_fileNumbers.Add(Bounded(number, "as a file's number", 0, int.MaxValue)))
            throw Refuse(number, "is the number of two files");
        Quoted();
        if (!Current.Is(','))
            return;
        Next();
        Bounded(Current, "seconds as a file's time", 0, long.MaxValue);
        Expect(',');
        Bounded(Current, "bytes as a file's size", 0, long.MaxValue);
    }

    /// <summary><c>.loc file line column</c>, and perhaps the function that it was inlined from.</summary>
    private void Location()
    {
        Next();
        (long file, long line, long column) = Place();
        if (Current.Is(','))
        {
            Next();
            Attribute("function_name");
            _functionNames.Add(Name());
            if (Current.Is('+'))
            {
                Next();
                Bounded(Current, "bytes to a function's name", 0, int.MaxValue);
            }
            Expect(',');
            Attribute("inlined_at");
            PtxToken token = Current;
            if (!_locations.Contains(Place()))
                throw Refuse(token, "begins a place that no .loc before has named");
        }
        _locations.Add((file, line, column));
        // Line 0 is code that belongs to no line; the one before is the nearest to tell.
        if (line > 0)
            _source = new PtxSource(
                _files.GetValueOrDefault((int)file, "?"),
                (int)line,
                (int)column
            );

        (long File, long Line, long Column) Place() =>
            (
                Bounded(Current, "as a file's number", 0, int.MaxValue),
                Bounded(Current, "as a line", 0, int.MaxValue),
                Bounded(Current, "as a column", 0, int.MaxValue)
            );

        void Attribute(string name)
        {
            if (Current.Text != name)
                throw Refuse(Current, $"where {name} was expected");
            Next();
        }
    }

    /// <summary><c>.pragma "nounroll";</c></summary>
    private void Pragma()
    {
        Quoted();
        while (Current.Is(','))
        {
            Next();
            Quoted();
        }
        Expect(';');
    }

    /// <summary><c>.section .debug_str { .b8 1, 2 }</c>: numbers, names and labels.</summary>
    private void Section()
    {
        PtxToken name = Word();
        if (name.Text[0] != '.')
            throw Refuse(name, "is no name of a section");
        Expect('{');
        _hasSection = true;
        while (!Current.Is('}'))
        {
            PtxToken token = Word();
            if (Current.Is(':'))
            {
                _sectionLabels.Add(token.Text);
                Next();
                continue;
            }
            if (token.Text is not (".b8" or ".b16" or ".b32" or ".b64"))
                throw Refuse(token, "is no type of a section's numbers");
            int bits = 8 * PtxTypes.Parse(token.Text[1..]).Bytes();
            Datum(bits);
            while (Current.Is(','))
            {
                Next();
                Datum(bits);
            }
        }
        Next();

        void Datum(int bits)
        {
            if (Current.Kind != PtxTokenKind.Word)
            {
                PtxToken token = Current;
                long value = Integer();
                if (bits < 64 && (value >> bits) is not (0 or -1))
                    throw Refuse(token, $"takes more than {bits} bits");
                return;
            }
            Next();
            if (!Current.Is('+') && !Current.Is('-'))
                return;
            Next();
            if (Current.Kind == PtxTokenKind.Word)
                Next();
            else
                Integer();
        }
    }

    private void Quoted()
    {
        if (Current.Kind != PtxTokenKind.Text)
            throw Refuse(Current, "where a text in quotes was expected");
        Next();
    }
}
