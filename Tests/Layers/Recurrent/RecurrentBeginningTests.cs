using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>Where the eigenvalues of recurrent matrices begin.</summary>
[TestFixture]
public sealed class RecurrentBeginningTests
{
    private static Backend Backend => Backends.Get(256, 1);

    // Companion matrices: their eigenvalues are the roots of x^n - c, all of modulus c^(1/n), and of products of known factors.
    private static readonly (string Name, double Radius, float[] Matrix)[] Known =
    [
        ("one value", 0.75, [-0.75f]),
        ("zeros", 0, [0, 0, 0, 0]),
        ("nilpotent", 0, [0, 5, 0, 0]),
        ("a rotation", 1.25, [0.75f, -1, 1, 0.75f]),
        ("a Jordan block", 0.5, [0.5f, 100, 0, 0, 0.5f, 100, 0, 0, 0.5f]),
        ("roots of 2", Math.Pow(2, 1.0 / 3), [0, 0, 2, 1, 0, 0, 0, 1, 0]),
        ("a triangle", 3, [3, 7, -2, 0, -2.5f, 1, 0, 0, 1]),
        (
            "a saddle",
            2,
            [
                .. Enumerable
                    .Range(0, 19 * 19)
                    .Select(i => i / 19 == i % 19 ? (i / 19 == 11 ? -2f : 0.1f) : 0f),
            ]
        ),
    ];

    private static IEnumerable<string> Names => Known.Select(known => known.Name);

    [TestCaseSource(nameof(Names))]
    public void Spectral_radii_are_never_below_what_is_known_and_close_to_it(string name)
    {
        (_, double radius, float[] matrix) = Known.Single(known => known.Name == name);
        double found = SpectralRadius.Of(matrix, (int)Math.Sqrt(matrix.Length));

        // The Jordan block is the slowest: its powers have m^2 beside 0.5^m.
        Assert.That(found, Is.InRange(radius * (1 - 1e-12), radius * 1.008));
    }

    [TestCase(1, 40, 1, false)]
    [TestCase(2, 57, 2, true)]
    [TestCase(3, 129, 1, false)]
    public void A_recurrence_within_the_circle_is_the_normal_one_divided_by_its_radius(
        int seed,
        int size,
        int layers,
        bool bidirectional
    )
    {
        (string Name, float[] Values)[] plain = Beginning(RecurrentInitialization.Normal);
        (string Name, float[] Values)[] within = Beginning(
            RecurrentInitialization.NormalWithinCircle
        );

        int scaled = 0;
        foreach (((string name, float[] before), (_, float[] values)) in plain.Zip(within))
        {
            double factor = 1;
            if (name.Contains("weight_hh", StringComparison.Ordinal))
            {
                factor = 1 / Math.Max(1, SpectralRadius.Of(before, size));
                scaled += factor < 1 ? 1 : 0;
                Assert.That(Growth(values, size), Is.LessThan(1.002), name);
            }
            for (int i = 0; i < values.Length; i++)
                Assert.That(values[i], Is.EqualTo(before[i] * factor).Within(1e-6), name);
        }
        Assert.That(scaled, Is.GreaterThan(0), "a matrix that was beyond the circle");

        (string, float[])[] Beginning(RecurrentInitialization initialization)
        {
            using var model = new Rnn(
                3,
                size,
                new RecurrentOptions
                {
                    Layers = layers,
                    Bidirectional = bidirectional,
                    Initialization = initialization,
                },
                RnnActivation.Linear
            );
            model.Initialize(Backend, (ulong)seed);
            using Plan plan = model.Plan(Backend, 1, 1, Mode.Evaluation);
            return
            [
                .. model
                    .NamedParameters()
                    .Select(named => (named.Name, plan.Parameter(named.Name).ToArray())),
            ];
        }
    }

    // By steps of the recurrence itself: the growth of a vector per step, over many.
    private static double Growth(float[] matrix, int size)
    {
        const int Steps = 4000;
        double[] h = [.. Enumerable.Range(0, size).Select(i => 1.0 + i % 3)];
        double logarithm = 0;
        for (int step = 0; step < Steps; step++)
        {
            double[] next = new double[size];
            for (int i = 0; i < size; i++)
            for (int k = 0; k < size; k++)
                next[i] += matrix[i * size + k] * h[k];
            double norm = Math.Sqrt(next.Sum(v => v * v));
            logarithm += Math.Log(norm);
            h = [.. next.Select(v => v / norm)];
        }
        return Math.Exp(logarithm / Steps);
    }
}
