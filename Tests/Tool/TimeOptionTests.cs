using NUnit.Framework;
using Sequor.Tool;

namespace Sequor.Tests.Tool;

/// <summary>Times with their units, as --total-budget takes them.</summary>
[TestFixture]
public sealed class TimeOptionTests
{
    [TestCase("8h", 8 * 3600)]
    [TestCase("90m", 5400)]
    [TestCase("30s", 30)]
    [TestCase("1h30m", 5400)]
    [TestCase("1.5h", 5400)]
    [TestCase("2d", 2 * 86400)]
    [TestCase("0.25s", 0.25)]
    public void A_time_is_a_number_with_a_unit(string text, double seconds) =>
        Assert.That(TimeOption.Parse(text)!.Value.TotalSeconds, Is.EqualTo(seconds).Within(1e-6));

    [TestCase("")]
    [TestCase("8")]
    [TestCase("h")]
    [TestCase("8 h")]
    [TestCase("-8h")]
    [TestCase("8H")]
    [TestCase("0h")]
    [TestCase("1e3s")]
    [TestCase("8,5h")]
    [TestCase("1h30")]
    [TestCase("2000d")]
    [TestCase("99999999999s")]
    [TestCase("\u0668h")]
    public void Anything_else_is_none(string text) => Assert.That(TimeOption.Parse(text), Is.Null);
}
