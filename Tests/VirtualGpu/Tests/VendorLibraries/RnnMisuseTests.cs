using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>Misuses of recurrent nets, each planted and found.</summary>
public sealed unsafe class RnnMisuseTests : RnnProgram
{
    private const string Data = "cudnnRNNBackwardData_v8";
    private const string Gradients = "cudnnRNNBackwardWeights_v8";

    private static readonly (
        string Name,
        RnnOptions Options,
        cudnnStatus_t Status,
        string Why
    )[] Settings =
    [
        (
            "sizes",
            new() { Hidden = 0, Projection = 1 },
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "hiddenSize 0"
        ),
        (
            "projection of a GRU",
            new() { Mode = cudnnRNNMode_t.CUDNN_GRU, Projection = 2 },
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED,
            "projection needs"
        ),
        (
            "wide projection",
            new() { Projection = 5 },
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED,
            "above hiddenSize"
        ),
        (
            "persistent projection",
            new() { Projection = 2, Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC },
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED,
            "CUDNN_RNN_ALGO_STANDARD"
        ),
        (
            "skipped input of another size",
            new() { InputMode = cudnnRNNInputMode_t.CUDNN_SKIP_INPUT },
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "CUDNN_SKIP_INPUT"
        ),
        (
            "skipped input",
            new() { Inputs = 4, InputMode = cudnnRNNInputMode_t.CUDNN_SKIP_INPUT },
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED,
            "CUDNN_SKIP_INPUT"
        ),
        (
            "unknown algorithm",
            new() { Algorithm = (cudnnRNNAlgo_t)9 },
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "enumeration"
        ),
    ];

    [Test]
    public void Wrong_settings_are_refused([Range(0, 6)] int index)
    {
        (_, RnnOptions options, cudnnStatus_t status, string why) = Settings[index];
        Refused(SetNet(NewNet(), options), status, why);
    }

    [Test]
    public void A_projection_of_0_is_refused()
    {
        Refused(
            Dnn.cudnnSetRNNDescriptor_v8(
                NewNet(),
                cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD,
                cudnnRNNMode_t.CUDNN_LSTM,
                cudnnRNNBiasMode_t.CUDNN_RNN_DOUBLE_BIAS,
                cudnnDirectionMode_t.CUDNN_UNIDIRECTIONAL,
                cudnnRNNInputMode_t.CUDNN_LINEAR_INPUT,
                cudnnDataType_t.CUDNN_DATA_FLOAT,
                cudnnDataType_t.CUDNN_DATA_FLOAT,
                cudnnMathType_t.CUDNN_FMA_MATH,
                3,
                4,
                0,
                1,
                default,
                0
            ),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "projSize is 0"
        );
    }

    [Test]
    public void Bounds_the_wrong_way_round_are_refused() =>
        Refused(
            Dnn.cudnnRNNSetClip_v8(
                NewNet(),
                cudnnRNNClipMode_t.CUDNN_RNN_CLIP_MINMAX,
                cudnnNanPropagation_t.CUDNN_PROPAGATE_NAN,
                1,
                -1
            ),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "lclip"
        );

    [Test]
    public void Lengths_are_checked()
    {
        var packed = cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;
        int* lengths = stackalloc int[] { 4, 0 };
        cudnnStatus_t Set(cudnnRNNDataLayout_t layout, int time) =>
            Dnn.cudnnSetRNNDataDescriptor(
                NewData(),
                cudnnDataType_t.CUDNN_DATA_FLOAT,
                layout,
                time,
                2,
                1,
                lengths,
                null
            );
        Refused(
            Set(cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED, 3),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "is 4, maxSeqLength is 3"
        );
        Refused(Set(packed, 4), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "is 0");
        PrepareFilled(new() { Lengths = [2, 3], Layout = packed });
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "falling length");
    }

    [TestCase(2)]
    [TestCase(3)]
    public void Lengths_that_are_not_packed_need_a_flag(int second)
    {
        PrepareFilled(new() { Lengths = [3, second], PaddedIo = false });
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "CUDNN_RNN_PADDED_IO_ENABLED");
    }

    [Test]
    public void Persistent_algorithms_refuse_what_they_do_not_take()
    {
        PrepareFilled(
            new()
            {
                Lengths = [3, 2],
                Hidden = 32,
                Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H,
            }
        );
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED, "one length");
        foreach (
            (cudnnRNNAlgo_t algorithm, int hidden) in new[]
            {
                (cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC, 33),
                (cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_DYNAMIC, 2048),
                (cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H, 129),
            }
        )
        {
            Check(SetNet(Net, Options with { Algorithm = algorithm, Hidden = hidden }));
            nuint bytes;
            Refused(
                Dnn.cudnnGetRNNTempSpaceSizes(
                    DnnHandle,
                    Net,
                    cudnnForwardMode_t.CUDNN_FWD_MODE_TRAINING,
                    XDesc,
                    &bytes,
                    null
                ),
                cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED,
                $"not {hidden}"
            );
        }
    }

    [Test]
    public void A_dynamic_plan_has_to_be_built_for_the_batch()
    {
        PrepareFilled(
            new() { Hidden = 32, Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_DYNAMIC }
        );
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "a batch of 0");
        Check(Dnn.cudnnBuildRNNDynamic(DnnHandle, Net, 3));
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "a batch of 3");
    }

    [TestCase("workSpace")]
    [TestCase("reserveSpace")]
    [TestCase("weightSpace")]
    [TestCase("x")]
    [TestCase("y")]
    public void Null_is_refused(string name)
    {
        PrepareFilled(new());
        At[name] = 0;
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "null");
    }

    [Test]
    public void Too_little_space_is_refused()
    {
        PrepareFilled(new());
        (nuint workspace, nuint reserve, nuint weights) = (
            WorkspaceBytes,
            ReserveBytes,
            WeightBytes
        );
        WorkspaceBytes--;
        Refused(
            Forward(),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            $"workSpaceSize is {workspace - 1}"
        );
        (WorkspaceBytes, ReserveBytes) = (workspace, reserve - 1);
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "reserveSpaceSize");
        (ReserveBytes, WeightBytes) = (reserve, weights - 1);
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "weightSpaceSize");
    }

    [Test]
    public void Space_that_is_smaller_than_it_is_said_to_be_is_found()
    {
        PrepareFilled(new());
        At["workSpace"] = Allocate((long)WorkspaceBytes - 16);
        Check(Forward());
        Faults(FaultKind.OutOfBounds, "workspace", "address", "behind the end");
    }

    [Test]
    public void Shapes_that_disagree_are_refused()
    {
        PrepareFilled(new());
        cudnnTensorDescriptor_t right = HDesc;
        HDesc = NewTensor(1, 2, 5);
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "hDesc is not [1, 2, 4]");
        HDesc = right;
        CDesc = NewTensor(2, 2, 4);
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "cDesc");
        CDesc = right;
        Check(SetData(YDesc, Options, 5));
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "yDesc's vectorSize is 5");
        Check(SetData(YDesc, Options with { Lengths = [3, 2] }, 4));
        Refused(Forward(), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "differ");
    }

    [Test]
    public void Weight_gradients_can_only_be_added()
    {
        PrepareFilled(new());
        Refused(
            BackwardWeights(cudnnWgradMode_t.CUDNN_WGRAD_MODE_SET),
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED,
            "ADD"
        );
    }

    [TestCase(99, 0, "pseudoLayer")]
    [TestCase(0, 9, "linLayerID")]
    [TestCase(0, -1, "linLayerID")]
    public void A_gate_that_is_not_there_is_refused(int layer, int gate, string why)
    {
        Prepare(new());
        void* weights;
        void* bias;
        Refused(
            Dnn.cudnnGetRNNWeightParams(
                DnnHandle,
                Net,
                layer,
                WeightBytes,
                P("weightSpace"),
                gate,
                NewTensor(),
                &weights,
                NewTensor(),
                &bias
            ),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            why
        );
    }

    [Test]
    public void Another_algorithm_backward_than_forward_is_found()
    {
        PrepareFilled(new());
        Check(Forward());
        Check(
            SetNet(
                Net,
                Options with
                {
                    Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_STATIC_SMALL_H,
                }
            )
        );
        WorkspaceBytes = Sizes().Workspace;
        ReserveBytes = Sizes().Reserve;
        At["workSpace"] = Allocate((long)WorkspaceBytes);
        Check(BackwardData());
        Faults(
            FaultKind.BadArgument,
            Data,
            "reserveSpace",
            "forward ran with CUDNN_RNN_ALGO_STANDARD"
        );
    }

    [Test]
    public void Other_settings_or_lengths_backward_are_found([Values] bool lengths)
    {
        PrepareFilled(new() { Lengths = [3, 3] });
        Check(Forward());
        if (lengths)
        {
            At.Remove("devSeqLengths");
            Check(SetData(XDesc, Options with { Lengths = [3, 2] }, Options.Inputs));
            Check(SetData(YDesc, Options with { Lengths = [3, 2] }, Options.Outputs));
        }
        else
            Check(Dnn.cudnnRNNSetClip_v9(Net, cudnnRNNClipMode_t.CUDNN_RNN_CLIP_MINMAX, -1, 1));
        Check(BackwardData());
        Faults(FaultKind.BadArgument, Data, "reserveSpace", lengths ? "lengths" : "settings");
    }

    [TestCase("y", Data)]
    [TestCase("hx", Data)]
    [TestCase("cx", Data)]
    [TestCase("weightSpace", Data)]
    [TestCase("x", Gradients)]
    [TestCase("y", Gradients)]
    public void What_is_overwritten_before_backward_reads_it_again_is_found(
        string name,
        string call
    )
    {
        PrepareFilled(new());
        Check(Forward());
        if (call == Gradients)
            Check(BackwardData());
        // Four, since the weight space begins with a gap.
        Write(At[name], [5f, 5f, 5f, 5f]);
        Check(call == Data ? BackwardData() : BackwardWeights());
        Faults(FaultKind.BadArgument, call, name, "when forward ran");
    }

    [Test]
    public void Backward_out_of_order_is_found([Values] bool twice)
    {
        PrepareFilled(new());
        Check(Forward());
        if (twice)
        {
            Check(BackwardData());
            Check(BackwardData());
            Faults(FaultKind.BadArgument, Data, "reserveSpace", "used this reserve up");
            return;
        }
        Check(BackwardWeights());
        Faults(FaultKind.BadArgument, Gradients, "reserveSpace", "has to come before");
    }

    [Test]
    public void A_reserve_that_no_training_pass_wrote_is_found()
    {
        PrepareFilled(new());
        Check(Forward(cudnnForwardMode_t.CUDNN_FWD_MODE_INFERENCE));
        Check(BackwardData());
        Faults(FaultKind.Uninitialised, Data, "reserveSpace", "never written");
    }

    [Test]
    public void Weight_gradients_that_were_not_zeroed_are_found()
    {
        PrepareFilled(new());
        At["dweightSpace"] = Allocate((long)WeightBytes);
        Check(Forward());
        Check(BackwardData());
        Check(BackwardWeights());
        Faults(FaultKind.Uninitialised, Gradients, "dweightSpace", "never written");
    }

    [Test]
    public void Lengths_on_the_device_that_differ_are_found()
    {
        PrepareFilled(new());
        At["devSeqLengths"] = Upload(3, 2);
        Check(Forward());
        Faults(FaultKind.BadArgument, "cudnnRNNForward", "devSeqLengths", "sequence 1 has 2 steps");
    }

    [TestCase("workSpace")]
    [TestCase("y")]
    public void Memory_that_is_an_input_as_well_is_found(string name)
    {
        PrepareFilled(new() { Inputs = 4 });
        At["x"] = At[name];
        Check(Forward());
        Faults(FaultKind.Uninitialised, "cudnnRNNForward", "x", "never written");
    }

    [Test]
    public void A_first_call_in_a_capture_spoils_it_and_a_later_one_is_recorded()
    {
        PrepareFilled(new());
        Check(Forward());
        float[] y = Download<float>(At["y"], Options.Count(Options.Outputs));
        CUgraph graph;
        CUgraphExec launchable;
        BeginCapture();
        Check(Forward());
        Check(Driver.cuStreamEndCapture(Stream, &graph));
        Check(Driver.cuGraphInstantiate(&launchable, graph, 0));
        // The graph reads its inputs when it is launched.
        Write(At["x"], new float[Options.Count(Options.Inputs)]);
        Check(Driver.cuGraphLaunch(launchable, Stream));
        Assert.That(Download<float>(At["y"], y.Length), Is.Not.EqualTo(y));
        Check(Driver.cuGraphExecDestroy(launchable));
        Check(Driver.cuGraphDestroy(graph));

        BeginCapture();
        Refused(BackwardData(), cudnnStatus_t.CUDNN_STATUS_EXECUTION_FAILED_CUDA_DRIVER, "CAPTURE");
        Assert.That(
            Driver.cuStreamEndCapture(Stream, &graph),
            Is.EqualTo(CUresult.CUDA_ERROR_STREAM_CAPTURE_INVALIDATED)
        );
        Assert.That(Device.TakeFaults().Single().Call, Does.Contain("run it once before"));
    }

    [Test]
    public void A_replay_finds_that_a_descriptor_was_set_anew()
    {
        var options = new RnnOptions { Lengths = [3, 2] };
        PrepareFilled(options);
        Check(Forward());
        Synchronize();
        BeginCapture();
        Check(Forward());
        CUgraph graph;
        CUgraphExec exec;
        Check(Driver.cuStreamEndCapture(Stream, &graph));
        Check(Driver.cuGraphInstantiate(&exec, graph, 0));
        Check(Driver.cuGraphLaunch(exec, Stream));
        Synchronize();

        Check(SetData(YDesc, options, options.Outputs));
        Check(Driver.cuGraphLaunch(exec, Stream));
        Assert.That(Driver.cuStreamSynchronize(Stream), Is.Not.EqualTo(CUresult.CUDA_SUCCESS));
        Assert.That(
            Device.TakeFaults().Single(),
            Has.Property(nameof(VirtualFault.Argument))
                .EqualTo("yDesc")
                .And.Property(nameof(VirtualFault.Detail))
                .Contains("set anew")
        );
    }

    [Test]
    public void Sizes_may_be_larger_for_a_shorter_batch()
    {
        Device.Manners.UnevenRnnSpaces = true;
        PrepareFilled(new() { Lengths = [4, 4] });
        (nuint workspace, nuint reserve) = Sizes();
        Check(SetData(XDesc, new() { Lengths = [3, 3] }, new RnnOptions().Inputs));
        (nuint more, nuint kept) = Sizes();
        Assert.That((ulong)more, Is.GreaterThan((ulong)workspace));
        Assert.That((ulong)kept, Is.GreaterThan((ulong)reserve));
    }

    private void BeginCapture() =>
        Check(
            Driver.cuStreamBeginCapture(
                Stream,
                CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
            )
        );
}
