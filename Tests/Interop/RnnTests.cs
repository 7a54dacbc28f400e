using NUnit.Framework;
using Sequor.Interop;
using Sequor.Native;
using Sequor.Tests.Support;

namespace Sequor.Tests.Interop;

/// <summary>cuDNN's recurrent calls.</summary>
public sealed class RnnTests : InteropFixture
{
    private CuDnnHandle _handle = null!;

    private static RnnSettings Small(cudnnRNNMode_t mode) =>
        new()
        {
            Mode = mode,
            InputSize = 3,
            HiddenSize = 5,
            Layers = 2,
        };

    [SetUp]
    public void Open() => _handle = CuDnnHandle.Create(Stream);

    [TearDown]
    public void Close() => _handle.Dispose();

    [TestCase(cudnnRNNMode_t.CUDNN_LSTM)]
    [TestCase(cudnnRNNMode_t.CUDNN_GRU)]
    [TestCase(cudnnRNNMode_t.CUDNN_RNN_TANH)]
    public void Forward_and_gradients_are_those_of_the_naive_net(cudnnRNNMode_t mode)
    {
        using var run = new RnnRun(_handle, Small(mode), 4, 4, 4);
        run.Calls.Forward(training: true, run.Tensors);
        float[] y = run.Read(run.Tensors.Y);
        double[] expected = run.Expected();
        for (int i = 0; i < y.Length; i++)
            Assert.That(y[i], Is.EqualTo(expected[i]).Within(1e-5));
        run.Calls.BackwardData(run.Tensors);
        run.Calls.BackwardWeights(run.Tensors);

        float[] dy = run.Read(run.Tensors.Dy),
            dx = run.Read(run.Tensors.Dx),
            dw = run.Read(run.Tensors.WeightGradients),
            x = run.Read(run.Tensors.X),
            w = run.Weights();
        for (int i = 0; i < x.Length; i += 5)
            Near(dx[i], x, i, changed => run.Expected(x: changed));
        foreach (long i in run.Used().Where((_, n) => n % 7 == 0))
            Near(dw[i], w, i, changed => run.Expected(weights: changed));

        void Near(float gradient, float[] at, long i, Func<float[], double[]> forward)
        {
            float kept = at[i];
            at[i] = kept + 1e-2f;
            double up = forward(at).Zip(dy, (p, q) => p * q).Sum();
            float above = at[i];
            at[i] = kept - 1e-2f;
            double down = forward(at).Zip(dy, (p, q) => p * q).Sum();
            double slope = (up - down) / (above - at[i]);
            at[i] = kept;
            Assert.That(gradient, Is.EqualTo(slope).Within(2e-4), $"{i}");
        }
    }

    [Test]
    public void Weights_lie_apart_within_the_weight_space()
    {
        using var net = RnnDescriptor.Create(
            _handle,
            Small(cudnnRNNMode_t.CUDNN_LSTM) with
            {
                ProjectionSize = 2,
                Direction = cudnnDirectionMode_t.CUDNN_BIDIRECTIONAL,
            }
        );
        IReadOnlyList<RnnWeight> weights = net.Weights(_handle);
        long bytes = net.WeightSpaceBytes(_handle);

        // 4 layers and directions of 8 matrices with biases, and a projection without.
        Assert.That(weights, Has.Count.EqualTo(4 * 17));
        var inputs = weights.Where(w => !w.IsBias && w.LinearLayer == 0).ToArray();
        Assert.That(inputs.Select(w => w.Columns), Is.EqualTo(new[] { 3, 3, 4, 4 }));
        Assert.That(inputs.Select(w => w.Rows), Is.All.EqualTo(5));
        RnnWeight projection = weights.First(w => w.LinearLayer == 8);
        Assert.That((projection.Rows, projection.Columns), Is.EqualTo((2, 5)));
        RnnWeight[] sorted = [.. weights.OrderBy(w => w.Offset)];
        for (int i = 1; i < sorted.Length; i++)
            Assert.That(
                sorted[i].Offset,
                Is.GreaterThanOrEqualTo(sorted[i - 1].Offset + sorted[i - 1].Count)
            );
        Assert.That((sorted[^1].Offset + sorted[^1].Count) * 4, Is.LessThanOrEqualTo(bytes));
    }

    [TestCase(0, "1 to the hidden size 5")]
    [TestCase(6, "1 to the hidden size 5")]
    public void A_projection_that_cannot_be_is_refused(int size, string why) =>
        Refused(Small(cudnnRNNMode_t.CUDNN_LSTM) with { ProjectionSize = size }, why);

    [Test]
    public void Settings_that_do_not_go_together_are_refused_before_any_call()
    {
        RnnSettings gru = Small(cudnnRNNMode_t.CUDNN_GRU),
            lstm = Small(cudnnRNNMode_t.CUDNN_LSTM);
        Refused(gru with { ProjectionSize = 2 }, "has no projection");
        Refused(gru with { Clip = (-1, 1) }, "has no cell state to clip");
        Refused(lstm with { Clip = (1, 1) }, "has to be below");
        Refused(lstm with { Clip = (double.NaN, 1) }, "has to be below");
        Refused(lstm with { Input = cudnnRNNInputMode_t.CUDNN_SKIP_INPUT }, "hidden size 5");
        Refused(
            lstm with
            {
                ProjectionSize = 2,
                Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC,
            },
            "takes no projection"
        );
        Refused(lstm with { InputSize = 0 }, "InputSize");
        Refused(lstm with { HiddenSize = -1 }, "HiddenSize");
        Refused(lstm with { Layers = 0 }, "Layers");
    }

    [Test]
    public void What_cuDNN_refuses_is_an_error_in_its_own_words()
    {
        // Only cuDNN knows which sizes its algorithms take.
        var error = Assert.Throws<CudnnException>(() =>
        {
            using var run = new RnnRun(
                _handle,
                Small(cudnnRNNMode_t.CUDNN_LSTM) with
                {
                    HiddenSize = 4099,
                    Layers = 1,
                    Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H,
                },
                1,
                1
            );
        });

        Assert.That(error.IsNotSupported, Is.True);
        Assert.That(error.Detail, Is.Not.Empty);
        Assert.That(error.Message, Does.Contain(error.Detail).And.Contain(error.StatusName));
    }

    [Test]
    public void Lengths_that_cannot_be_are_refused()
    {
        using var data = RnnDataDescriptor.Create(Context);
        const cudnnRNNDataLayout_t padded =
                cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED,
            packed = cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
        Refused(padded, [3, 5], "1 has 5 steps; 0 to 4");
        Refused(padded, [-1], "0 has -1 steps");
        Refused(padded, [], "1 sequence at least");
        Refused(packed, [4, 0], "1 to 4");
        Refused(packed, [4, 2, 3], "sequence 2 has 3 steps, the one before it 2");
        Refused(packed, [3, 2], "it has 3 steps, and the batch 4");
        data.Set(cudnnDataType_t.CUDNN_DATA_FLOAT, packed, 4, 2, [4, 2, 2, 1]);
        Assert.That(data.ElementCount, Is.EqualTo(18));
        Assert.That(data.IsFull, Is.False);
        data.Set(cudnnDataType_t.CUDNN_DATA_FLOAT, padded, 4, 2, [4, 0]);
        Assert.That(data.ElementCount, Is.EqualTo(16));
        Assert.That(data.Lengths.ToArray(), Is.EqualTo(new[] { 4, 0 }));

        void Refused(cudnnRNNDataLayout_t layout, int[] lengths, string why)
        {
            var error = Assert.Catch<ArgumentException>(() =>
                data.Set(cudnnDataType_t.CUDNN_DATA_FLOAT, layout, 4, 2, lengths)
            );
            Assert.That(error.Message, Does.Contain(why));
        }
    }

    [Test]
    public void Lengths_and_layouts_need_a_net_that_takes_them([Values(2, 4)] int second)
    {
        RnnSettings lstm = Small(cudnnRNNMode_t.CUDNN_LSTM);
        var error = Assert.Throws<ArgumentException>(() =>
            new RnnRun(_handle, lstm with { PaddedIO = false }, 4, 4, second).Dispose()
        );
        Assert.That(error.Message, Does.Contain("PaddedIO"));
        error = Assert.Throws<ArgumentException>(() =>
            new RnnRun(
                _handle,
                lstm with
                {
                    Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H,
                },
                4,
                4,
                2
            ).Dispose()
        );
        Assert.That(error.Message, Does.Contain("one length only"));
        GC.Collect();
        GC.WaitForPendingFinalizers();
        using var run = new RnnRun(_handle, lstm, 4, 4, second);
        run.Calls.Forward(training: false, run.Tensors);
        Assert.That(run.Read(run.Tensors.Y), Has.None.NaN);
    }

    [Test]
    public void Backward_follows_forward_with_the_same_reserve()
    {
        using var run = new RnnRun(_handle, Small(cudnnRNNMode_t.CUDNN_GRU), 4, 4, 4);
        using var other = Context.Allocate<byte>(run.Calls.ReserveBytes);
        RnnTensors<float> moved = run.Tensors with { Reserve = other };

        Throws(() => run.Calls.BackwardData(run.Tensors), "after Forward");
        run.Calls.Forward(training: false, run.Tensors);
        Throws(() => run.Calls.BackwardData(run.Tensors), "after Forward");
        run.Calls.Forward(training: true, run.Tensors);
        Throws(() => run.Calls.BackwardWeights(run.Tensors), "after BackwardData");
        Throws(() => run.Calls.BackwardData(moved), "was given the reserve at");
        run.Calls.BackwardData(run.Tensors);
        Throws(() => run.Calls.BackwardData(run.Tensors), "after Forward");
        run.Calls.BackwardWeights(run.Tensors);

        static void Throws(Action call, string why) =>
            Assert.That(Assert.Throws<InvalidOperationException>(call)!.Message, Does.Contain(why));
    }

    [Test]
    public void Forward_and_backward_by_different_algorithms_are_refused()
    {
        RnnSettings settings = Small(cudnnRNNMode_t.CUDNN_LSTM) with { HiddenSize = 32 };
        using var first = new RnnRun(_handle, settings, 4, 4, 4);
        using var second = new RnnRun(
            _handle,
            settings with
            {
                Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC,
            },
            4,
            4,
            4
        );
        using var reserve = Context.Allocate<byte>(
            Math.Max(first.Calls.ReserveBytes, second.Calls.ReserveBytes)
        );
        RnnTensors<float> ours = first.Tensors with { Reserve = reserve },
            theirs = second.Tensors with { Reserve = reserve };

        Assert.Throws<InvalidOperationException>(() => second.Calls.ContinueFrom(first.Calls));
        first.Calls.Forward(training: true, ours);
        second.Calls.ContinueFrom(first.Calls);
        var error = Assert.Throws<InvalidOperationException>(() =>
            second.Calls.BackwardData(theirs)
        );
        Assert.That(error.Message, Does.Contain("CUDNN_RNN_ALGO_STANDARD"));
        Assert.That(error.Message, Does.Contain("CUDNN_RNN_ALGO_PERSIST_STATIC"));
    }

    [Test]
    public void Memory_that_does_not_do_is_refused_before_any_call()
    {
        using var run = new RnnRun(_handle, Small(cudnnRNNMode_t.CUDNN_GRU), 4, 4, 4);
        Gpu.Counts.Reset();

        Throws(run.Tensors with { X = default }, "X has 0 elements; 24");
        Throws(run.Tensors with { Y = run.Tensors.Y.Slice(1) }, "Y has 39 elements; 40");
        Throws(run.Tensors with { Weights = run.Tensors.Weights.Slice(1) }, "Weights has");
        Throws(run.Tensors with { Reserve = default }, "Reserve has 0");
        Throws(run.Tensors with { Hx = run.Tensors.X.Slice(0, 10) }, "Hx has 10 elements; 20");
        Throws(run.Tensors with { Cx = run.Tensors.X }, "CUDNN_GRU has no Cx");
        Assert.That(Gpu.Counts.OfAll("cudnn"), Is.Zero);
        run.Calls.Dispose();
        Assert.Throws<ObjectDisposedException>(() =>
            run.Calls.Forward(training: true, run.Tensors)
        );

        void Throws(RnnTensors<float> tensors, string why) =>
            Assert.That(
                Assert
                    .Throws<ArgumentException>(() => run.Calls.Forward(training: true, tensors))!
                    .Message,
                Does.Contain(why)
            );
    }

    [Test]
    public void Dropout_states_can_be_kept_and_restored()
    {
        using var dropout = DropoutDescriptor.Create(_handle, 0.25f, seed: 7);
        Assert.That(dropout.States.ByteCount, Is.EqualTo(DropoutDescriptor.StatesBytes(_handle)));
        Assert.That(
            Context.Ledger.Current(DropoutDescriptor.StatesCategory),
            Is.EqualTo(dropout.States.ByteCount)
        );
        byte[] states = dropout.States.ToArray(Stream);
        using var memory = Context.Allocate<byte>(states.Length);
        memory.Span.CopyFrom(states, Stream);
        using var restored = DropoutDescriptor.Create(_handle, 0.25f, 7, memory, restore: true);
        Assert.That(restored.States.ToArray(Stream), Is.EqualTo(states));
        Assert.Throws<ArgumentOutOfRangeException>(() => DropoutDescriptor.Create(_handle, 1f, 1));
        Assert.Throws<ArgumentOutOfRangeException>(() =>
            DropoutDescriptor.Create(_handle, float.NaN, 1)
        );
        Assert.Throws<ArgumentException>(() =>
            DropoutDescriptor.Create(_handle, 0.5f, 1, memory.Slice(1))
        );
        Assert.Throws<ArgumentException>(() =>
            DropoutDescriptor.Create(_handle, 0.5f, 1, restore: true)
        );
    }

    [Test]
    public void A_net_holds_its_dropout_and_its_handle()
    {
        var handle = CuDnnHandle.Create(Stream);
        var dropout = DropoutDescriptor.Create(handle, 0.5f, seed: 1);
        var net = RnnDescriptor.Create(handle, Small(cudnnRNNMode_t.CUDNN_GRU), dropout);
        var calls = CuDnnRnn<float>.Create(handle, net);
        handle.Dispose();
        dropout.Dispose();
        net.Dispose();
        Assert.That(Gpu.Counts.OfAll("cudnnDestroy"), Is.Zero);
        calls.Dispose();
        Assert.That(Gpu.LiveHandles().Keys, Has.Member("stream"));
        Assert.That(Calls("cudnnDestroy"), Is.EqualTo(1));
    }

    [Test]
    public void Nets_without_dropout_share_a_descriptor_that_goes_with_the_handle()
    {
        const string kind = "cuDNN dropout descriptor";
        var handle = CuDnnHandle.Create(Stream);
        int before = Gpu.LiveHandles().GetValueOrDefault(kind);
        Gpu.Counts.Reset();
        var first = RnnDescriptor.Create(handle, Small(cudnnRNNMode_t.CUDNN_GRU));
        var second = RnnDescriptor.Create(handle, Small(cudnnRNNMode_t.CUDNN_LSTM));
        Assert.That(first.Dropout, Is.Null);
        Assert.That(Calls("cudnnSetDropoutDescriptor"), Is.EqualTo(1));
        Assert.That(Gpu.Counts.Allocations, Is.Zero);
        handle.Dispose();
        first.Dispose();
        Assert.That(Gpu.LiveHandles()[kind], Is.EqualTo(before + 1));
        second.Dispose();
        Assert.That(Gpu.LiveHandles().GetValueOrDefault(kind), Is.EqualTo(before));
        Assert.That(Calls("cudnnDestroy"), Is.EqualTo(1));

        // A handle that no such net was made with has none to give back.
        Gpu.Counts.Reset();
        CuDnnHandle.Create(Stream).Dispose();
        Assert.That(Gpu.Counts.OfAll("cudnnDestroyDropoutDescriptor"), Is.Zero);
    }

    [Test]
    public void A_descriptor_of_no_dropout_that_is_refused_leaves_nothing_behind()
    {
        using var handle = CuDnnHandle.Create(Stream);
        int before = Gpu.LiveHandles().Values.Sum();
        Gpu.Refuse(
            "cudnnSetDropoutDescriptor",
            (int)cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED,
            times: 1
        );
        var error = Assert.Throws<CudnnException>(() =>
            RnnDescriptor.Create(handle, Small(cudnnRNNMode_t.CUDNN_GRU))
        );
        Assert.That(error.Message, Does.Contain("no dropout"));
        Assert.That(Gpu.LiveHandles().Values.Sum(), Is.EqualTo(before));
        using var net = RnnDescriptor.Create(handle, Small(cudnnRNNMode_t.CUDNN_GRU));
    }

    private void Refused(RnnSettings settings, string why)
    {
        Gpu.Counts.Reset();
        var error = Assert.Catch<ArgumentException>(() => RnnDescriptor.Create(_handle, settings));
        Assert.That(error.Message, Does.Contain(why));
        Assert.That(Gpu.Counts.OfAll("cudnn"), Is.Zero);
    }
}
