using System.Numerics;
using NUnit.Framework;
using Sequor.Reference;
using Sequor.Tests.Support;

namespace Sequor.Tests.Torch;

/// <summary>The yardstick itself: the reference in double precision against all that PyTorch computed.</summary>
public sealed class ReferenceTorchTests
{
    private const double Output = 1e-9;
    private const double Slope = 1e-6;

    private static readonly string[] Optimizers = ["sgd", "sgd_momentum", "rmsprop", "adam"];

    private static readonly TorchCase[] Cases =
    [
        .. TorchCase.Where(name => !Optimizers.Contains(name)),
    ];

    [TestCaseSource(nameof(Cases))]
    public void The_reference_gives_what_torch_gives(TorchCase c)
    {
        // Changed and restored by the differences.
        Dictionary<string, double[]> a = c.Arrays.ToDictionary(
            name => name,
            name => (double[])c[name].Clone()
        );

        foreach ((string name, double[] output) in Forward(c, a))
            Check(output, c[name], Output, name);
        foreach (string name in c.Differentiated)
        {
            double[] gradient = CentralDifference.Gradient(Loss, a[name]);
            Check(gradient, c[$"grad.{name}"], Slope, $"grad.{name}");
        }

        double Loss() =>
            Forward(c, a)
                .Sum(output => output.Value.Zip(a[$"d{output.Key}"], (y, dy) => y * dy).Sum());
    }

    [TestCaseSource(nameof(Optimizers))]
    public void The_references_optimizers_step_as_torch_does(string name)
    {
        var c = TorchCase.Find(name);
        double[][] parameters =
        [
            [.. c["param.a"]],
            [.. c["param.b"]],
        ];
        Action<double[][], double[][]> update = name switch
        {
            "rmsprop" => new RmsProp(c.Option("lr")).Step,
            "adam" => new Adam(c.Option("lr")).Step,
            "sgd" or "sgd_momentum" => new Sgd(c.Option("lr"), c.Option("momentum")).Step,
            _ => throw new ArgumentException(name, nameof(name)),
        };
        for (int step = 1; step <= c.Size("steps"); step++)
        {
            double[][] gradients =
            [
                [.. c[$"step{step}.gradient.a"]],
                [.. c[$"step{step}.gradient.b"]],
            ];
            double norm = GradientClip.Apply(gradients, c.Option("max_norm"));
            update(parameters, gradients);

            Check([norm], c[$"step{step}.norm"], Output, $"norm of step {step}");
            Check(parameters[0], c[$"step{step}.param.a"], Output, $"a after step {step}");
            Check(parameters[1], c[$"step{step}.param.b"], Output, $"b after step {step}");
        }
    }

    private static void Check(double[] actual, double[] expected, double tolerance, string what)
    {
        Assert.That(actual, Has.Length.EqualTo(expected.Length), what);
        for (int i = 0; i < actual.Length; i++)
            Close.Check(actual[i], expected[i], 1, tolerance, $"{what}[{i}]");
    }

    private static Dictionary<string, double[]> Forward(TorchCase c, Dictionary<string, double[]> a)
    {
        string kind = c.Name.Split('_')[0];
        if (kind is "tanh" or "relu" or "lstm" or "gru")
            return RecurrentOutputs(c, a, Enum.Parse<RecurrentKind>(kind, true));
        return new() { ["y"] = Single(c, a) };
    }

    private static Dictionary<string, double[]> RecurrentOutputs(
        TorchCase c,
        Dictionary<string, double[]> a,
        RecurrentKind kind
    )
    {
        RecurrentLayer[] layers =
        [
            .. Enumerable
                .Range(0, c.Size("layers"))
                .Select(k => new RecurrentLayer(
                    k == 0 ? c.Size("I") : c.SizeOr("P", c.Size("H")),
                    c.Size("H"),
                    a[$"weight_ih_l{k}"],
                    a[$"weight_hh_l{k}"],
                    a[$"bias_ih_l{k}"],
                    a[$"bias_hh_l{k}"],
                    a.GetValueOrDefault($"weight_hr_l{k}")
                )),
        ];
        RecurrentResult result = Recurrent.Forward(
            kind,
            layers,
            a["x"],
            c.Size("T"),
            c.Size("B"),
            a.GetValueOrDefault("h0"),
            a.GetValueOrDefault("c0")
        );
        var outputs = new Dictionary<string, double[]>
        {
            ["y"] = result.Y,
            ["h_n"] = result.FinalHidden,
        };
        if (kind == RecurrentKind.Lstm)
            outputs["c_n"] = result.FinalCell;
        return outputs;
    }

    private static double[] Single(TorchCase c, Dictionary<string, double[]> a)
    {
        switch (c.Name)
        {
            case "causal_conv" or "causal_conv_short":
                return CausalConv.Forward(
                    a["x"],
                    a["weight"],
                    a["bias"],
                    c.Size("T"),
                    c.Size("B"),
                    c.Size("in"),
                    c.Size("out"),
                    c.Size("kernel"),
                    c.Size("dilation")
                );
            case "tcn" or "tcn_masks":
                return Tcn.Forward(
                    [.. Enumerable.Range(0, c.Size("levels")).Select(k => Level(c, a, k))],
                    a["x"],
                    c.Size("T"),
                    c.Size("B"),
                    c.Name == "tcn"
                        ? null
                        :
                        [
                            a["level0.mask1"],
                            a["level0.mask2"],
                            a["level1.mask1"],
                            a["level1.mask2"],
                        ]
                );
            case "tcn_gated":
                return Enumerable
                    .Range(0, c.Size("levels"))
                    .Aggregate(
                        a["x"],
                        (x, k) =>
                            Tcn.Block(
                                Level(c, a, k),
                                x,
                                c.Size("T"),
                                c.Size("B"),
                                1 << k,
                                gated: true
                            )
                    );
            case "lru":
                return Lru.Forward(Unit(c, a), a["x"], c.Size("T"), c.Size("B"));
            case "lru_block" or "lru_block_masks":
                return LruBlock.Forward(
                    new LruBlockParameters(
                        a["norm.weight"],
                        a["norm.bias"],
                        Unit(c, a),
                        a["out.weight"],
                        a["out.bias"]
                    ),
                    a["x"],
                    c.Size("T"),
                    c.Size("B"),
                    a.GetValueOrDefault("mask1"),
                    a.GetValueOrDefault("mask2")
                );
            case "s4d_zoh" or "s4d_both":
                return StateSpaces(c, a, StateSpaceKind.ZeroOrderHold, "log_A_real", "A_imag", "C");
            case "s4d_bilinear":
                return StateSpaces(c, a, StateSpaceKind.Bilinear, "log_A_real", "A_imag", "C");
            case "dss_softmax" or "dss_softmax_longer":
                return StateSpaces(c, a, StateSpaceKind.Softmax, "Lambda_re", "Lambda_im", "W");
            case "dss_exp" or "dss_both":
                return StateSpaces(c, a, StateSpaceKind.Exp, "Lambda_log_neg_re", "Lambda_im", "W");
            case "s5_block_zoh" or "s5_block_bilinear" or "s5_block_both":
                return S5Block(c, a);
            case "linear":
                return Linear.Forward(
                    a["x"],
                    a["weight"],
                    a["bias"],
                    c.Size("T") * c.Size("B"),
                    c.Size("in"),
                    c.Size("out")
                );
            case "layer_norm":
                return LayerNorm.Forward(
                    a["x"],
                    a["weight"],
                    a["bias"],
                    c.Size("T") * c.Size("B"),
                    c.Size("C"),
                    c.Option("eps")
                );
            case "mse":
                return [MeanSquaredError.Forward(a["x"], a["target"])];
            case "cross_entropy":
                return
                [
                    CrossEntropy.Forward(
                        a["x"],
                        Array.ConvertAll(a["target"], v => (int)v),
                        a["mask"],
                        c.Size("T") * c.Size("B"),
                        c.Size("K")
                    ),
                ];
            default:
                throw new NotSupportedException(c.Name);
        }
    }

    private static double[] StateSpaces(
        TorchCase c,
        Dictionary<string, double[]> a,
        StateSpaceKind kind,
        string real,
        string imaginary,
        string weights
    ) =>
        StateSpace.Forward(
            new StateSpaceParameters(
                kind,
                c.Size("d"),
                c.Size("N"),
                a["log_dt"],
                a[real],
                a[imaginary],
                a[weights],
                a["D"],
                a[weights].Length / (2 * c.Size("d") * c.Size("N"))
            ),
            a["x"],
            c.Size("T"),
            c.Size("B"),
            (int)c.Option("length")
        );

    private static double[] S5Block(TorchCase c, Dictionary<string, double[]> a)
    {
        (int time, int batch, int d, int states) = (
            c.Size("T"),
            c.Size("B"),
            c.Size("d"),
            c.Size("N")
        );
        (Complex Lambda, Complex Factor)[] sampled =
        [
            .. Enumerable
                .Range(0, states)
                .Select(n =>
                {
                    var eigenvalue = new Complex(a["Lambda_re"][n], a["Lambda_im"][n]);
                    double dt = Math.Exp(a["log_step"][n]);
                    return c.Name == "s5_block_bilinear"
                        ? S5.Bilinear(eigenvalue, dt)
                        : S5.Held(eigenvalue, dt);
                }),
        ];
        var recurrence = new DiagonalRecurrence(
            [.. sampled.Select(s => s.Lambda)],
            [.. sampled.Select(s => s.Factor)],
            2,
            a["B_re"],
            a["B_im"],
            a["C_re"],
            a["C_im"],
            a["D"],
            c.Name == "s5_block_both" ? 2 : 1
        );
        double[] z = LayerNorm.Forward(
            a["x"],
            a["norm.weight"],
            a["norm.bias"],
            time * batch,
            d,
            1e-5
        );
        double[] g = [.. recurrence.Forward(z, time, batch).Select(Activation.Gelu)];
        double[] gate = Linear.Forward(g, a["out.weight"], a["out.bias"], time * batch, d, d);
        return [.. a["x"].Select((x, i) => x + (g[i] * Activation.Sigmoid(gate[i])))];
    }

    private static TcnLevel Level(TorchCase c, Dictionary<string, double[]> a, int k) =>
        new(
            k == 0 ? c.Size("in") : c.Size("out"),
            c.Size("out"),
            c.Size("kernel"),
            a[$"level{k}.conv1.weight_v"],
            a[$"level{k}.conv1.weight_g"],
            a[$"level{k}.conv1.bias"],
            a[$"level{k}.conv2.weight_v"],
            a[$"level{k}.conv2.weight_g"],
            a[$"level{k}.conv2.bias"],
            a.GetValueOrDefault($"level{k}.downsample.weight"),
            a.GetValueOrDefault($"level{k}.downsample.bias")
        );

    private static LruParameters Unit(TorchCase c, Dictionary<string, double[]> a) =>
        new(
            c.Size("d"),
            c.Size("N"),
            a["nu"],
            a["theta"],
            a["gamma_log"],
            a["B_re"],
            a["B_im"],
            a["C_re"],
            a["C_im"],
            a["D"]
        );
}
