using NUnit.Framework;
using Sequor.Layers;
using Sequor.Reference;

namespace Sequor.Tests.Support;

/// <summary>The reference's output for a case, and the gradients of sum(dy * y) from central differences of that output.</summary>
internal sealed class Expectation
{
    /// <summary>The name under which the input's gradient is found among those of the parameters.</summary>
    public const string Input = "(input)";

    // Larger arrays are checked along some directions and at some of their elements.
    private const int LargestWhole = 700;
    private const int Samples = 40;
    private const int Directions = 2;

    // The step is so small that hardly any ReLU changes sides within it.
    private const double Step = 1e-6;
    private const double SmallStep = 1e-7;

    private readonly GradientCase _case;
    private readonly double[] _outputGradient;

    public Expectation(GradientCase @case)
    {
        _case = @case;
        Output = new Values(_case).Forward();
        Assert.That(Output, Has.Some.Not.Zero, "where all relus are closed, nothing is compared");
        _outputGradient = ToDouble(GradientCase.OutputGradient(Output.Length));
        IEnumerable<string> names = _case.Parameters.Keys;
        // Other fixtures wait for the same case, so the processors are free.
        Gradients = (_case.Classes is null ? names.Append(Input) : names)
            .AsParallel()
            .Select(name => (Name: name, Found: Differences(name)))
            .ToDictionary(gradient => gradient.Name, gradient => gradient.Found);
    }

    public double[] Output { get; }

    public IReadOnlyDictionary<string, Gradient> Gradients { get; }

    private Gradient Differences(string name)
    {
        int count = name == Input ? _case.X.Length : _case.Parameters[name].Length;
        var draw = new Draw((ulong)count);
        bool whole = !_case.Large && count <= LargestWhole;
        int[] at =
            whole ? [.. Enumerable.Range(0, count)]
            : _case.Large ? []
            : [.. Enumerable.Range(0, Samples).Select(_ => draw.Next(count))];
        double[] values = new double[at.Length];
        ForEach(at.Length, (i, v) => values[i] = v.Slope(v.Of(name), at[i], _outputGradient));
        double[][] directions =
        [
            .. Enumerable
                .Range(
                    0,
                    whole ? 0
                        : _case.Large ? 1
                        : Directions
                )
                .Select(_ => draw.Signs(count)),
        ];
        double[] along = new double[directions.Length];
        ForEach(
            along.Length,
            (i, v) => along[i] = v.Slope(v.Of(name), directions[i], _outputGradient)
        );
        return new Gradient(at, values, directions, along);
    }

    // Each thread changes its own copy of the values.
    private void ForEach(int count, Action<int, Values> body) =>
        Parallel.For(
            0,
            count,
            () => new Values(_case),
            (i, _, values) =>
            {
                body(i, values);
                return values;
            },
            _ => { }
        );

    private static double[] ToDouble(float[] values) =>
        Array.ConvertAll(values, value => (double)value);

    /// <summary>The part of an array's gradient that is known: some or all elements, and sums along directions.</summary>
    internal sealed record Gradient(
        int[] At,
        double[] Values,
        double[][] Directions,
        double[] Along
    );

    /// <summary>Everything that the reference reads, to be changed a little and restored.</summary>
    private sealed class Values
    {
        private readonly GradientCase _case;
        private readonly double[] _x;
        private readonly Dictionary<string, double[]> _parameters;
        private readonly ReferenceModel _model;

        public Values(GradientCase @case)
        {
            _case = @case;
            _x = ToDouble(@case.X);
            _parameters = @case.Parameters.ToDictionary(p => p.Key, p => ToDouble(p.Value));
            _model = new ReferenceModel(@case.Model(), _parameters, Masks.Mask)
            {
                Resets = @case.Resets,
            };
        }

        public double[] Of(string name) => name == Input ? _x : _parameters[name];

        public double[] Forward() => _model.Forward(_x, _case.Time, _case.Batch);

        public double Slope(double[] values, int index, double[] dy)
        {
            double[] one = [values[index]];
            double slope = CentralDifference.Gradient(
                () =>
                {
                    values[index] = one[0];
                    return Loss(dy);
                },
                one,
                Step
            )[0];
            values[index] = one[0];
            return slope;
        }

        public double Slope(double[] values, double[] direction, double[] dy)
        {
            double[] start = [.. values];
            double slope = CentralDifference.Gradient(
                (Func<double>)Moved,
                _moved,
                _case.Large ? SmallStep : Step
            )[0];
            start.CopyTo(values, 0);
            return slope;

            double Moved()
            {
                for (int i = 0; i < values.Length; i++)
                    values[i] = start[i] + _moved[0] * direction[i];
                return Loss(dy);
            }
        }

        private readonly double[] _moved = [0];

        private double Loss(double[] dy)
        {
            double[] y = Forward();
            double sum = 0;
            for (int i = 0; i < y.Length; i++)
                sum += dy[i] * y[i];
            return sum;
        }
    }
}
