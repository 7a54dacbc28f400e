using Sequor.Layers;

namespace Sequor.Tool;

/// <summary>Whether two sets are of like things, and what differs where they are not.</summary>
internal static class Likeness
{
    private const string Nothing = "nothing";

    /// <summary>Differences for which a comparison is refused: conditions, sizes, shapes.</summary>
    /// <param name="before">The base.</param>
    /// <param name="after">The head.</param>
    /// <param name="counts">Whether counted figures alone are compared.</param>
    public static IReadOnlyList<string> Differences(FigureSet before, FigureSet after, bool counts)
    {
        var found = new List<string>();
        foreach ((string format, Condition a, Condition b) in Conditions(before, after))
        {
            bool matters =
                a.Agreement == Agreement.Always || (a.Agreement == Agreement.Times && !counts);
            // What two formats have in common is told once.
            string text = Text(a, b);
            if (matters && !found.Contains(text))
                found.Add(text);
        }
        foreach ((FigureKey key, Figure figure) in before.Figures)
        {
            string text =
                after.Figures.TryGetValue(key, out Figure? other)
                && other.Subject.Size != figure.Subject.Size
                    ? $"the size of {figure.Subject} ({figure.Subject.Size}; {other.Subject.Size})"
                    : "";
            if (text.Length > 0 && !found.Contains(text))
                found.Add(text);
        }
        foreach ((string subject, string[] shapes, string[] others) in Shapes(before, after))
            found.Add(
                $"the shapes of {subject} ({string.Join(", ", shapes)}; {string.Join(", ", others)})"
            );
        return found;
    }

    /// <summary>Differences that are told and change nothing.</summary>
    public static IEnumerable<string> Told(FigureSet before, FigureSet after, bool counts) =>
        Conditions(before, after)
            .Where(pair =>
                pair.Before.Agreement == Agreement.Told
                || (counts && pair.Before.Agreement == Agreement.Times)
            )
            .Select(pair => Text(pair.Before, pair.After))
            .Distinct();

    /// <summary>Subjects of both sets that have no shape in common.</summary>
    public static IEnumerable<(string Subject, string[] Before, string[] After)> Shapes(
        FigureSet before,
        FigureSet after
    )
    {
        ILookup<(string, string), string> mine = ShapesOf(before);
        ILookup<(string, string), string> theirs = ShapesOf(after);
        foreach (IGrouping<(string Format, string Subject), string> group in mine)
        {
            string[] shapes = [.. group.Distinct()];
            string[] others = [.. theirs[group.Key].Distinct()];
            if (others.Length > 0 && !shapes.Intersect(others).Any())
                yield return (group.Key.Subject, shapes, others);
        }
    }

    private static ILookup<(string, string), string> ShapesOf(FigureSet set) =>
        set.Figures.Keys.ToLookup(key => (key.Format, key.Subject), key => key.Shape);

    private static IEnumerable<(string Format, Condition Before, Condition After)> Conditions(
        FigureSet before,
        FigureSet after
    )
    {
        foreach ((string format, Dictionary<string, Condition> mine) in before.Conditions)
        {
            if (!after.Conditions.TryGetValue(format, out Dictionary<string, Condition>? theirs))
                continue;
            foreach (string name in mine.Keys.Union(theirs.Keys))
            {
                Condition a = mine.GetValueOrDefault(name);
                Condition b = theirs.GetValueOrDefault(name);
                Agreement agreement = a.Name is null ? b.Agreement : a.Agreement;
                if (a.Value != b.Value)
                    yield return (
                        format,
                        new Condition(name, a.Value ?? Nothing, agreement),
                        new Condition(name, b.Value ?? Nothing, agreement)
                    );
            }
        }
    }

    private static string Text(Condition before, Condition after) =>
        $"{before.Name} ({Printable.Shortened(before.Value, 60)}; {Printable.Shortened(after.Value, 60)})";
}
