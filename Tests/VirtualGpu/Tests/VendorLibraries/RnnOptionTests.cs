using NUnit.Framework;
using Sequor.Native;
using Sequor.Reference;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>Options of recurrent nets that PyTorch's vectors do not show.</summary>
public sealed unsafe class RnnOptionTests : RnnProgram
{
    [Test]
    public void One_bias_is_that_of_its_side(
        [Values] cudnnRNNMode_t mode,
        [Values] cudnnRNNBiasMode_t bias
    )
    {
        PrepareFilled(new() { Mode = mode, Bias = bias });
        bool input =
            bias
            is cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS
                or cudnnRNNBiasMode_t.CUDNN_RNN_SINGLE_INP_BIAS;
        bool recurrent =
            bias
            is cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS
                or cudnnRNNBiasMode_t.CUDNN_RNN_SINGLE_REC_BIAS;
        Assert.That(Gate("weightSpace", 0, 0).Bias != 0, Is.EqualTo(input));
        Assert.That(Gate("weightSpace", 0, Options.Gates).Bias != 0, Is.EqualTo(recurrent));
        CheckForward(null);
    }

    [Test]
    public void Cell_states_are_clipped_where_they_are_read()
    {
        (double, double) clip = (-0.05, 0.1);
        PrepareFilled(new() { Lengths = [5, 5], Clip = clip });
        CheckForward(((double)(float)-0.05, (double)(float)0.1));
        float[] cells = Download<float>(At["cy"], Options.CellCount);
        // They are handed out as they are.
        Assert.That(cells.Max(Math.Abs), Is.GreaterThan(0.1f));
    }

    [Test]
    public void Missing_states_are_zeros_and_unwanted_ones_are_not_written()
    {
        PrepareFilled(new() { Layers = 2 });
        Write(At["hx"], new float[Options.StateCount]);
        Write(At["cx"], new float[Options.CellCount]);
        Write(At["dhy"], new float[Options.StateCount]);
        Write(At["dcy"], new float[Options.CellCount]);
        Train();
        float[] y = Download<float>(At["y"], Options.Count(Options.Outputs));
        float[] dx = Download<float>(At["dx"], Options.Count(Options.Inputs));
        foreach (string name in new[] { "hx", "cx", "hy", "cy", "dhx", "dcx", "dhy", "dcy" })
            At.Remove(name);
        Train();
        Close.CheckBits(Download<float>(At["y"], y.Length), y, "y");
        Close.CheckBits(Download<float>(At["dx"], dx.Length), dx, "dx");
    }

    [Test]
    public void Weight_gradients_are_added_to()
    {
        PrepareFilled(new() { Mode = cudnnRNNMode_t.CUDNN_GRU });
        Train();
        (nint at, _, _, _) = Gate("dweightSpace", 0, 4);
        float[] once = Download<float>(at, 16);
        Train();
        float[] twice = Download<float>(at, 16);
        Assert.That(once, Has.Some.Not.EqualTo(0f));
        Close.Check(twice, Array.ConvertAll(once, value => 2.0 * value), 1e-6, "dW");
    }

    [Test]
    public void Gates_lie_side_by_side_and_their_blocks_do_not()
    {
        Prepare(new() { Layers = 2, Projection = 2 });
        (nint first, int[] shape, nint bias, int[] biasShape) = Gate("weightSpace", 1, 0);
        Assert.That(shape, Is.EqualTo(new[] { 1, 4, 2 }));
        Assert.That(biasShape, Is.EqualTo(new[] { 1, 4, 1 }));
        Assert.That(Gate("weightSpace", 1, 1).Weights - first, Is.EqualTo((nint)(8 * 4)));
        Assert.That(Gate("weightSpace", 1, 1).Bias - bias, Is.EqualTo((nint)(4 * 4)));
        Assert.That(Gate("weightSpace", 1, 4).Weights - first, Is.GreaterThan((nint)(4 * 8 * 4)));
        (nint projection, shape, bias, biasShape) = Gate("weightSpace", 1, 8);
        Assert.That(projection != 0);
        Assert.That(shape, Is.EqualTo(new[] { 1, 2, 4 }));
        Assert.That(bias == 0);
        Assert.That(biasShape, Is.Empty);
    }

    [Test]
    public void Padding_is_filled_if_there_is_a_fill_and_undefined_if_there_is_none()
    {
        PrepareFilled(new() { Lengths = [1, 3], Fill = -7f });
        Check(Forward());
        float[] y = Download<float>(At["y"], Options.Count(Options.Outputs));
        Assert.That(y[(2 * 2 + 0) * 4], Is.EqualTo(-7f));
        Assert.That(y[(2 * 2 + 1) * 4], Is.Not.EqualTo(-7f));
        Check(SetData(XDesc, Options with { Fill = null }, Options.Inputs));
        Check(SetData(YDesc, Options with { Fill = null }, Options.Outputs));
        Check(Forward());
        Synchronize();
        lock (Device.Gate)
            Assert.Throws<VirtualFaultException>(() =>
                Device.Memory.Read<float>(At["y"] + 2 * 2 * 4 * 4, 1, "test", "y")
            );
    }

    [Test]
    public void Sizes_differ_by_algorithm_and_inference_keeps_nothing()
    {
        List<(nuint, nuint)> sizes = [];
        Prepare(new() { Hidden = 32 });
        foreach (cudnnRNNAlgo_t algorithm in Enum.GetValues<cudnnRNNAlgo_t>())
        {
            Check(SetNet(Net, Options with { Algorithm = algorithm }));
            sizes.Add(Sizes());
            Assert.That(
                Sizes(cudnnForwardMode_t.CUDNN_FWD_MODE_INFERENCE).Reserve,
                Is.EqualTo((nuint)0)
            );
        }
        Assert.That(sizes.Select(s => s.Item1), Is.Unique);
        Assert.That(sizes.Select(s => s.Item2), Is.Unique);
        Assert.That(sizes.Select(s => s.Item1), Has.None.EqualTo((nuint)0));
    }

    [Test]
    public void Every_algorithm_computes_the_same([Values] cudnnRNNAlgo_t algorithm)
    {
        PrepareFilled(new() { Hidden = 32, Algorithm = algorithm });
        Check(Dnn.cudnnBuildRNNDynamic(DnnHandle, Net, Options.Batch));
        Train();
        CheckForward(null);
    }

    [Test]
    public void Tf32_is_used_unless_plain_arithmetic_is_asked_for()
    {
        PrepareFilled(new());
        Check(Forward());
        float[] plain = Download<float>(At["y"], Options.Count(Options.Outputs));
        Check(SetNet(Net, Options with { Math = cudnnMathType_t.CUDNN_DEFAULT_MATH }));
        Check(Forward());
        float[] rounded = Download<float>(At["y"], plain.Length);
        float off = plain.Zip(rounded, (a, b) => Math.Abs(a - b)).Max();
        Assert.That(off, Is.InRange(1e-5f, 1e-3f));
    }

    [Test]
    public void Descriptors_give_back_what_they_were_set_to()
    {
        Prepare(new() { Lengths = [4, 2], Fill = 1.5f });
        int hidden;
        cudnnRNNAlgo_t algorithm;
        Check(
            Dnn.cudnnGetRNNDescriptor_v8(
                Net,
                &algorithm,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                null,
                &hidden,
                null,
                null,
                null,
                null
            )
        );
        Assert.That(hidden, Is.EqualTo(4));
        int* lengths = stackalloc int[3];
        int time;
        float fill;
        Check(
            Dnn.cudnnGetRNNDataDescriptor(XDesc, null, null, &time, null, null, 3, lengths, &fill)
        );
        Assert.That(time, Is.EqualTo(4));
        Assert.That(new Span<int>(lengths, 3).ToArray(), Is.EqualTo(new[] { 4, 2, 0 }));
        Assert.That(fill, Is.EqualTo(1.5f));
    }

    /// <summary>One layer, forward, against the reference.</summary>
    private void CheckForward((double, double)? clip)
    {
        RnnOptions o = Options;
        Check(Forward());
        float[] Rows(bool biases, int first) =>
            [
                .. Enumerable
                    .Range(first, o.Gates)
                    .SelectMany(gate =>
                    {
                        (nint weights, int[] shape, nint bias, _) = Gate("weightSpace", 0, gate);
                        if (!biases)
                            return Download<float>(weights, shape[1] * shape[2]);
                        return bias == 0 ? new float[o.Hidden] : Download<float>(bias, o.Hidden);
                    }),
            ];
        var layer = new RecurrentLayer(
            o.Inputs,
            o.Hidden,
            Doubles(Rows(false, 0)),
            Doubles(Rows(false, o.Gates)),
            Doubles(Rows(true, 0)),
            Doubles(Rows(true, o.Gates)),
            null,
            clip
        );
        RecurrentResult expected = Recurrent.Forward(
            o.Mode switch
            {
                cudnnRNNMode_t.CUDNN_RNN_RELU => RecurrentKind.Relu,
                cudnnRNNMode_t.CUDNN_RNN_TANH => RecurrentKind.Tanh,
                cudnnRNNMode_t.CUDNN_GRU => RecurrentKind.Gru,
                _ => RecurrentKind.Lstm,
            },
            [layer],
            Doubles(Download<float>(At["x"], o.Count(o.Inputs))),
            o.Time,
            o.Batch,
            Doubles(Download<float>(At["hx"], o.StateCount)),
            o.IsLstm ? Doubles(Download<float>(At["cx"], o.CellCount)) : null
        );
        Close.Check(Download<float>(At["y"], o.Count(o.Outputs)), expected.Y, Close.Output, "y");
        if (o.IsLstm)
            Close.Check(
                Download<float>(At["cy"], o.CellCount),
                expected.FinalCell,
                Close.Output,
                "cy"
            );
    }

    private static double[] Doubles(float[] values) => Array.ConvertAll(values, v => (double)v);
}
