using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;
using Ref = Sequor.Reference;

namespace Sequor.Tests.Torch;

[TestFixtureSource(typeof(Backends), nameof(Backends.Each))]
public sealed class RecurrentTorchTests(int bits, int threads)
{
    private static readonly TorchCase[] Cases =
    [
        .. TorchCase.Where(name => name.EndsWith("_zero", StringComparison.Ordinal)),
    ];

    private static string Kind(TorchCase c) => c.Name.Split('_')[0];

    [TestCaseSource(nameof(Cases))]
    public void A_recurrent_network_gives_what_torch_gives(TorchCase c)
    {
        Backend backend = Backends.Get(bits, threads);
        (int time, int batch, int layers) = (c.Size("T"), c.Size("B"), c.Size("layers"));
        using Layer model = Models.Recurrent(Kind(c), c.Size("I"), c.Size("H"), layers);
        using Plan plan = model.Plan(backend, time, batch, Mode.Training, true);
        foreach (string array in c.Differentiated.Where(array => array != "x"))
            plan.Parameter(array).Write(c.Floats(array));

        Tensor y = plan.Forward(c.Floats("x"), time, batch);
        using Storage dy = backend.Allocate(y.Count, MemoryCategory.InputOutput);
        var gradient = new Tensor(dy, 0, y.Shape);
        gradient.Write(OutputGradient(c));
        plan.Backward(gradient);

        Close.Check(y.ToArray(), c["y"], Close.Output, "y");
        foreach (string array in c.Differentiated)
        {
            double[] rest = FinalStateGradient(c, array);
            double[] expected = [.. c[$"grad.{array}"].Select((value, i) => value - rest[i])];
            Tensor actual = array == "x" ? plan.InputGradient : plan.Gradient(array);
            Close.Check(actual.ToArray(), expected, Close.Gradient, $"grad.{array}");
        }
    }

    // The top layer's final state is its last output.
    private static float[] OutputGradient(TorchCase c)
    {
        float[] dy = c.Floats("dy");
        float[] final = c.Floats("dh_n");
        int row = c.Size("B") * c.Size("H");
        for (int i = 0; i < row; i++)
            dy[dy.Length - row + i] += final[final.Length - row + i];
        return dy;
    }

    // PyTorch's gradients are also of the final states, which the layers do not give: of those of lower layers and of
    // cells. What they contribute comes from the reference.
    private static double[] FinalStateGradient(TorchCase c, string array)
    {
        Dictionary<string, double[]> values = c.Differentiated.ToDictionary(
            name => name,
            name => (double[])c[name].Clone()
        );
        int lower = (c.Size("layers") - 1) * c.Size("B") * c.Size("H");
        return Ref.CentralDifference.Gradient(Loss, values[array]);

        double Loss()
        {
            Ref.RecurrentResult result = Ref.Recurrent.Forward(
                Enum.Parse<Ref.RecurrentKind>(Kind(c), true),
                [
                    .. Enumerable
                        .Range(0, c.Size("layers"))
                        .Select(k => new Ref.RecurrentLayer(
                            k == 0 ? c.Size("I") : c.Size("H"),
                            c.Size("H"),
                            values[$"weight_ih_l{k}"],
                            values[$"weight_hh_l{k}"],
                            values[$"bias_ih_l{k}"],
                            values[$"bias_hh_l{k}"]
                        )),
                ],
                values["x"],
                c.Size("T"),
                c.Size("B")
            );
            double sum = 0;
            for (int i = 0; i < lower; i++)
                sum += result.FinalHidden[i] * c["dh_n"][i];
            for (int i = 0; i < result.FinalCell.Length; i++)
                sum += result.FinalCell[i] * c["dc_n"][i];
            return sum;
        }
    }
}
