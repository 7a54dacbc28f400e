using Sequor.Layers;
using Sequor.Tests.Support;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Losses;

/// <summary>Each of the losses, its reference, and a plan whose output is given: its model passes the input on.</summary>
internal sealed class LossCase : IDisposable
{
    public static readonly string[] Kinds = ["squared", "softmax", "binary"];

    private readonly Dropout _model;
    private readonly string _kind;
    private readonly int _columns;

    public LossCase(
        Backend backend,
        string kind,
        int steps,
        int batch,
        int columns,
        int? ignoreIndex = null,
        bool variableLengths = true
    )
    {
        (_kind, _columns, Rows) = (kind, columns, steps * batch);
        _model = new Dropout(columns, 0f);
        Plan = _model.Plan(
            backend,
            steps,
            batch,
            Mode.Training,
            new PlanOptions { VariableLengths = variableLengths }
        );
        Loss = Make(kind, Plan, ignoreIndex);
        X = new Draw(1).Uniform((long)Rows * columns, -3, 3);
        Targets = TargetsOf(kind, Rows, columns);
    }

    public int Rows { get; }
    public Plan Plan { get; }
    public Loss Loss { get; }
    public float[] X { get; }
    public float[] Targets { get; }

    /// <summary>Targets a row.</summary>
    public int Each => Targets.Length / Rows;

    public static Loss Make(string kind, Plan plan, int? ignoreIndex = null) =>
        kind switch
        {
            "squared" => new MeanSquaredError(plan),
            "softmax" => new SoftmaxCrossEntropy(plan, ignoreIndex),
            _ => new BinaryCrossEntropy(plan),
        };

    public static float[] TargetsOf(string kind, int rows, int columns) =>
        kind switch
        {
            "squared" => new Draw(2).Uniform((long)rows * columns, -3, 3),
            "softmax" => new Draw(2).Classes(rows, columns),
            _ => new Draw(2).Uniform((long)rows * columns, 0, 1),
        };

    /// <summary>The targets with other ones in the rows that weigh nothing.</summary>
    public float[] TargetsWith(float[] weights, float other)
    {
        float[] targets = [.. Targets];
        for (int i = 0; i < targets.Length; i++)
        {
            if (weights[i / Each] == 0)
                targets[i] = other;
        }
        return targets;
    }

    /// <summary>1 for each step [T, B] of a sequence, 0 beyond its end.</summary>
    public static float[] Steps(int steps, int[] lengths) =>
        [
            .. Enumerable
                .Range(0, steps * lengths.Length)
                .Select(r => r / lengths.Length < lengths[r % lengths.Length] ? 1f : 0f),
        ];

    /// <summary>Compares loss and gradient with the reference and its central differences.</summary>
    public void Check(float[] gradient, float[] weights, string what)
    {
        double[] x = Array.ConvertAll(X, v => (double)v);
        double[] mask = Array.ConvertAll(weights, v => (double)v);
        Close.Check([Loss.ReadValue()], [Exact(x, mask)], Close.Output, $"{what}: loss");
        double[] slope = new double[x.Length];
        const double Step = 1e-5;
        for (int i = 0; i < x.Length; i++)
        {
            if (mask[i / _columns] == 0)
                continue;
            double at = x[i];
            x[i] = at + Step;
            double above = Exact(x, mask);
            x[i] = at - Step;
            slope[i] = (above - Exact(x, mask)) / (2 * Step);
            x[i] = at;
        }
        double scale = Math.Max(slope.Max(Math.Abs), 1e-3);
        for (int i = 0; i < x.Length; i++)
        {
            string name = $"{what}: gradient[{i}]";
            double allowed = mask[i / _columns] == 0 ? 0 : Close.Gradient;
            Close.Check(gradient[i], slope[i], scale, allowed, name);
        }
        NUnit.Framework.Assert.That(Loss.Weight, NUnit.Framework.Is.EqualTo(mask.Sum()));
    }

    private double Exact(double[] x, double[] mask)
    {
        double[] targets = Array.ConvertAll(Targets, v => (double)v);
        return _kind switch
        {
            "squared" => Ref.MeanSquaredError.Forward(x, targets, mask, _columns),
            "softmax" => Ref.CrossEntropy.Forward(
                x,
                Array.ConvertAll(Targets, v => (int)v),
                mask,
                Rows,
                _columns
            ),
            _ => Ref.BinaryCrossEntropy.Forward(x, targets, mask, Rows, _columns),
        };
    }

    public void Dispose()
    {
        Loss.Dispose();
        Plan.Dispose();
        _model.Dispose();
    }
}
