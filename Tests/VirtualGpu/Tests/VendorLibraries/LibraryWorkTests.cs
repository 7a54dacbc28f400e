using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>What library calls have to do at least, against sums made by hand.</summary>
[TestFixture]
public sealed class LibraryWorkTests
{
    // 3 x 5 times 5 x 4: 15 and 20 values in, 12 out, 2 * 60 operations.
    [TestCase(0f, 1, 0, 0, 15 + 20 + 12, 120)]
    [TestCase(1f, 1, 0, 0, 15 + 20 + 24, 120)]
    [TestCase(0f, 3, 15, 20, 3 * (15 + 20 + 12), 360)]
    [TestCase(0f, 3, 0, 20, 15 + 3 * (20 + 12), 360)]
    public void A_product_reads_its_factors_and_writes_its_result_once(
        float beta,
        int batch,
        long strideA,
        long strideB,
        int floats,
        int operations
    )
    {
        var work = new Gemm(
            "cublasSgemm",
            new(0, 3, 5, 3, strideA, false),
            new(0, 5, 4, 5, strideB, false),
            new(0, 3, 4, 3, 12, false),
            5,
            batch,
            new(1, 0),
            new(beta, 0),
            Tf32: true,
            0,
            0
        );

        Assert.That(
            work.Work,
            Is.EqualTo(new LibraryWork("cublasSgemm", 4 * floats, operations, true))
        );
    }

    [Test]
    public void A_convolution_has_as_many_products_as_taps_meet_inputs(
        [Values(1, 2)] int batch,
        [Values(1, 7)] int width,
        [Values(1, 3)] int taps,
        [Values(0, 2)] int padding,
        [Values(1, 2)] int stride,
        [Values(1, 3)] int dilation
    )
    {
        var shape = new ConvolutionShape(
            batch,
            2,
            1,
            width,
            3,
            1,
            taps,
            1,
            Math.Max(1, (width + 2 * padding - (taps - 1) * dilation - 1) / stride + 1),
            (0, padding),
            (1, stride),
            (1, dilation),
            Turned: false
        );

        Assert.That(shape.MeetingCount, Is.EqualTo(shape.Meetings().Count()));
    }

    // Two layers in two directions, projected: sequences of 3 and 2 steps.
    [Test]
    public void A_recurrent_net_multiplies_each_weight_with_each_step()
    {
        const int Inputs = 5;
        const int Hidden = 4;
        const int State = 3;
        var net = new RnnNet(
            cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD,
            cudnnRNNMode_t.CUDNN_LSTM,
            cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS,
            cudnnDirectionMode_t.CUDNN_BIDIRECTIONAL,
            cudnnRNNInputMode_t.CUDNN_LINEAR_INPUT,
            cudnnDataType_t.CUDNN_DATA_FLOAT,
            cudnnDataType_t.CUDNN_DATA_FLOAT,
            cudnnMathType_t.CUDNN_FMA_MATH,
            Inputs,
            Hidden,
            State,
            2,
            0,
            0
        );
        RnnData Data(int width) =>
            new(
                cudnnDataType_t.CUDNN_DATA_FLOAT,
                cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED,
                3,
                2,
                width,
                [3, 2],
                null
            );
        var call = new RnnCall("cudnnRNNForward", net, Data(Inputs), Data(6), true, 0, 0, 0, 0, 0)
        {
            Described = [],
        };
        int gates = 4 * Hidden;
        int matrices =
            2 * (gates * (Inputs + State) + State * Hidden)
            + 2 * (gates * (2 * State + State) + State * Hidden);
        int biases = 4 * 2 * gates;
        int kept = 4 * 2;

        Assert.That(
            new RnnForward(call, true, 1, 1, 1, 1, 0, 1, 0, 0).Work,
            Is.EqualTo(
                new LibraryWork(
                    "cudnnRNNForward",
                    4
                        * (
                            5 * (Inputs + 2 * State)
                            + matrices
                            + biases
                            + kept * (2 * State + Hidden)
                        ),
                    2 * 5 * matrices,
                    true
                )
            )
        );
        Assert.That(
            new RnnBackwardData(call, 1, 1, 1, 0, 0, 0, 0, 0, 0).Work.Bytes,
            Is.EqualTo(4 * (5 * (Inputs + 4 * State) + matrices + biases))
        );
        Assert.That(
            new RnnBackwardWeights(call, 1, 1, 1).Work.Bytes,
            Is.EqualTo(4 * (5 * (Inputs + 2 * State) + 2 * (matrices + biases) + kept * State))
        );
    }
}
