using NUnit.Framework;
using Sequor.Native;
using Sequor.Tests.Support;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>Recurrent nets of the virtual cuDNN against what PyTorch computed, in every layout.</summary>
public sealed class RnnTorchTests : RnnProgram
{
    private static readonly TorchCase[] Cases =
    [
        .. TorchCase.Load("cudnn.json").Values.Where(c => c.OrNone("h0") is not null),
    ];

    [Test]
    public void A_training_step_gives_what_torch_gives(
        [ValueSource(nameof(Cases))] TorchCase c,
        [Values] cudnnRNNDataLayout_t layout,
        [Values] bool lengthsOnDevice
    )
    {
        RnnOptions options = OptionsOf(c) with { Layout = layout };
        Prepare(options);
        if (!lengthsOnDevice)
            At.Remove("devSeqLengths");
        WriteSteps("x", c["x"], options.Inputs);
        WriteSteps("dy", c["dy"], options.Outputs);
        Write(At["hx"], c.Floats("h0"));
        Write(At["dhy"], c.Floats("dh_n"));
        if (options.IsLstm)
        {
            Write(At["cx"], c.Floats("c0"));
            Write(At["dcy"], c.Floats("dc_n"));
        }
        foreach ((string name, int pseudo, int gate, int rows, bool bias) in Gates(options))
        {
            (nint weights, _, nint biases, _) = Gate("weightSpace", pseudo, gate);
            Write(bias ? biases : weights, Rows(c.Floats(name), gate, rows, options));
            (weights, _, biases, _) = Gate("dweightSpace", pseudo, gate);
            // They are added to.
            float[] ones = new float[Rows(c.Floats(name), gate, rows, options).Length];
            Array.Fill(ones, 1f);
            Write(bias ? biases : weights, ones);
        }

        Train();

        Close.Check(ReadSteps("y", options.Outputs), c["y"], Close.Output, "y");
        Close.Check(States("hy"), c["h_n"], Close.Output, "hy");
        Close.Check(ReadSteps("dx", options.Inputs), c["grad.x"], Close.Gradient, "dx");
        Close.Check(States("dhx"), c["grad.h0"], Close.Gradient, "dhx");
        if (options.IsLstm)
        {
            Close.Check(Cells("cy"), c["c_n"], Close.Output, "cy");
            Close.Check(Cells("dcx"), c["grad.c0"], Close.Gradient, "dcx");
        }
        foreach ((string name, int pseudo, int gate, int rows, bool bias) in Gates(options))
        {
            (nint weights, _, nint biases, _) = Gate("dweightSpace", pseudo, gate);
            float[] expected = Rows(c.Floats("grad." + name), gate, rows, options);
            float[] actual = Download<float>(bias ? biases : weights, expected.Length);
            Close.Check(
                actual,
                Array.ConvertAll(expected, value => value + 1.0),
                Close.Gradient,
                $"{name} {gate}"
            );
        }
    }

    [Test]
    public void Every_cell_projections_and_nets_without_biases_are_among_the_cases()
    {
        Assert.Multiple(() =>
        {
            foreach (string kind in new[] { "tanh", "relu", "lstm", "gru" })
                Assert.That(Cases.Count(c => c.Name.StartsWith(kind)), Is.AtLeast(2), kind);
            Assert.That(Cases.Any(c => c.SizeOr("P", 0) > 0));
            Assert.That(Cases.Any(c => c.Size("bias") == 0));
        });
    }

    private float[] States(string name) => Download<float>(At[name], Options.StateCount);

    private float[] Cells(string name) => Download<float>(At[name], Options.CellCount);

    private static RnnOptions OptionsOf(TorchCase c) =>
        new()
        {
            Mode = c.Name.Split('_')[0] switch
            {
                "tanh" => cudnnRNNMode_t.CUDNN_RNN_TANH,
                "relu" => cudnnRNNMode_t.CUDNN_RNN_RELU,
                "gru" => cudnnRNNMode_t.CUDNN_GRU,
                _ => cudnnRNNMode_t.CUDNN_LSTM,
            },
            Bias =
                c.Size("bias") == 1
                    ? cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS
                    : cudnnRNNBiasMode_t.CUDNN_RNN_NO_BIAS,
            Inputs = c.Size("I"),
            Hidden = c.Size("H"),
            Projection = c.SizeOr("P", 0),
            Layers = c.Size("layers"),
            Directions = c.Size("directions"),
            Lengths = Array.ConvertAll(c["lengths"], length => (int)length),
        };

    /// <summary>PyTorch's parameters, gate by gate.</summary>
    private static IEnumerable<(string Name, int Pseudo, int Gate, int Rows, bool Bias)> Gates(
        RnnOptions o
    )
    {
        for (int pseudo = 0; pseudo < o.Layers * o.Directions; pseudo++)
        {
            string suffix =
                $"l{pseudo / o.Directions}" + (pseudo % o.Directions == 1 ? "_reverse" : "");
            for (int gate = 0; gate < 2 * o.Gates; gate++)
            {
                string side = gate < o.Gates ? "ih" : "hh";
                yield return ($"weight_{side}_{suffix}", pseudo, gate, o.Hidden, false);
                if (o.Bias == cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS)
                    yield return ($"bias_{side}_{suffix}", pseudo, gate, o.Hidden, true);
            }
            if (o.Projection > 0)
                yield return ($"weight_hr_{suffix}", pseudo, 2 * o.Gates, o.Projection, false);
        }
    }

    /// <summary>A gate's rows of a parameter of all gates.</summary>
    private static float[] Rows(float[] all, int gate, int rows, RnnOptions o)
    {
        int gates = gate == 2 * o.Gates ? 1 : o.Gates;
        int count = all.Length / gates;
        Assert.That(count % rows, Is.Zero);
        int first = gate % o.Gates * count;
        return all[first..(first + count)];
    }
}
