using NUnit.Framework;

namespace Sequor.Tests.Cuda;

/// <summary>The text in which expected counts of kernels and driver calls are kept, and how a difference is reported.</summary>
[TestFixture]
public sealed class CountSectionTests
{
    private static string Text(long read, params string[] calls)
    {
        var section = new CountSection("rnn: T=12");
        CountTable kernels = section.Table("kernels", "launches", "bytes read");
        kernels.Add("add_row", 1, read);
        kernels.Add("scan*", 4, 1234567);
        CountTable table = section.Table("driver calls", "number");
        foreach (string call in calls)
            table.Add(call, 2);
        return "# heading\n\n" + section;
    }

    [Test]
    public void Numbers_stand_below_what_they_count() =>
        Assert.That(
            Text(32),
            Is.EqualTo(
                """
                # heading

                == rnn: T=12 ==

                kernels                                  launches     bytes read
                  add_row                                       1             32
                  scan*                                         4      1,234,567

                driver calls                               number
                  none

                """.ReplaceLineEndings("\n")
            )
        );

    [Test]
    public void A_difference_is_told_with_both_numbers()
    {
        Assert.That(
            CountDifferences.Between(Text(32), Text(48)),
            Is.EqualTo(
                new[]
                {
                    "rnn: T=12, kernels, add_row: recorded 1 launches, 32 bytes read; found 1 launches, 48 bytes read",
                }
            )
        );
        Assert.That(CountDifferences.Between(Text(32, "cuA"), Text(32, "cuA")), Is.Empty);
    }

    [Test]
    public void What_only_one_side_has_is_told() =>
        Assert.That(
            CountDifferences.Between(Text(32, "cuA", "cuB"), Text(32, "cuA", "cuC")),
            Is.EqualTo(
                new[]
                {
                    "rnn: T=12, driver calls, cuB: recorded 2; found nothing",
                    "rnn: T=12, driver calls, cuC: recorded nothing; found 2",
                }
            )
        );

    [Test]
    public void Another_text_around_the_same_numbers_is_a_difference_too()
    {
        string text = Text(32, "cuA");
        Assert.That(
            CountDifferences.Between(
                text,
                text.Replace("heading", "title", StringComparison.Ordinal)
            ),
            Has.One.Contains("the text around them is not")
        );
    }
}
