using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Sequor.Tests.Threads;

namespace Sequor.Tests.Interchange;

/// <summary>
/// Layouts drawn at random: what is taken has the values that naive indexing gives, and what is row-major without gaps is always taken.
/// </summary>
[TestFixture("cpu", 3000)]
[TestFixture("cuda", 200)]
public sealed class DlPackRandomTests(string device, int cases) : ThreadFixture(device)
{
    private const int Block = 512;

    [Test]
    public void What_is_taken_is_what_naive_indexing_gives()
    {
        var draw = new Draw(31);
        float[] values = draw.Uniform(Block);
        using var lent = new Lent(Backend, values);
        (int taken, int refused) = (0, 0);
        for (int i = 0; i < cases; i++)
        {
            (long[] sizes, long[]? strides, long first) = Layout(draw);
            using Producer producer = lent.Producer(Backend, sizes);
            (producer.Strides, producer.ByteOffset) = (strides, (ulong)first * sizeof(float));
            DlPackForm form = draw.Next(2) == 0 ? DlPackForm.Plain : DlPackForm.Versioned;
            long[] naive =
            [
                .. Consumer.Offsets(sizes, strides ?? RowMajor(sizes)).Select(at => first + at),
            ];
            bool fits =
                sizes.Length <= 3
                && naive.Select((at, index) => at == first + index).All(same => same);
            string name =
                $"[{string.Join(", ", sizes)}] strides {(strides is null ? "null" : string.Join(", ", strides))} from {first}";
            try
            {
                using DlPackTensor tensor = producer.Lend(Backend, form);
                Assert.That(fits, name);
                Assert.That(
                    tensor.Tensor.ToArray(),
                    Is.EqualTo(naive.Select(at => values[at])),
                    name
                );
                taken++;
            }
            catch (ArgumentException)
            {
                Assert.That(fits, Is.False, name);
                refused++;
            }
            Assert.That(producer.Deleted, Is.EqualTo(1), name);
        }
        Assert.That(Math.Min(taken, refused), Is.GreaterThan(cases / 5), "of both sorts");
    }

    // A window of the block, seen as it lies, permuted, stepped over, reversed or repeated.
    private static (long[] Sizes, long[]? Strides, long First) Layout(Draw draw)
    {
        int rank = draw.Next(5);
        long[] sizes = [.. Enumerable.Range(0, rank).Select(_ => (long)draw.Next(5))];
        long[] strides = RowMajor(sizes);
        long first = draw.Next(40);
        switch (draw.Next(7))
        {
            case 0:
                return (sizes, null, first);
            case 1 when rank > 1:
                (strides[0], strides[^1]) = (strides[^1], strides[0]);
                (sizes[0], sizes[^1]) = (sizes[^1], sizes[0]);
                break;
            case 2 when rank > 0:
                int at = draw.Next(rank);
                strides[at] = draw.Next(2) * strides[at];
                break;
            case 3 when rank > 0:
                int turned = draw.Next(rank);
                first += Math.Max(0, sizes[turned] - 1) * strides[turned];
                strides[turned] = -strides[turned];
                break;
            case 4:
                for (int i = 0; i < rank; i++)
                    if (sizes[i] == 1)
                        strides[i] = draw.Next(100) - 50;
                break;
            case 5 when rank > 1:
                strides[0] += draw.Next(3);
                break;
        }
        return (sizes, strides, first);
    }

    private static long[] RowMajor(long[] sizes)
    {
        long[] strides = new long[sizes.Length];
        long next = 1;
        for (int i = sizes.Length - 1; i >= 0; i--)
            (strides[i], next) = (next, next * sizes[i]);
        return strides;
    }
}
