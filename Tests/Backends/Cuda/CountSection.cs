using System.Globalization;
using System.Text;

namespace Sequor.Tests.Cuda;

/// <summary>Tables of counts under one title, written so that a person reads them easily.</summary>
internal sealed class CountSection(string title)
{
    private readonly List<CountTable> _tables = [];

    /// <summary>Begins a table.</summary>
    /// <param name="name">What its rows are.</param>
    /// <param name="columns">What is counted of them.</param>
    public CountTable Table(string name, params string[] columns)
    {
        var table = new CountTable(name, columns);
        _tables.Add(table);
        return table;
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder("== ").Append(title).Append(" ==\n");
        foreach (CountTable table in _tables)
            text.Append('\n').Append(table);
        return text.ToString();
    }
}

/// <summary>Rows of numbers, each with a name.</summary>
internal sealed class CountTable(string name, string[] columns)
{
    private const int NameWidth = 34;
    private const int NumberWidth = 15;

    private readonly List<(string Name, string[] Cells)> _rows = [];

    public void Add(string row, params long[] numbers) =>
        AddText(row, [.. numbers.Select(n => n.ToString("#,0", CultureInfo.InvariantCulture))]);

    /// <summary>A row of numbers that are no whole ones, each written as it is to stand there.</summary>
    public void AddText(string row, params string[] cells)
    {
        if (cells.Length != columns.Length)
            throw new ArgumentException(
                $"{row}: {cells.Length} numbers for {columns.Length} columns.",
                nameof(cells)
            );
        _rows.Add((row, cells));
    }

    /// <inheritdoc/>
    public override string ToString()
    {
        var text = new StringBuilder();
        Line(name, columns);
        foreach ((string row, string[] cells) in _rows)
            Line("  " + row, cells);
        if (_rows.Count == 0)
            Line("  none", []);
        return text.ToString();

        void Line(string first, IEnumerable<string> cells)
        {
            text.Append(first.PadRight(NameWidth));
            foreach (string cell in cells)
                text.Append(cell.PadLeft(NumberWidth));
            while (text[^1] == ' ')
                text.Length--;
            text.Append('\n');
        }
    }
}

/// <summary>Compares two texts of counts.</summary>
internal static class CountDifferences
{
    /// <summary>
    /// The lines in which they differ, each with its section and table, what was recorded and what was found; none where
    /// they say the same.
    /// </summary>
    public static IReadOnlyList<string> Between(string recorded, string found)
    {
        Dictionary<string, string> old = Rows(recorded);
        Dictionary<string, string> now = Rows(found);
        List<string> differences = [];
        foreach (string row in old.Keys.Union(now.Keys))
        {
            string before = old.GetValueOrDefault(row, "nothing");
            string after = now.GetValueOrDefault(row, "nothing");
            if (before != after)
                differences.Add($"{row}: recorded {before}; found {after}");
        }
        // The same rows in another order, or another heading.
        if (differences.Count == 0 && recorded != found)
            differences.Add("the numbers are the same, the text around them is not");
        return differences;
    }

    // The numbers of each row, by section, table and name; with several columns, each with its column's name.
    private static Dictionary<string, string> Rows(string text)
    {
        var rows = new Dictionary<string, string>();
        string section = "";
        string table = "";
        string[] columns = [];
        foreach (string line in text.Split('\n'))
        {
            string[] cells = line.Trim()
                .Split(
                    "  ",
                    StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries
                );
            if (cells.Length == 0 || line[0] == '#')
                continue;
            if (line[0] == '=')
                section = line.Trim('=', ' ');
            else if (line[0] == ' ')
                rows[$"{section}, {table}, {cells[0]}"] = string.Join(
                    ", ",
                    cells.Skip(1).Select((cell, i) => Named(cell, columns.ElementAtOrDefault(i)))
                );
            else
                (table, columns) = (cells[0], cells[1..]);
        }
        return rows;

        string Named(string cell, string? column) => columns.Length < 2 ? cell : $"{cell} {column}";
    }
}
