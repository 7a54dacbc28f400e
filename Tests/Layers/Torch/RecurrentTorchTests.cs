using NUnit.Framework;
using Sequor.Layers;
using Sequor.Tests.Support;

namespace Sequor.Tests.Torch;

/// <summary>Outputs, states and gradients of recurrent networks against values recorded from PyTorch.</summary>
[TestFixtureSource(typeof(Backends), nameof(Backends.Recurrent))]
public sealed class RecurrentTorchTests(int bits, int threads, bool sharesUnits)
{
    private static readonly string[] States = ["h0", "c0"];

    private static readonly TorchCase[] Cases =
    [
        .. TorchCase.Where(name => Models.RecurrentKinds.Contains(Kind(name))),
    ];

    private static string Kind(string name) => name.Split('_')[0];

    [TestCaseSource(nameof(Cases))]
    public void A_recurrent_network_gives_what_torch_gives(TorchCase c)
    {
        Backend backend = Backends.Get(bits, threads, sharesUnits);
        (int time, int batch) = (c.Size("T"), c.Size("B"));
        using Layer model = Model(c);
        using Plan plan = model.Plan(
            backend,
            time,
            batch,
            Mode.Training,
            new PlanOptions { InputGradient = true, States = true }
        );
        RecurrentStates states = plan.States[""];
        foreach (string array in c.Differentiated)
        {
            if (array == "x")
                continue;
            Tensor tensor = array switch
            {
                "h0" => states.Initial(batch).Hidden,
                "c0" => states.Initial(batch).Cell,
                _ => plan.Parameter(array),
            };
            tensor.Write(c.Floats(array));
        }

        Tensor y = plan.Forward(c.Floats("x"), time, batch);
        Close.Check(y.ToArray(), c["y"], Close.Output, "y");
        Close.Check(states.Final.Hidden.ToArray(), c["h_n"], Close.Output, "h_n");
        states.FinalGradient.Hidden.Write(c.Floats("dh_n"));
        if (c.OrNone("c_n") is { } cells)
        {
            Close.Check(states.Final.Cell.ToArray(), cells, Close.Output, "c_n");
            states.FinalGradient.Cell.Write(c.Floats("dc_n"));
        }
        using Storage dy = backend.Allocate(y.Count, MemoryCategory.InputOutput);
        var gradient = new Tensor(dy, 0, y.Shape);
        gradient.Write(c.Floats("dy"));
        plan.Backward(gradient);

        foreach (string array in c.Differentiated)
        {
            Tensor actual = array switch
            {
                "x" => plan.InputGradient,
                "h0" => states.InitialGradient.Hidden,
                "c0" => states.InitialGradient.Cell,
                _ => plan.Gradient(array),
            };
            Close.Check(actual.ToArray(), c[$"grad.{array}"], Close.Gradient, $"grad.{array}");
        }
    }

    [Test]
    public void States_and_projections_are_among_the_cases()
    {
        Assert.Multiple(() =>
        {
            foreach (string array in States)
                Assert.That(Cases.Any(c => c.Differentiated.Contains(array)), array);
            Assert.That(Cases.Count(c => c.SizeOr("P", 0) > 0), Is.EqualTo(2));
        });
    }

    private static Layer Model(TorchCase c)
    {
        (int inputs, int hidden, int layers) = (c.Size("I"), c.Size("H"), c.Size("layers"));
        int projection = c.SizeOr("P", 0);
        return projection == 0
            ? Models.Recurrent(Kind(c.Name), inputs, hidden, layers)
            : new Lstm(
                inputs,
                hidden,
                new RecurrentOptions { Layers = layers, ProjectionSize = projection }
            );
    }
}
