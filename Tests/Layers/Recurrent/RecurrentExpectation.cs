using System.Collections.Concurrent;
using Sequor.Layers;
using Sequor.Tests.Charts;
using Sequor.Tests.Support;

namespace Sequor.Tests.Layers;

/// <summary>What the reference gives for the operands of a run.</summary>
internal sealed class RecurrentExpectation
{
    private const double Step = 1e-5;

    private static readonly ConcurrentDictionary<RecurrentCase, RecurrentExpectation> Made = new();

    private readonly RecurrentCase _case;
    private readonly RecurrentDescriptor _d;
    private readonly RecurrentRun _run;
    private readonly double[] _x;
    private readonly double[] _parameters;
    private readonly double[] _initialHidden;
    private readonly double[] _initialCell;
    private readonly Lazy<(string Name, double[] Values)[]> _gradients;

    public RecurrentExpectation(RecurrentCase c, RecurrentRun run)
    {
        _case = c;
        _d = c.Descriptor;
        _run = run;
        _x = Array.ConvertAll(run.X, v => (double)v);
        _parameters = Array.ConvertAll(run.Parameters, v => (double)v);
        _initialHidden = Array.ConvertAll(run.InitialHidden, v => (double)v);
        _initialCell = Array.ConvertAll(run.InitialCell, v => (double)v);
        (Y, FinalHidden, FinalCell) = Forward();
        _gradients = new(() => [.. Differences()]);
    }

    /// <summary>
    /// That of a case, made once however many backends are compared with it: their operands are the same, which is made sure of.
    /// </summary>
    public static RecurrentExpectation Of(RecurrentCase c, RecurrentRun run)
    {
        RecurrentExpectation made = Made.GetOrAdd(c, key => new RecurrentExpectation(key, run));
        made.RequireOperandsOf(run);
        return made;
    }

    /// <summary>Compares all that a run gave with what the reference gives for its operands.</summary>
    public static void Check(RecurrentCase c, RecurrentRun actual)
    {
        RecurrentExpectation expected = Of(c, actual);
        Close.Check(actual.Y, expected.Y, Close.Output, "y");
        Close.Check(actual.FinalHidden, expected.FinalHidden, Close.Output, "final hidden");
        Close.Check(actual.FinalCell, expected.FinalCell, Close.Output, "final cell");
        foreach ((string name, double[] gradient) in expected.Gradients())
            Close.Check(actual.Gradients[name], gradient, Close.Gradient, $"gradient of {name}");
    }

    public double[] Y { get; }
    public double[] FinalHidden { get; }
    public double[] FinalCell { get; }

    public IReadOnlyList<(string Name, double[] Values)> Gradients() => _gradients.Value;

    private void RequireOperandsOf(RecurrentRun run)
    {
        Close.CheckBits(run.X, _run.X, "x of the case");
        Close.CheckBits(run.Dy, _run.Dy, "dy of the case");
        Close.CheckBits(run.Parameters, _run.Parameters, "parameters of the case");
        Close.CheckBits(run.InitialHidden, _run.InitialHidden, "initial hidden of the case");
        Close.CheckBits(run.InitialCell, _run.InitialCell, "initial cell of the case");
        Close.CheckBits(
            run.FinalHiddenGradient,
            _run.FinalHiddenGradient,
            "gradient of the final hidden of the case"
        );
        Close.CheckBits(
            run.FinalCellGradient,
            _run.FinalCellGradient,
            "gradient of the final cell of the case"
        );
        NUnit.Framework.Assert.That(
            run.Masks,
            NUnit.Framework.Has.Count.EqualTo(_run.Masks.Count),
            "masks of the case"
        );
        for (int layer = 0; layer < run.Masks.Count; layer++)
            Close.CheckBits(run.Masks[layer], _run.Masks[layer], $"mask {layer} of the case");
    }

    private IEnumerable<(string Name, double[] Values)> Differences()
    {
        yield return ("x", Reference.CentralDifference.Gradient(Loss, _x));
        if (_initialHidden.Length > 0)
            yield return (
                "initial hidden",
                Reference.CentralDifference.Gradient(Loss, _initialHidden)
            );
        if (_initialCell.Length > 0)
            yield return ("initial cell", Reference.CentralDifference.Gradient(Loss, _initialCell));
        yield return ("parameters", Reference.CentralDifference.Gradient(Loss, _parameters));
    }

    /// <summary>The gradient by a run of the parameters.</summary>
    public double[] ParameterGradient(int from, int count)
    {
        double[] gradient = new double[count];
        for (int i = 0; i < count; i++)
        {
            ref double value = ref _parameters[from + i];
            double before = value;
            value = before + Step;
            double above = Loss();
            value = before - Step;
            gradient[i] = (above - Loss()) / (2 * Step);
            value = before;
        }
        return gradient;
    }

    private double Loss()
    {
        (double[] y, double[] hidden, double[] cell) = Forward();
        return Dot(y, _run.Dy)
            + Dot(hidden, _run.FinalHiddenGradient)
            + Dot(cell, _run.FinalCellGradient);
    }

    private static double Dot(double[] values, float[] weights)
    {
        double sum = 0;
        for (int i = 0; i < weights.Length; i++)
            sum += values[i] * weights[i];
        return sum;
    }

    private (double[] Y, double[] Hidden, double[] Cell) Forward()
    {
        double[] y = new double[_case.Steps * _case.Batch * _d.OutputSize];
        double[] hidden = new double[_case.HiddenCount];
        double[] cell = new double[_case.CellCount];
        for (int b = 0; b < _case.Batch; b++)
        {
            int length = _case.Length(b);
            double[] values = new double[length * _case.Inputs];
            for (int t = 0; t < length; t++)
                Array.Copy(
                    _x,
                    (t * _case.Batch + b) * _case.Inputs,
                    values,
                    t * _case.Inputs,
                    _case.Inputs
                );
            for (int layer = 0; layer < _case.Layers; layer++)
            {
                values = Layer(layer, b, values, length, hidden, cell);
                if (layer < _run.Masks.Count)
                    Drop(values, _run.Masks[layer], b);
            }
            for (int t = 0; t < length; t++)
                Array.Copy(
                    values,
                    t * _d.OutputSize,
                    y,
                    (t * _case.Batch + b) * _d.OutputSize,
                    _d.OutputSize
                );
        }
        return (y, hidden, cell);
    }

    private void Drop(double[] values, float[] mask, int b)
    {
        int width = _d.OutputSize;
        for (int i = 0; i < values.Length; i++)
            values[i] *= mask[(i / width * _case.Batch + b) * width + i % width];
    }

    // One layer on one sequence: the reverse direction sees it turned round.
    private double[] Layer(int layer, int b, double[] x, int length, double[] hidden, double[] cell)
    {
        double[] y = new double[length * _d.OutputSize];
        int inputs = _d.LayerInput(layer);
        (int h, int width) = (_case.Hidden, _d.StateSize);
        for (int direction = 0; direction < _d.Directions; direction++)
        {
            int place = (layer * _d.Directions + direction) * _case.Batch + b;
            Reference.RecurrentResult result = Reference.Recurrent.Forward(
                (Reference.RecurrentKind)_case.Kind,
                [Weights(layer, direction)],
                direction == 0 ? x : Turned(x, length, inputs),
                length,
                1,
                _initialHidden.Length == 0
                    ? null
                    : _initialHidden[(place * width)..((place + 1) * width)],
                _initialCell.Length == 0 ? null : _initialCell[(place * h)..((place + 1) * h)]
            );
            double[] output = direction == 0 ? result.Y : Turned(result.Y, length, width);
            for (int t = 0; t < length; t++)
                Array.Copy(output, t * width, y, t * _d.OutputSize + direction * width, width);
            Array.Copy(result.FinalHidden, 0, hidden, place * width, width);
            if (cell.Length > 0)
                Array.Copy(result.FinalCell, 0, cell, place * h, h);
        }
        return y;
    }

    private static double[] Turned(double[] x, int length, int width)
    {
        double[] turned = new double[x.Length];
        for (int t = 0; t < length; t++)
            Array.Copy(x, t * width, turned, (length - 1 - t) * width, width);
        return turned;
    }

    private Reference.RecurrentLayer Weights(int layer, int direction)
    {
        string place = direction == 0 ? $"l{layer}" : $"l{layer}_reverse";
        int rows = _d.Gates * _case.Hidden;
        int inputs = _d.LayerInput(layer);
        return new Reference.RecurrentLayer(
            inputs,
            _case.Hidden,
            Slice($"weight_ih_{place}", rows * inputs),
            Slice($"weight_hh_{place}", rows * _d.StateSize),
            Slice($"bias_ih_{place}", rows),
            Slice($"bias_hh_{place}", rows),
            _case.Projection == 0
                ? null
                : Slice($"weight_hr_{place}", _case.Projection * _case.Hidden),
            _case.Clip is null ? null : (_case.Clip.Min, _case.Clip.Max)
        );
    }

    // A bias that the mode lacks is zero.
    private double[] Slice(string name, int count) =>
        _run.Layout.Offsets.TryGetValue(name, out long offset)
            ? _parameters[(int)offset..((int)offset + count)]
            : new double[count];
}
