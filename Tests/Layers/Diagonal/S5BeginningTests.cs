using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Layers;

/// <summary>Where S5's parameters begin: eigenvalues of HiPPO-LegS, steps, and the deviations of B and C.</summary>
[TestFixture]
public sealed class S5BeginningTests
{
    private static Backend Backend => Backends.Get(256, 1);

    // The eigenvalues of the normal part, by a solver for any matrix.
    [TestCase(2, new[] { 0.556501115, 4.603293007 })]
    [TestCase(4, new[] { 0.427488712, 1.957794151, 5.354208515, 19.857410371 })]
    public void Frequencies_are_the_eigenvalues_of_the_normal_part(int count, double[] expected)
    {
        double[] frequencies = HippoSpectrum.Frequencies(count);

        for (int i = 0; i < count; i++)
            Close.Check(frequencies[i], expected[i], 1, 1e-9, $"frequency {i}");
    }

    [Test]
    public void Two_of_four_rows_have_a_closed_form()
    {
        double[] frequencies = HippoSpectrum.Frequencies(2);
        Close.Check(
            frequencies[0],
            Math.Sqrt(21.5 / 2 - Math.Sqrt(109)),
            1,
            1e-14,
            "the lower one"
        );
        Close.Check(
            frequencies[1],
            Math.Sqrt(21.5 / 2 + Math.Sqrt(109)),
            1,
            1e-14,
            "the upper one"
        );
    }

    [Test]
    public void The_largest_frequency_of_64_rows_is_known() =>
        Close.Check(HippoSpectrum.Frequencies(32)[^1], 1303.27384, 1, 1e-5, "the largest");

    // S = A + 1/2 is skew: the traces of S^2 and of S^4 are -2 sum w^2 and 2 sum w^4.
    [TestCase(1)]
    [TestCase(3)]
    [TestCase(32)]
    [TestCase(100)]
    public void Frequencies_have_the_traces_of_the_normal_part(int count)
    {
        int size = 2 * count;
        double[,] a = Ref.S5.NormalPart(size);
        double[,] square = new double[size, size];
        for (int i = 0; i < size; i++)
        {
            Assert.That(a[i, i], Is.EqualTo(-0.5));
            a[i, i] = 0;
        }
        for (int i = 0; i < size; i++)
        for (int j = 0; j < size; j++)
        for (int k = 0; k < size; k++)
            square[i, j] += a[i, k] * a[k, j];
        double second = 0;
        double fourth = 0;
        for (int i = 0; i < size; i++)
        {
            second -= square[i, i];
            for (int j = 0; j < size; j++)
                fourth += square[i, j] * square[j, i];
        }

        double[] w = HippoSpectrum.Frequencies(count);
        Close.Check(2 * w.Sum(v => v * v), second, second, 1e-12, "the trace of the square");
        Close.Check(2 * w.Sum(v => v * v * v * v), fourth, fourth, 1e-12, "that of its square");
        Assert.That(w, Is.Ordered.Ascending.And.Unique);
    }

    [Test]
    public void A_block_begins_with_the_eigenvalues_of_its_hippo_blocks()
    {
        using var model = new S5Block(3, 4, new S5Options { Blocks = 2 });
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
        float[] real = plan.Parameter("Lambda_re").ToArray();
        float[] imaginary = plan.Parameter("Lambda_im").ToArray();

        Assert.That(real, Is.All.EqualTo(-0.5f));
        double[] expected = [-4.603293007, -0.556501115, -4.603293007, -0.556501115];
        Close.Check(imaginary, expected, 1e-7, "Lambda_im");
    }

    [Test]
    public void Steps_and_matrices_have_their_distributions()
    {
        const int Channels = 40;
        const int States = 600;
        var options = new S5Options
        {
            Blocks = 60,
            MinStep = 0.01f,
            MaxStep = 0.2f,
        };
        using var model = new S5Block(Channels, States, options);
        using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
        float[] steps = plan.Parameter("log_step").ToArray();

        Assert.That(steps, Is.All.InRange(Math.Log(0.01) - 1e-5, Math.Log(0.2) + 1e-5));
        double middle = (Math.Log(0.01) + Math.Log(0.2)) / 2;
        Assert.That(steps.Average(), Is.EqualTo(middle).Within(0.15));
        // P = 2 N: B = V* B0, half of whose variance 1 / P is in each part; C = C0 V, each part of C0 of variance 1 / P.
        foreach (string part in (string[])["re", "im"])
        {
            Variance($"B_{part}", 1.0 / (4 * States));
            Variance($"C_{part}", 1.0 / (2 * States));
        }

        void Variance(string name, double expected)
        {
            double mean = plan.Parameter(name).ToArray().Average(v => (double)v * v);
            Assert.That(mean, Is.EqualTo(expected).Within(0.04 * expected), name);
        }
    }

    // What the remark on S5Block says of V: computed for four rows, where V is found by solving (S - iw) v = 0.
    [Test]
    public void Eigenvectors_are_orthogonal_to_each_others_conjugates()
    {
        const int Count = 4;
        const int Size = 2 * Count;
        double[,] a = Ref.S5.NormalPart(Size);
        double[] w = HippoSpectrum.Frequencies(Count);
        System.Numerics.Complex[][] v = [.. w.Select(Vector)];
        for (int p = 0; p < Count; p++)
        for (int q = 0; q < Count; q++)
        {
            System.Numerics.Complex plain = 0;
            System.Numerics.Complex conjugate = 0;
            for (int n = 0; n < Size; n++)
            {
                plain += v[p][n] * v[q][n];
                conjugate += System.Numerics.Complex.Conjugate(v[p][n]) * v[q][n];
            }
            Assert.That(plain.Magnitude, Is.LessThan(1e-9));
            Assert.That(conjugate.Magnitude, Is.EqualTo(p == q ? 1 : 0).Within(1e-9));
        }

        // By the ratio of neighbours that HippoSpectrum has, and checked to be an eigenvector.
        System.Numerics.Complex[] Vector(double frequency)
        {
            var i = System.Numerics.Complex.ImaginaryOne;
            var vector = new System.Numerics.Complex[Size];
            System.Numerics.Complex y = 1;
            double norm = 0;
            for (int n = 0; n < Size; n++)
            {
                if (n > 0)
                    y *=
                        -(1 - 2 * i * frequency / (2 * n - 1))
                        / (1 + 2 * i * frequency / (2 * n + 1));
                vector[n] = y / Math.Sqrt(2 * n + 1);
                norm += vector[n].Magnitude * vector[n].Magnitude;
            }
            for (int n = 0; n < Size; n++)
                vector[n] /= Math.Sqrt(norm);
            for (int n = 0; n < Size; n++)
            {
                System.Numerics.Complex sum = 0;
                for (int k = 0; k < Size; k++)
                    sum += a[n, k] * vector[k];
                Assert.That(
                    (sum - (-0.5 + i * frequency) * vector[n]).Magnitude,
                    Is.LessThan(1e-9)
                );
            }
            return vector;
        }
    }
}
