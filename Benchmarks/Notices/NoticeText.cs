using System.Globalization;
using System.Text;

namespace Sequor.Notices;

/// <summary>The file with all notices: a list of what there is, then the texts, each of them once.</summary>
public sealed class NoticeText
{
    private readonly StringBuilder _list = new();
    private readonly List<string> _texts = [];

    /// <summary>Adds a package.</summary>
    /// <exception cref="NoticeException">Its licence was not found.</exception>
    public void Add(Package package)
    {
        IReadOnlyList<string> texts = package.Texts();
        Line($"{package.Id} {package.Version}");
        if (package.Licence is { } licence)
            Line($"    licence: {licence}");
        if (package.Copyright is { } copyright)
            Line($"    copyright: {OneLine(copyright)}");
        if (package.Project is { } project)
            Line($"    project: {project}");
        AddTexts(texts);
    }

    /// <summary>Adds something that is in no package.</summary>
    /// <param name="name">What it is.</param>
    /// <param name="files">The files with its licence and notices.</param>
    /// <exception cref="NoticeException">One of them is missing.</exception>
    public void Add(string name, IReadOnlyList<string> files)
    {
        foreach (string file in files)
        {
            if (!File.Exists(file))
                throw new NoticeException(
                    $"{name}: there is no {file}, which should have its licence."
                );
        }
        Line(name);
        AddTexts([.. files.Select(TextFile.Read)]);
    }

    public override string ToString()
    {
        var all = new StringBuilder();
        all.Append(
            "What comes with Sequor and was made by others, with the licences. A number in brackets is that of a text\nbelow.\n\n"
        );
        all.Append(_list);
        for (int i = 0; i < _texts.Count; i++)
        {
            all.Append(new string('-', 80)).Append('\n');
            all.Append(CultureInfo.InvariantCulture, $"[{i + 1}]\n\n{_texts[i]}");
        }
        return all.ToString();
    }

    private void AddTexts(IReadOnlyList<string> texts)
    {
        var numbers = new List<int>();
        foreach (string text in texts)
        {
            int at = _texts.IndexOf(text);
            if (at < 0)
            {
                at = _texts.Count;
                _texts.Add(text);
            }
            numbers.Add(at + 1);
        }
        Line($"    texts: {string.Join(' ', numbers.Distinct().Select(n => $"[{n}]"))}");
        Line("");
    }

    private static string OneLine(string text) =>
        string.Join(' ', text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries));

    private void Line(string text) => _list.Append(text).Append('\n');
}
