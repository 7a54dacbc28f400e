using System.Text;

namespace Sequor.Tests.Builds;

/// <summary>
/// The commands of a shell script, each as its words: those in substitutions as well, without redirections, and with the
/// variables whose values are known. It knows as much of the shell as files of CI use.
/// </summary>
internal sealed class ShellScript
{
    private static readonly HashSet<string> Keywords =
    [
        "{",
        "}",
        "!",
        "if",
        "then",
        "elif",
        "else",
        "fi",
        "while",
        "until",
        "do",
        "done",
    ];

    private readonly List<string[]> _commands = [];
    private readonly List<string> _words = [];
    private readonly StringBuilder _word = new();
    private readonly IReadOnlyDictionary<string, string> _variables;
    private readonly string _text;
    private int _at;
    private bool _inWord;
    private bool _isTarget;

    private ShellScript(string text, IReadOnlyDictionary<string, string> variables) =>
        (_text, _variables) = (text.Replace("\\\n", " ", StringComparison.Ordinal), variables);

    /// <summary>The commands of a script.</summary>
    /// <param name="text">The script.</param>
    /// <param name="variables">Variables of the environment that have known values.</param>
    /// <exception cref="FormatException">A quote or a bracket is not closed.</exception>
    public static IReadOnlyList<string[]> Commands(
        string text,
        IReadOnlyDictionary<string, string> variables
    )
    {
        var script = new ShellScript(text, variables);
        script.Read();
        return script._commands;
    }

    private char Here => _at < _text.Length ? _text[_at] : '\n';

    private char Next => _at + 1 < _text.Length ? _text[_at + 1] : '\n';

    private void Read()
    {
        for (; _at < _text.Length; _at++)
        {
            switch (Here)
            {
                case ' ' or '\t':
                    EndWord();
                    break;
                case '\n' or ';' or '|' or '&' or '(' or ')':
                    EndCommand();
                    break;
                case '#' when !_inWord:
                    while (Next != '\n')
                        _at++;
                    break;
                case '>' or '<':
                    Redirect();
                    break;
                case '\'':
                    Add(Until('\''));
                    break;
                case '"':
                    Quoted();
                    break;
                case '$':
                    string value = Variable();
                    string[] parts = value.Split(' ');
                    Add(parts[0]);
                    foreach (string part in parts[1..])
                    {
                        EndWord();
                        Add(part);
                    }
                    break;
                case '\\':
                    Add($"{Next}");
                    _at++;
                    break;
                default:
                    Add($"{Here}");
                    break;
            }
        }
        EndCommand();
    }

    private void Add(string text)
    {
        _inWord = true;
        _word.Append(text);
    }

    private void EndWord()
    {
        if (!_inWord)
            return;
        if (!_isTarget)
            _words.Add(_word.ToString());
        (_inWord, _isTarget) = (false, false);
        _word.Clear();
    }

    private void EndCommand()
    {
        EndWord();
        string[] words =
        [
            .. _words.SkipWhile(word => Keywords.Contains(word) || IsAssignment(word)),
        ];
        if (words.Length > 0)
            _commands.Add(words);
        _words.Clear();
    }

    private static bool IsAssignment(string word)
    {
        int at = word.IndexOf('=', StringComparison.Ordinal);
        return at > 0 && word[..at].All(c => char.IsAsciiLetterOrDigit(c) || c == '_');
    }

    // As in 2>&1, >>file and <file.
    private void Redirect()
    {
        if (_inWord && _word.ToString().All(char.IsAsciiDigit))
        {
            _word.Clear();
            _inWord = false;
        }
        EndWord();
        while (Next is '>' or '<')
            _at++;
        if (Next == '&')
        {
            _at++;
            while (char.IsAsciiDigit(Next) || Next == '-')
                _at++;
            return;
        }
        while (Next == ' ')
            _at++;
        _isTarget = true;
    }

    private string Until(char end)
    {
        int begin = _at + 1;
        int close = _text.IndexOf(end, begin);
        if (close < 0)
            throw new FormatException($"a {end} is not closed");
        _at = close;
        return _text[begin..close];
    }

    private void Quoted()
    {
        Add("");
        for (_at++; _at < _text.Length && Here != '"'; _at++)
        {
            if (Here == '\\')
                Add($"{_text[_at++]}{Here}");
            else
                Add(Here == '$' ? Variable() : $"{Here}");
        }
        if (_at >= _text.Length)
            throw new FormatException("a \" is not closed");
    }

    /// <summary>What stands for a $ and what follows: a known value, or the text itself.</summary>
    private string Variable()
    {
        int begin = _at;
        if (Next is '(' or '{')
        {
            char open = Next;
            char close = open == '(' ? ')' : '}';
            int depth = 0;
            for (_at++; _at < _text.Length; _at++)
            {
                if (Here == open)
                    depth++;
                else if (Here == close && --depth == 0)
                    break;
            }
            if (depth > 0)
                throw new FormatException($"a {open} is not closed");
            string inner = _text[(begin + 2).._at];
            if (open == '(')
                _commands.AddRange(Commands(inner, _variables));
            return open == '{' && _variables.TryGetValue(inner, out string? braced)
                ? braced
                : _text[begin..(_at + 1)].Replace(' ', '_');
        }
        while (char.IsAsciiLetterOrDigit(Next) || Next is '_')
            _at++;
        // $? and the like.
        if (_at == begin && Next is '?' or '$' or '#' or '@' or '!')
            _at++;
        string name = _text[(begin + 1)..(_at + 1)];
        return _variables.GetValueOrDefault(name, $"${name}");
    }
}
