using NUnit.Framework;
using Sequor.Reference;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>The naive backward of the virtual cuDNN against differences of the reference's forward.</summary>
public sealed class RnnSequenceTests
{
    // cuDNN has no linear mode.
    private static readonly RecurrentKind[] Kinds =
    [
        .. Enum.GetValues<RecurrentKind>().Except([RecurrentKind.Linear]),
    ];

    [Test]
    public void All_gradients_are_differences_of_the_reference(
        [ValueSource(nameof(Kinds))] RecurrentKind kind,
        [Values(1, 4)] int steps,
        [Values(1, 3)] int hidden
    ) => Check(kind, steps, 2, hidden, null, null);

    [Test]
    public void So_they_are_with_a_projection_and_with_clipping([Values(1, 5)] int steps)
    {
        Check(RecurrentKind.Lstm, steps, 3, 4, 2, null);
        // Some cells are within these bounds, some are not.
        Check(RecurrentKind.Lstm, steps, 3, 4, null, (-0.2, 0.3));
        Check(RecurrentKind.Lstm, steps, 1, 3, 1, (-0.1, 0.5));
    }

    private static void Check(
        RecurrentKind kind,
        int steps,
        int inputs,
        int hidden,
        int? projection,
        (double, double)? clip
    )
    {
        var random = new Random(5);
        (int rows, int state) = (RecurrentCell.Gates(kind) * hidden, projection ?? hidden);
        var layer = new RecurrentLayer(
            inputs,
            hidden,
            Draw(rows * inputs),
            Draw(rows * state),
            Draw(rows),
            Draw(rows),
            projection is null ? null : Draw(state * hidden),
            clip
        );
        (double[] x, double[] h0, double[] c0) = (Draw(steps * inputs), Draw(state), Draw(hidden));
        (double[] dy, double[] dh, double[] dc) = (Draw(steps * state), Draw(state), Draw(hidden));
        double Loss()
        {
            RecurrentResult result = Recurrent.Forward(kind, [layer], x, steps, 1, h0, c0);
            return Dot(result.Y, dy)
                + Dot(result.FinalHidden, dh)
                + (kind == RecurrentKind.Lstm ? Dot(result.FinalCell, dc) : 0);
        }

        (double[] h, double[] c) = ([.. h0], [.. c0]);
        RnnTrace trace = RnnSequence.Forward(kind, layer, x, steps, h, c);
        double[] before = [.. h0, .. trace.States[..^state]];
        double[] dx = new double[x.Length];
        (double[] dh0, double[] dc0) = ([.. dh], [.. dc]);
        RnnDeltas deltas = RnnSequenceBackward.Data(
            kind,
            layer,
            trace,
            before,
            c0,
            dy,
            dh0,
            dc0,
            dx
        );
        var gradient = new RecurrentLayer(
            inputs,
            hidden,
            new double[layer.WeightIh.Length],
            new double[layer.WeightHh.Length],
            new double[rows],
            new double[rows],
            projection is null ? null : new double[state * hidden]
        );
        RnnSequenceBackward.Weights(deltas, x, before, trace.Unprojected, gradient);

        Same(dx, x, "dx");
        Same(dh0, h0, "dh0");
        if (kind == RecurrentKind.Lstm)
            Same(dc0, c0, "dc0");
        Same(gradient.WeightIh, layer.WeightIh, "dW_ih");
        Same(gradient.WeightHh, layer.WeightHh, "dW_hh");
        Same(gradient.BiasIh, layer.BiasIh, "db_ih");
        Same(gradient.BiasHh, layer.BiasHh, "db_hh");
        if (projection is not null)
            Same(gradient.WeightHr!, layer.WeightHr!, "dW_hr");

        void Same(double[] actual, double[] parameters, string what)
        {
            double[] expected = CentralDifference.Gradient(Loss, parameters);
            for (int i = 0; i < expected.Length; i++)
                Close.Check(actual[i], expected[i], 1, 1e-8, $"{what}[{i}]");
        }

        double[] Draw(int count) =>
            [.. Enumerable.Range(0, count).Select(_ => random.NextDouble() * 2 - 1)];
    }

    private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();
}
