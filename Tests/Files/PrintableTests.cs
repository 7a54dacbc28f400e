using NUnit.Framework;
using Sequor.Layers;

namespace Sequor.Tests.Files;

/// <summary>
/// Text from files and users as messages show it: control and direction characters are escaped, and long texts cut.
/// </summary>
[TestFixture]
[Parallelizable(ParallelScope.All)]
public sealed class PrintableTests
{
    [TestCase("", "")]
    [TestCase("plain text, 100%", "plain text, 100%")]
    [TestCase("C:\\folder\\n", "C:\\folder\\n")]
    [TestCase("Größe 大きさ \U0001f600", "Größe 大きさ \U0001f600")]
    [TestCase("\u001b[31mred\u001b[0m", "\\u001b[31mred\\u001b[0m")]
    [TestCase("\u001b]0;title\a", "\\u001b]0;title\\u0007")]
    [TestCase("a\rb\nc\td", "a\\rb\\nc\\td")]
    [TestCase("\0\b\u007f", "\\u0000\\u0008\\u007f")]
    [TestCase("\u009b31m", "\\u009b31m")]
    [TestCase("a\u202eb\u2066c\u200fd", "a\\u202eb\\u2066c\\u200fd")]
    [TestCase("a\u2028b\u2029c\u0085d", "a\\u2028b\\u2029c\\u0085d")]
    public void What_a_terminal_would_obey_is_told(string text, string shown) =>
        Assert.That(Printable.Of(text), Is.EqualTo(shown));

    // As arguments of a test they would not come whole.
    [Test]
    public void Halves_of_characters_are_told()
    {
        string smile = "\U0001f600";
        Assert.That(Printable.Of("a" + smile[0]), Is.EqualTo("a\\ud83d"));
        Assert.That(Printable.Of(smile[1] + "b"), Is.EqualTo("\\ude00b"));
        Assert.That(Printable.Of($"{smile[0]}{smile[0]}{smile[1]}"), Is.EqualTo("\\ud83d" + smile));
    }

    [Test]
    public void Lines_stay_where_there_may_be_several()
    {
        Assert.That(Printable.Of("a\n\tb\r\nc", lines: true), Is.EqualTo("a\n\tb\r\nc"));
        Assert.That(Printable.Of("a\rb\u001b\r", lines: true), Is.EqualTo("a\\rb\\u001b\\r"));
    }

    [Test]
    public void Long_ones_end_with_dots()
    {
        Assert.That(Printable.Shortened(new string('x', 100)), Is.EqualTo(new string('x', 100)));
        Assert.That(Printable.Shortened("abcdef", 3), Is.EqualTo("abc..."));
        Assert.That(Printable.Shortened("ab\U0001f600c", 3), Is.EqualTo("ab..."));
        Assert.That(Printable.Shortened("\u001b[31m", 2), Is.EqualTo("\\u001b[..."));
    }
}
