using System.Text;

namespace Sequor.Workloads;

/// <summary>Reads texts as characters; see <see cref="LanguageData.LoadCharacters"/>.</summary>
internal static class CharacterText
{
    public const string Unit = "character";

    private const int CodePoints = 0x110000;

    // What divides nothing, or stands for something else, in files of certain names.
    private const string PennCharacters = "ptb.char.{0}.txt";
    private const string PennWords = "ptb.{0}.txt";

    /// <summary>The names of files in a folder, those that say most first.</summary>
    public static readonly string[] Names = [PennCharacters, PennWords, "{0}.txt"];

    public static LanguageData Load(string path)
    {
        int[][] parts = Read(new TextParts(path, Names));
        // By code point, as texts have hundreds of millions of them: 1 and more are known ones.
        int[] numbers = new int[CodePoints];
        foreach (int point in parts[0])
            numbers[point] = 1;
        var known = new List<int>();
        for (int point = 0; point < CodePoints; point++)
        {
            if (numbers[point] == 0)
                continue;
            known.Add(point);
            numbers[point] = known.Count;
        }
        bool more = false;
        foreach (int[] part in parts)
            more |= Number(part, numbers, known.Count);
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
        int more =
            name == PennWords ? text.Count((byte)'\n') * (LanguageData.EndOfLine.Length - 1) : 0;
        int[] points = new int[text.Length + more];
        int count = 0;
        while (!text.IsEmpty)
        {
            Rune.DecodeFromUtf8(text, out Rune point, out int length);
            text = text[length..];
            if (name == PennCharacters && point.Value == ' ')
                continue;
            if (name == PennWords && point.Value == '\n')
            {
                foreach (char c in LanguageData.EndOfLine)
                    points[count++] = c;
            }
            else
                points[count++] = point.Value;
        }
        Array.Resize(ref points, count);
        return points;
    }

    // Whether there are some that are not known, whose number is the one after the known ones.
    private static bool Number(int[] text, int[] numbers, int known)
    {
        bool more = false;
        foreach (ref int point in text.AsSpan())
        {
            int number = numbers[point];
            more |= number == 0;
            point = number == 0 ? known : number - 1;
        }
        return more;
    }
}
