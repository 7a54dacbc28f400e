using NUnit.Framework;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>The dropout between the layers of recurrent nets, and its descriptors.</summary>
public sealed unsafe class RnnDropoutTests : RnnProgram
{
    [Test]
    public void Dropout_repeats_by_its_seed_and_backward_replays_its_mask(
        [Values(1, 2)] int directions
    )
    {
        cudnnDropoutDescriptor_t dropout = NewDropout(0.5f, 3, out nint states);
        PrepareFilled(
            new()
            {
                Mode = cudnnRNNMode_t.CUDNN_RNN_TANH,
                Layers = 3,
                Hidden = 8,
                Directions = directions,
                Lengths = [4, 3],
                Dropout = dropout,
            }
        );
        // Whatever is undefined in y would be in the sums below.
        Options = Options with
        {
            Fill = 0,
        };
        Check(SetData(XDesc, Options, Options.Inputs));
        Check(SetData(YDesc, Options, Options.Outputs));
        float[] first = Outputs();
        Close.CheckBits(Outputs(), first, "y");
        Check(Forward());
        Assert.That(Download<float>(At["y"], first.Length), Is.Not.EqualTo(first));
        Check(Forward(cudnnForwardMode_t.CUDNN_FWD_MODE_INFERENCE));
        Assert.That(Download<float>(At["y"], first.Length), Is.Not.EqualTo(first));

        Write(At["dhy"], new float[Options.StateCount]);
        Outputs();
        Check(BackwardData());
        float[] dx = Download<float>(At["dx"], Options.Count(Options.Inputs));
        float[] x = Download<float>(At["x"], dx.Length);
        float[] dy = Download<float>(At["dy"], first.Length);
        foreach (int i in new[] { 0, 5, 10 })
        {
            const float step = 1f / 64;
            double slope = (Loss(i, step) - Loss(i, -step)) / (2 * step);
            Close.Check(dx[i], slope, 1, 2e-3, $"dx[{i}]");
        }

        double Loss(int at, float step)
        {
            float[] moved = [.. x];
            moved[at] += step;
            Write(At["x"], moved);
            double loss = Outputs().Zip(dy, (a, b) => (double)a * b).Sum();
            Write(At["x"], x);
            return loss;
        }

        float[] Outputs()
        {
            nuint bytes;
            Check(Dnn.cudnnDropoutGetStatesSize(DnnHandle, &bytes));
            Check(Dnn.cudnnSetDropoutDescriptor(dropout, DnnHandle, 0.5f, (void*)states, bytes, 3));
            Check(Forward());
            return Download<float>(At["y"], Options.Count(Options.Outputs));
        }
    }

    // Identities without recurrence: what comes out of a direction is what its mask let through, of the lower layer's outputs.
    [TestCase(new[] { 4, 4, 4 }, "SEQ_MAJOR_UNPACKED")]
    [TestCase(new[] { 2, 4, 3 }, "SEQ_MAJOR_UNPACKED")]
    [TestCase(new[] { 2, 4, 4, 1 }, "BATCH_MAJOR_UNPACKED")]
    [TestCase(new[] { 4, 3, 1 }, "SEQ_MAJOR_PACKED")]
    public void Each_direction_of_the_next_layer_draws_a_mask_of_its_own_for_the_steps_there_are(
        int[] lengths,
        string layout
    )
    {
        const int hidden = 32;
        const float rate = 0.5f;
        cudnnDropoutDescriptor_t dropout = NewDropout(rate, 77, out nint states);
        PrepareFilled(
            new()
            {
                Mode = cudnnRNNMode_t.CUDNN_RNN_RELU,
                Bias = cudnnRNNBiasMode_t.CUDNN_RNN_NO_BIAS,
                Layers = 2,
                Directions = 2,
                Inputs = hidden,
                Hidden = hidden,
                Lengths = lengths,
                Layout = Enum.Parse<cudnnRNNDataLayout_t>("CUDNN_RNN_DATA_LAYOUT_" + layout),
                Fill = 0,
                Dropout = dropout,
            }
        );
        Write(At["weightSpace"], new float[(int)WeightBytes / sizeof(float)]);
        for (int pseudo = 0; pseudo < 4; pseudo++)
        {
            (nint weights, int[] shape, _, _) = Gate("weightSpace", pseudo, 0);
            float[] identity = new float[shape[1] * shape[2]];
            for (int i = 0; i < hidden; i++)
                identity[i * shape[2] + i] = 1;
            Write(weights, identity);
        }
        Write(At["x"], [.. Enumerable.Repeat(1f, Options.Count(hidden))]);
        Write(At["hx"], new float[Options.StateCount]);
        Check(Forward());
        float[] y = ReadSteps("y", 2 * hidden);

        // The same numbers again, for both directions one after the other.
        nint again = Allocate(DropoutStates.Bytes);
        double[] drawn;
        lock (Device.Gate)
        {
            DropoutStates.Begin(Device.Memory, again, 77, "test");
            drawn = DropoutStates.Draw(
                Device.Memory,
                again,
                rate,
                2 * lengths.Sum() * 2 * hidden,
                "test"
            );
        }
        int place = 0;
        int[] longestFirst =
        [
            .. lengths.Index().OrderByDescending(l => l.Item).Select(l => l.Index),
        ];
        for (int t = 0; t < lengths.Max(); t++)
            foreach (int b in longestFirst.Where(b => t < lengths[b]))
            {
                for (int direction = 0; direction < 2; direction++)
                for (int i = 0; i < hidden; i++)
                    Assert.That(
                        y[(t * lengths.Length + b) * 2 * hidden + direction * hidden + i],
                        Is.EqualTo(drawn[(direction * lengths.Sum() + place) * 2 * hidden + i]),
                        $"step {t} of {b}, direction {direction}, {i}"
                    );
                place++;
            }
        // Nothing was drawn for padding.
        long[] words = Download<long>(states, 3);
        Assert.That(words[2], Is.EqualTo(2 * lengths.Sum() * 2 * hidden));
    }

    [Test]
    public void A_net_needs_a_dropout_descriptor_even_if_it_drops_nothing()
    {
        cudnnStatus_t Set(cudnnDropoutDescriptor_t dropout) =>
            Dnn.cudnnSetRNNDescriptor_v8(
                NewNet(),
                cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD,
                cudnnRNNMode_t.CUDNN_GRU,
                cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS,
                cudnnDirectionMode_t.CUDNN_UNIDIRECTIONAL,
                cudnnRNNInputMode_t.CUDNN_LINEAR_INPUT,
                cudnnDataType_t.CUDNN_DATA_FLOAT,
                cudnnDataType_t.CUDNN_DATA_FLOAT,
                cudnnMathType_t.CUDNN_FMA_MATH,
                3,
                4,
                4,
                1,
                dropout,
                0
            );
        Refused(Set(default), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "dropoutDesc is null");
        Check(Set(NoDropout()));
    }

    [Test]
    public void Dropout_descriptors_take_and_refuse_what_hardware_does()
    {
        cudnnDropoutDescriptor_t dropout = NewDropout(0.5f, 3, out nint states);
        nuint bytes;
        Check(Dnn.cudnnDropoutGetStatesSize(DnnHandle, &bytes));
        Refused(
            Dnn.cudnnSetDropoutDescriptor(dropout, DnnHandle, 0.5f, (void*)states, bytes - 1, 3),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "stateSizeInBytes"
        );
        Refused(
            Dnn.cudnnRestoreDropoutDescriptor(
                dropout,
                DnnHandle,
                0.5f,
                (void*)states,
                bytes - 1,
                3
            ),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "stateSizeInBytes"
        );
        // No states leave those that the descriptor has.
        Check(Dnn.cudnnSetDropoutDescriptor(dropout, DnnHandle, 0.25f, null, 0, 9));
        float rate;
        void* kept;
        ulong seed;
        Check(Dnn.cudnnGetDropoutDescriptor(dropout, DnnHandle, &rate, &kept, &seed));
        Assert.That((rate, (nint)kept, seed), Is.EqualTo((0.25f, states, 9ul)));
        // cuDNN takes a rate that is none; it is a misuse all the same.
        Check(Dnn.cudnnSetDropoutDescriptor(dropout, DnnHandle, 1.5f, (void*)states, bytes, 3));
        Assert.That(Device.TakeFaults().Single().Detail, Does.Contain("dropout is 1.5"));
        // A rate without any states cannot be drawn.
        cudnnDropoutDescriptor_t without = NewDropout(0, 3, out _);
        PrepareFilled(new() { Layers = 2, Dropout = NoDropout() });
        Check(Dnn.cudnnSetDropoutDescriptor(NoDropout(), DnnHandle, 0.5f, null, 0, 1));
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "no states");
        Check(SetNet(Net, Options with { Dropout = without }));
        Check(Forward());
    }

    [Test]
    public void States_that_no_call_filled_are_found()
    {
        cudnnDropoutDescriptor_t dropout = NewDropout(0.5f, 3, out _);
        PrepareFilled(new() { Layers = 2, Dropout = dropout });
        nuint bytes;
        Check(Dnn.cudnnDropoutGetStatesSize(DnnHandle, &bytes));
        nint states = Upload(new float[(int)bytes / sizeof(float)]);
        Check(Dnn.cudnnRestoreDropoutDescriptor(dropout, DnnHandle, 0.5f, (void*)states, bytes, 3));
        Check(Forward());
        Faults(FaultKind.BadArgument, "cudnnRNNForward", "dropout states", "did not write");
    }
}
