using System.Text;

namespace Sequor.Workloads;

/// <summary>Reads texts as words, a sentence a line; see <see cref="LanguageData.LoadWords"/>.</summary>
internal static class WordText
{
    public const string Unit = "word";

    /// <summary>The names of files in a folder.</summary>
    public static readonly string[] Names = ["ptb.{0}.txt", "wiki.{0}.tokens", "{0}.txt"];

    public static LanguageData Load(string path)
    {
        var words = new Words();
        int[][] parts = Read(new TextParts(path, Names), words);
        // By how often they come in what is trained on; the sort is stable, so of equally many the first one is first.
        int[] counts = new int[words.Count];
        foreach (int word in parts[0])
            counts[word]++;
        int[] order =
        [
            .. Enumerable
                .Range(0, words.Count)
                .Where(word => counts[word] > 0)
                .OrderByDescending(word => counts[word]),
        ];
        int[] numbers = new int[words.Count];
        Array.Fill(numbers, -1);
        for (int i = 0; i < order.Length; i++)
            numbers[order[i]] = i;
        List<string> vocabulary = [.. order.Select(word => words[word])];
        if (order.Length < words.Count)
        {
            int unknown = vocabulary.IndexOf(LanguageData.Unknown);
            if (unknown < 0)
            {
                unknown = vocabulary.Count;
                vocabulary.Add(LanguageData.Unknown);
            }
            numbers.AsSpan().Replace(-1, unknown);
        }
        return new LanguageData(
            path,
            Unit,
            vocabulary,
            [.. parts.Select(part => Array.ConvertAll(part, word => numbers[word]))]
        );
    }

    private static int[][] Read(TextParts parts, Words words)
    {
        if (parts.InFolder() is { } folder)
            return [.. folder.Files.Select(file => words.Read(file))];
        int[] all = words.Read(parts.Path);
        (int train, int valid) = TextParts.Split(all.Length);
        return [all[..train], all[train..valid], all[valid..]];
    }

    /// <summary>All words so far, numbered in the order in which they first come.</summary>
    private sealed class Words
    {
        private readonly Dictionary<string, int> _numbers = [];
        private readonly List<string> _words = [];

        public int Count => _words.Count;

        public string this[int word] => _words[word];

        public int[] Read(string file)
        {
            string text = Encoding.UTF8.GetString(Utf8Text.Read(file).Span);
            var numbers = new List<int>();
            for (ReadOnlySpan<char> rest = text; !rest.IsEmpty; )
            {
                int length = rest.IndexOf('\n');
                ReadOnlySpan<char> line = length < 0 ? rest : rest[..length];
                rest = length < 0 ? default : rest[(length + 1)..];
                AddTo(numbers, line);
                numbers.Add(Number(LanguageData.EndOfLine));
            }
            return [.. numbers];
        }

        private void AddTo(List<int> numbers, ReadOnlySpan<char> line)
        {
            for (int at = 0; at < line.Length; at++)
            {
                int from = at;
                while (at < line.Length && !char.IsWhiteSpace(line[at]))
                    at++;
                if (at > from)
                    numbers.Add(Number(line[from..at]));
            }
        }

        private int Number(ReadOnlySpan<char> word)
        {
            var numbers = _numbers.GetAlternateLookup<ReadOnlySpan<char>>();
            if (numbers.TryGetValue(word, out int number))
                return number;
            string added = word.ToString();
            _words.Add(added);
            return _numbers[added] = _words.Count - 1;
        }
    }
}
