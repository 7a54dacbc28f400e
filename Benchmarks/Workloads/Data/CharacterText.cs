using System.Text;

namespace Sequor.Workloads;

/// <summary>Reads texts as characters; see <see cref="LanguageData.LoadCharacters"/>.</summary>
internal static class CharacterText
{
    public const string Unit = "character";

    // What divides nothing, or stands for something else, in files of certain names.
    private const string PennCharacters = "ptb.char.{0}.txt";
    private const string PennWords = "ptb.{0}.txt";

    /// <summary>The names of files in a folder, those that say most first.</summary>
    public static readonly string[] Names = [PennCharacters, PennWords, "{0}.txt"];

    public static LanguageData Load(string path)
    {
        int[][] parts = Read(new TextParts(path, Names));
        int[] known = [.. new SortedSet<int>(parts[0])];
        bool more = false;
        foreach (int[] part in parts)
            more |= Number(part, known);
        IEnumerable<string> characters = known.Select(point => new Rune(point).ToString());
        return new LanguageData(
            path,
            Unit,
            [.. more ? characters.Append(LanguageData.Unknown) : characters],
            parts
        );
    }

    private static int[][] Read(TextParts parts)
    {
        if (parts.InFolder() is { } folder)
            return [.. folder.Files.Select(file => Points(file, folder.Name))];
        int[] all = Points(parts.Path, "");
        (int train, int valid) = TextParts.Split(all.Length);
        return [all[..train], all[train..valid], all[valid..]];
    }

    private static int[] Points(string file, string name)
    {
        ReadOnlySpan<byte> text = Utf8Text.Read(file).Span;
        var points = new List<int>(text.Length);
        while (!text.IsEmpty)
        {
            Rune.DecodeFromUtf8(text, out Rune point, out int length);
            text = text[length..];
            if (name == PennCharacters && point.Value == ' ')
                continue;
            if (name == PennWords && point.Value == '\n')
                points.AddRange(LanguageData.EndOfLine.Select(c => (int)c));
            else
                points.Add(point.Value);
        }
        return [.. points];
    }

    // Whether there are some that are not known, whose number is the one after the known ones.
    private static bool Number(int[] text, int[] known)
    {
        var numbers = new Dictionary<int, int>(known.Length);
        for (int i = 0; i < known.Length; i++)
            numbers[known[i]] = i;
        bool more = false;
        foreach (ref int point in text.AsSpan())
        {
            bool isKnown = numbers.TryGetValue(point, out int number);
            more |= !isKnown;
            point = isKnown ? number : known.Length;
        }
        return more;
    }
}
