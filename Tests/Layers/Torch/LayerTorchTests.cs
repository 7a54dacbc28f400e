using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Torch;

/// <summary>Layers against PyTorch: the cases that PyTorch computes as the layers do, from zero states and without masks.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class LayerTorchTests(int bits, int threads)
{
    private static readonly string[] Names =
    [
        "tcn",
        "tcn_gated",
        "lru_block",
        "linear",
        "layer_norm",
        "s4d_zoh",
        "s4d_bilinear",
        "s4d_both",
        "dss_softmax",
        "dss_softmax_longer",
        "dss_exp",
        "dss_both",
        "s5_block_zoh",
        "s5_block_bilinear",
        "s5_block_both",
    ];

    private static Layer Model(TorchCase c) =>
        c.Name switch
        {
            "tcn" => new Tcn(c.Size("in"), [c.Size("out"), c.Size("out")], c.Size("kernel")),
            "tcn_gated" => new Tcn(
                c.Size("in"),
                [c.Size("out"), c.Size("out")],
                c.Size("kernel"),
                activation: TcnActivation.Gated
            ),
            "lru_block" => new LruBlock(c.Size("d"), c.Size("N")),
            "s4d_zoh" or "s4d_bilinear" or "s4d_both" => new S4D(
                c.Size("d"),
                c.Size("N"),
                new S4DOptions { Discretization = Rule(c), Bidirectional = IsBoth(c) }
            ),
            "dss_softmax" or "dss_softmax_longer" or "dss_exp" or "dss_both" => new Dss(
                c.Size("d"),
                c.Size("N"),
                new DssOptions
                {
                    Kernel = c.Name.Contains("softmax", StringComparison.Ordinal)
                        ? DssKernel.Softmax
                        : DssKernel.Exp,
                    Length = c.Option("length") is > 0 and var length ? (int)length : null,
                    Bidirectional = IsBoth(c),
                }
            ),
            "s5_block_zoh" or "s5_block_bilinear" or "s5_block_both" => new S5Block(
                c.Size("d"),
                c.Size("N"),
                new S5Options
                {
                    Discretization = Rule(c),
                    Norm = NormKind.Layer,
                    Bidirectional = IsBoth(c),
                }
            ),
            "linear" => new Linear(c.Size("in"), c.Size("out")),
            _ => new LayerNorm(c.Size("C"), (float)c.Option("eps")),
        };

    private static Discretization Rule(TorchCase c) =>
        c.Name.EndsWith("bilinear", StringComparison.Ordinal)
            ? Discretization.Bilinear
            : Discretization.ZeroOrderHold;

    private static bool IsBoth(TorchCase c) => c.Name.EndsWith("both", StringComparison.Ordinal);

    // Levels are counted, and LRU parameters named by what their logarithm is of.
    private static string Parameter(string array) =>
        array.StartsWith("level", StringComparison.Ordinal) ? array["level".Length..]
        : array is "nu" or "theta" ? $"{array}_log"
        : array;

    [TestCaseSource(nameof(Names))]
    public void A_layer_gives_what_torch_gives(string name)
    {
        var c = TorchCase.Find(name);
        Backend backend = Backends.Get(bits, threads);
        using Layer model = Model(c);
        using Plan plan = model.Plan(
            backend,
            c.Size("T"),
            c.Size("B"),
            Mode.Training,
            new PlanOptions { InputGradient = true }
        );
        foreach (string array in c.Differentiated.Where(array => array != "x"))
            plan.Parameter(Parameter(array)).Write(c.Floats(array));

        Tensor y = plan.Forward(c.Floats("x"), c.Size("T"), c.Size("B"));
        using Storage dy = backend.Allocate(y.Count, MemoryCategory.InputOutput);
        var gradient = new Tensor(dy, 0, y.Shape);
        gradient.Write(c.Floats("dy"));
        plan.Backward(gradient);

        Close.Check(y.ToArray(), c["y"], Close.Output, "y");
        foreach (string array in c.Differentiated)
        {
            Tensor actual = array == "x" ? plan.InputGradient : plan.Gradient(Parameter(array));
            Close.Check(actual.ToArray(), c[$"grad.{array}"], Close.Gradient, $"grad.{array}");
        }
    }
}
