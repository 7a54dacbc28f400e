using System.Collections;
using NUnit.Framework;
using Ours = Sequor.Layers.Linq.Enumerable;
using Theirs = System.Linq.Enumerable;

namespace Sequor.Tests.Linq;

/// <summary>What stands in for System.Linq in what is published, beside System.Linq.</summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class EnumerableTests
{
    private static readonly int[][] Sources =
    [
        [],
        [3],
        [3, 1, 2, 3, 1],
        [7, 7],
        [5, -4, 9, 0, 5, -4],
    ];

    private static IEnumerable<int> Lazy(int[] items)
    {
        foreach (int item in items)
            yield return item;
    }

    // What a call gives, item by item, or the type of what it throws.
    private static object? Of(Func<object?> call)
    {
        try
        {
            return call() is IEnumerable items and not string
                ? new ArrayList(Theirs.ToArray(Theirs.Cast<object?>(items)))
                : call();
        }
        catch (Exception e)
            when (e is InvalidOperationException or ArgumentException or OverflowException)
        {
            return e.GetType();
        }
    }

    private static void RequireAlike(
        string name,
        Func<IEnumerable<int>, object?> ours,
        Func<IEnumerable<int>, object?> theirs
    )
    {
        foreach (int[] items in Sources)
        {
            foreach (IEnumerable<int> source in (IEnumerable<int>[])[items, Lazy(items)])
                Assert.That(
                    Of(() => ours(source)),
                    Is.EqualTo(Of(() => theirs(source))),
                    $"{name} of {string.Join(' ', items)}"
                );
        }
    }

    [Test]
    public void Sequences_have_the_same_items() =>
        Assert.Multiple(() =>
        {
            RequireAlike(
                "Select",
                s => Ours.Select(s, x => x * 2L),
                s => Theirs.Select(s, x => x * 2L)
            );
            RequireAlike(
                "Select i",
                s => Ours.Select(s, (x, i) => x * i),
                s => Theirs.Select(s, (x, i) => x * i)
            );
            RequireAlike(
                "SelectMany",
                s => Ours.SelectMany(s, x => new[] { x, 1 }),
                s => Theirs.SelectMany(s, x => new[] { x, 1 })
            );
            RequireAlike(
                "SelectMany i",
                s => Ours.SelectMany(s, (x, i) => new[] { x, i }),
                s => Theirs.SelectMany(s, (x, i) => new[] { x, i })
            );
            RequireAlike(
                "SelectMany 2",
                s => Ours.SelectMany(s, x => new[] { x, 1 }, (x, y) => x - y),
                s => Theirs.SelectMany(s, x => new[] { x, 1 }, (x, y) => x - y)
            );
            RequireAlike("Where", s => Ours.Where(s, x => x > 1), s => Theirs.Where(s, x => x > 1));
            RequireAlike(
                "Where i",
                s => Ours.Where(s, (x, i) => x > i),
                s => Theirs.Where(s, (x, i) => x > i)
            );
            RequireAlike("OfType", s => Ours.OfType<int>(s), s => Theirs.OfType<int>(s));
            RequireAlike("Concat", s => Ours.Concat(s, s), s => Theirs.Concat(s, s));
            RequireAlike("Append", s => Ours.Append(s, 4), s => Theirs.Append(s, 4));
            RequireAlike("Prepend", s => Ours.Prepend(s, 4), s => Theirs.Prepend(s, 4));
            RequireAlike(
                "TakeWhile",
                s => Ours.TakeWhile(s, x => x > 2),
                s => Theirs.TakeWhile(s, x => x > 2)
            );
            RequireAlike(
                "SkipWhile",
                s => Ours.SkipWhile(s, x => x > 2),
                s => Theirs.SkipWhile(s, x => x > 2)
            );
            RequireAlike(
                "DefaultIfEmpty",
                s => Ours.DefaultIfEmpty(s),
                s => Theirs.DefaultIfEmpty(s)
            );
            RequireAlike(
                "DefaultIfEmpty 8",
                s => Ours.DefaultIfEmpty(s, 8),
                s => Theirs.DefaultIfEmpty(s, 8)
            );
            RequireAlike(
                "Zip",
                s => Ours.Zip(s, Theirs.Skip(s, 1)),
                s => Theirs.Zip(s, Theirs.Skip(s, 1))
            );
            RequireAlike("Reverse", s => Ours.Reverse(s), s => Theirs.Reverse(s));
            RequireAlike(
                "Chunk",
                s => Ours.Select(Ours.Chunk(s, 2), c => string.Join(' ', c)),
                s => Theirs.Select(Theirs.Chunk(s, 2), c => string.Join(' ', c))
            );
            RequireAlike("Distinct", s => Ours.Distinct(s), s => Theirs.Distinct(s));
            RequireAlike(
                "DistinctBy",
                s => Ours.DistinctBy(s, x => x & 1),
                s => Theirs.DistinctBy(s, x => x & 1)
            );
            RequireAlike("Union", s => Ours.Union(s, [1, 12]), s => Theirs.Union(s, [1, 12]));
            RequireAlike("Except", s => Ours.Except(s, [1, 12]), s => Theirs.Except(s, [1, 12]));
            RequireAlike(
                "Intersect",
                s => Ours.Intersect(s, [1, 3]),
                s => Theirs.Intersect(s, [1, 3])
            );
            foreach (int count in (int[])[-1, 0, 1, 2, 9])
            {
                RequireAlike($"Skip {count}", s => Ours.Skip(s, count), s => Theirs.Skip(s, count));
                RequireAlike($"Take {count}", s => Ours.Take(s, count), s => Theirs.Take(s, count));
                RequireAlike(
                    $"SkipLast {count}",
                    s => Ours.SkipLast(s, count),
                    s => Theirs.SkipLast(s, count)
                );
                RequireAlike(
                    $"Range {count}",
                    _ => Ours.Range(5, count),
                    _ => Theirs.Range(5, count)
                );
                RequireAlike(
                    $"Repeat {count}",
                    _ => Ours.Repeat(5, count),
                    _ => Theirs.Repeat(5, count)
                );
            }
            RequireAlike(
                "Range beyond",
                _ => Ours.Range(int.MaxValue, 2),
                _ => Theirs.Range(int.MaxValue, 2)
            );
        });

    [Test]
    public void Groups_and_orders_are_the_same() =>
        Assert.Multiple(() =>
        {
            RequireAlike("Order", s => Ours.Order(s), s => Theirs.Order(s));
            RequireAlike(
                "OrderDescending",
                s => Ours.OrderDescending(s),
                s => Theirs.OrderDescending(s)
            );
            RequireAlike(
                "OrderBy stable",
                s => Ours.OrderBy(s, x => x & 1),
                s => Theirs.OrderBy(s, x => x & 1)
            );
            RequireAlike(
                "OrderByDescending stable",
                s => Ours.OrderByDescending(s, x => x & 1),
                s => Theirs.OrderByDescending(s, x => x & 1)
            );
            RequireAlike(
                "ThenBy",
                s => Ours.ThenBy(Ours.OrderBy(s, x => x & 1), x => x),
                s => Theirs.ThenBy(Theirs.OrderBy(s, x => x & 1), x => x)
            );
            RequireAlike(
                "ThenByDescending",
                s => Ours.ThenByDescending(Ours.OrderBy(s, x => x & 1), x => x),
                s => Theirs.ThenByDescending(Theirs.OrderBy(s, x => x & 1), x => x)
            );
            RequireAlike(
                "GroupBy",
                s =>
                    Ours.Select(
                        Ours.GroupBy(s, x => x > 2 ? null : "few"),
                        g => $"{g.Key}: {string.Join(' ', g)}"
                    ),
                s =>
                    Theirs.Select(
                        Theirs.GroupBy(s, x => x > 2 ? null : "few"),
                        g => $"{g.Key}: {string.Join(' ', g)}"
                    )
            );
            RequireAlike(
                "GroupBy 2",
                s => Ours.GroupBy(s, x => x & 1, (k, g) => $"{k}: {string.Join(' ', g)}"),
                s => Theirs.GroupBy(s, x => x & 1, (k, g) => $"{k}: {string.Join(' ', g)}")
            );
            RequireAlike(
                "ToLookup",
                s => Ours.ToLookup(s, x => x & 1, x => -x)[1],
                s => Theirs.ToLookup(s, x => x & 1, x => -x)[1]
            );
            RequireAlike(
                "ToLookup none",
                s => Ours.ToLookup(s, x => x)[99],
                s => Theirs.ToLookup(s, x => x)[99]
            );
            RequireAlike(
                "ToDictionary",
                s => Ours.ToDictionary(s, x => x, x => -x),
                s => Theirs.ToDictionary(s, x => x, x => -x)
            );
        });

    [Test]
    public void Single_items_and_totals_are_the_same() =>
        Assert.Multiple(() =>
        {
            RequireAlike("Any", s => Ours.Any(s), s => Theirs.Any(s));
            RequireAlike("Any of", s => Ours.Any(s, x => x == 7), s => Theirs.Any(s, x => x == 7));
            RequireAlike("All", s => Ours.All(s, x => x == 7), s => Theirs.All(s, x => x == 7));
            RequireAlike("Count", s => Ours.Count(s), s => Theirs.Count(s));
            RequireAlike(
                "Count of",
                s => Ours.Count(s, x => x == 3),
                s => Theirs.Count(s, x => x == 3)
            );
            RequireAlike("Contains", s => Ours.Contains(s, 7), s => Theirs.Contains(s, 7));
            RequireAlike(
                "SequenceEqual",
                s => Ours.SequenceEqual(s, [7, 7]),
                s => Theirs.SequenceEqual(s, [7, 7])
            );
            RequireAlike("First", s => Ours.First(s), s => Theirs.First(s));
            RequireAlike(
                "First of",
                s => Ours.First(s, x => x < 3),
                s => Theirs.First(s, x => x < 3)
            );
            RequireAlike(
                "FirstOrDefault",
                s => Ours.FirstOrDefault(s),
                s => Theirs.FirstOrDefault(s)
            );
            RequireAlike(
                "FirstOrDefault of",
                s => Ours.FirstOrDefault(s, x => x < 3),
                s => Theirs.FirstOrDefault(s, x => x < 3)
            );
            RequireAlike(
                "FirstOrDefault 8",
                s => Ours.FirstOrDefault(s, 8),
                s => Theirs.FirstOrDefault(s, 8)
            );
            RequireAlike("Last", s => Ours.Last(s), s => Theirs.Last(s));
            RequireAlike("Last of", s => Ours.Last(s, x => x < 3), s => Theirs.Last(s, x => x < 3));
            RequireAlike("LastOrDefault", s => Ours.LastOrDefault(s), s => Theirs.LastOrDefault(s));
            RequireAlike("Single", s => Ours.Single(s), s => Theirs.Single(s));
            RequireAlike(
                "Single of",
                s => Ours.Single(s, x => x == 2),
                s => Theirs.Single(s, x => x == 2)
            );
            RequireAlike(
                "SingleOrDefault",
                s => Ours.SingleOrDefault(s),
                s => Theirs.SingleOrDefault(s)
            );
            RequireAlike("ElementAt", s => Ours.ElementAt(s, 1), s => Theirs.ElementAt(s, 1));
            RequireAlike(
                "Aggregate",
                s => Ours.Aggregate(s, (a, b) => a - b),
                s => Theirs.Aggregate(s, (a, b) => a - b)
            );
            RequireAlike(
                "Aggregate 2",
                s => Ours.Aggregate(s, 2L, (a, b) => a - b),
                s => Theirs.Aggregate(s, 2L, (a, b) => a - b)
            );
            RequireAlike("ToArray", s => Ours.ToArray(s), s => Theirs.ToArray(s));
            RequireAlike("ToList", s => Ours.ToList(s), s => Theirs.ToList(s));
            RequireAlike("Sum", s => Ours.Sum(s), s => Theirs.Sum(s));
            RequireAlike(
                "Sum beyond",
                s => Ours.Sum(s, x => int.MaxValue),
                s => Theirs.Sum(s, x => int.MaxValue)
            );
            RequireAlike(
                "Sum float",
                s => Ours.Sum(s, x => 1e8f + x),
                s => Theirs.Sum(s, x => 1e8f + x)
            );
            RequireAlike(
                "Sum double",
                s => Ours.Sum(s, x => 0.1 * x),
                s => Theirs.Sum(s, x => 0.1 * x)
            );
            RequireAlike(
                "Sum decimal",
                s => Ours.Sum(s, x => 0.1m * x),
                s => Theirs.Sum(s, x => 0.1m * x)
            );
            RequireAlike(
                "Sum int?",
                s => Ours.Sum(s, x => x > 2 ? x : (int?)null),
                s => Theirs.Sum(s, x => x > 2 ? x : (int?)null)
            );
            RequireAlike("Average", s => Ours.Average(s), s => Theirs.Average(s));
            RequireAlike(
                "Average double",
                s => Ours.Average(s, x => 0.1 * x),
                s => Theirs.Average(s, x => 0.1 * x)
            );
            RequireAlike(
                "Average double?",
                s => Ours.Average(Theirs.Select(s, x => x > 2 ? x : (double?)null)),
                s => Theirs.Average(s, x => x > 2 ? x : (double?)null)
            );
            RequireAlike("Max", s => Ours.Max(s), s => Theirs.Max(s));
            RequireAlike("Min", s => Ours.Min(s), s => Theirs.Min(s));
            RequireAlike(
                "Max double",
                s => Ours.Max(s, x => x == 3 ? double.NaN : x),
                s => Theirs.Max(s, x => x == 3 ? double.NaN : x)
            );
            RequireAlike(
                "Min double",
                s => Ours.Min(s, x => x == 3 ? double.NaN : x),
                s => Theirs.Min(s, x => x == 3 ? double.NaN : x)
            );
            RequireAlike(
                "Max int?",
                s => Ours.Max(s, x => x == 3 ? null : (int?)x),
                s => Theirs.Max(s, x => x == 3 ? null : (int?)x)
            );
            RequireAlike(
                "Min text",
                s => Ours.Min(s, x => x == 3 ? null : $"{x}"),
                s => Theirs.Min(s, x => x == 3 ? null : $"{x}")
            );
            RequireAlike("MaxBy", s => Ours.MaxBy(s, x => x & 1), s => Theirs.MaxBy(s, x => x & 1));
            RequireAlike("MinBy", s => Ours.MinBy(s, x => x & 1), s => Theirs.MinBy(s, x => x & 1));
        });

    [Test]
    public void Nothing_is_asked_for_before_it_is_wanted_and_no_more_than_that()
    {
        int asked = 0;
        IEnumerable<int> source = Ours.Select(Ours.Range(0, 100), x => asked += 1);
        IEnumerable<int> two = Ours.Take(Ours.Where(source, x => x > 3), 2);
        Assert.That(asked, Is.Zero);
        Assert.That(two, Is.EqualTo(new[] { 4, 5 }));
        Assert.That(asked, Is.EqualTo(5));
    }
}
