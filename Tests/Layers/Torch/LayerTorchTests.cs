using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Torch;

/// <summary>Layers against PyTorch: the cases that PyTorch computes as the layers do, from zero states and without masks.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class LayerTorchTests(int bits, int threads)
{
    private static readonly string[] Names = ["tcn", "lru_block", "linear", "layer_norm"];

    private static Layer Model(TorchCase c) =>
        c.Name switch
        {
            "tcn" => new Tcn(c.Size("in"), [c.Size("out"), c.Size("out")], c.Size("kernel")),
            "lru_block" => new LruBlock(c.Size("d"), c.Size("N")),
            "linear" => new Linear(c.Size("in"), c.Size("out")),
            _ => new LayerNorm(c.Size("C"), (float)c.Option("eps")),
        };

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
