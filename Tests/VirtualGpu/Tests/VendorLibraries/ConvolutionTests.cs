using NUnit.Framework;
using Sequor.Native;
using Sequor.Tests.Support;
using Sequor.VirtualGpu;
using Name = Sequor.Native.cudnnBackendAttributeName_t;
using Of = Sequor.Native.cudnnBackendDescriptorType_t;
using Type = Sequor.Native.cudnnBackendAttributeType_t;

namespace Sequor.VirtualGpu.Tests.VendorLibraries;

/// <summary>Convolutions of the virtual cuDNN, through its graph API.</summary>
public sealed class ConvolutionTests : ConvolutionProgram
{
    private const Of Forward = Of.CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR;
    private const Of Data = Of.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR;
    private const Of Filter = Of.CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR;

    private static readonly Of[] Operations = [Forward, Data, Filter];

    private static readonly TorchCase[] Cases =
    [
        .. TorchCase.Load("cudnn.json").Values.Where(c => c.OrNone("w") is not null),
    ];

    [Test]
    public void Forward_and_both_gradients_are_what_torch_gives(
        [ValueSource(nameof(Cases))] TorchCase c,
        [ValueSource(nameof(Operations))] Of operation,
        [Values(0f, 1f)] float beta
    )
    {
        ConvolutionOptions options = OptionsOf(c) with { Operation = operation, Beta = beta };
        (float[] x, float[] w, float[] y) = (c.Floats("x"), c.Floats("w"), c.Floats("dy"));
        (double[] expected, float[] target) = operation switch
        {
            Forward => (c["y"], y),
            Data => (c["grad.x"], x),
            _ => (c["grad.w"], w),
        };
        nint result = 0;
        // What does not take the graph says so, and the next is tried.
        int ran = 0;
        foreach (nint configuration in Propose(Final(Graph(Final(Operation(options))))))
        {
            nint plan = Plan(configuration);
            if (Finish(plan) != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            {
                Assert.That(LastError(), Does.Contain("engine"));
                continue;
            }
            ran++;
            (nint atX, nint atW, nint atY) = (Place(x, Data), Place(w, Filter), Place(y, Forward));
            Check(Execute(plan, Pack(atX, atW, atY, Allocate(WorkspaceOf(plan)))));
            float[] before = beta == 0 ? new float[expected.Length] : target;
            Close.Check(
                Download<float>(result, expected.Length),
                [.. expected.Zip(before, (value, old) => value + beta * old)],
                Rounds(configuration) ? 2e-3 : Close.Output,
                operation.ToString()
            );
        }
        Assert.That(ran, Is.AtLeast(2));

        // The result's place holds nothing where beta is 0.
        nint Place(float[] values, Of computes)
        {
            if (computes != operation)
                return Upload(values);
            return result = beta == 0 ? Allocate(values.Length * sizeof(float)) : Upload(values);
        }
    }

    [Test]
    public void Tensor_cores_round_and_say_so()
    {
        var options = new ConvolutionOptions { W = [4, 1, 1, 4], Pre = [0, 0] };
        float[] fine = new float[32];
        Array.Fill(fine, 1 + 1f / 4096);
        float[] filter = new float[16];
        for (int i = 0; i < 4; i++)
            filter[5 * i] = 1;
        Assert.That(Run(0)[0], Is.EqualTo(1 + 1f / 4096));
        Assert.That(Run(1)[0], Is.EqualTo(1f));

        float[] Run(long engine)
        {
            nint plan = Final(PlanOf(options, engine));
            nint y = Allocate(32 * sizeof(float));
            Check(
                Execute(plan, Pack(Upload(fine), Upload(filter), y, Allocate(WorkspaceOf(plan))))
            );
            return Download<float>(y, 32);
        }
    }

    [Test]
    public void Workspaces_are_never_empty_and_differ()
    {
        long[] bytes =
        [
            .. new long[] { 0, 1, 2 }.Select(i => WorkspaceOf(Final(PlanOf(new(), i)))),
        ];
        Assert.That(bytes, Is.All.Positive);
        Assert.That(bytes, Is.Unique);
    }

    [TestCase(3, cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_PADDING)]
    [TestCase(4, cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN)]
    public void Some_engines_refuse_a_graph(long engine, cudnnStatus_t status) =>
        Refused(Finish(PlanOf(new(), engine)), status, $"engine {engine}");

    [Test]
    public void Tensor_cores_want_channels_by_fours() =>
        Refused(
            Finish(PlanOf(new() { X = [1, 4, 2, 3], W = [4, 2, 1, 3] }, 1)),
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_SHAPE,
            "multiples of 4"
        );

    [Test]
    public void Shapes_that_do_not_fit_are_refused()
    {
        Refused(
            Finish(Operation(new() { Y = [1, 5, 2, 4] })),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
            "it is 4 x 2"
        );
        Refused(
            Finish(Operation(new() { W = [3, 2, 1, 4] })),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_SHAPE_MISMATCH,
            "w gives 3 channels"
        );
        Refused(
            Finish(Graph(Final(Operation(new() { ChannelsFirst = true })))),
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_LAYOUT,
            "side by side"
        );
        Refused(
            Finish(Graph(Final(Operation(new() { WNumber = 'x' })))),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "same number"
        );
        nint operation = Final(Operation(new()));
        Refused(
            Finish(Graph(operation, operation)),
            cudnnStatus_t.CUDNN_STATUS_NOT_SUPPORTED_GRAPH_PATTERN,
            "one convolution"
        );
        Refused(
            Finish(Settings(new() { Dilation = [0, 1] })),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "below 1"
        );
    }

    [Test]
    public void Attributes_are_checked_when_they_are_set()
    {
        nint tensor = Tensor([1, 1, 1, 1], 1);
        Refused(
            Set(tensor, Name.CUDNN_ATTR_TENSOR_UNIQUE_ID, Type.CUDNN_TYPE_FLOAT, 1f),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_ATTRIBUTE_TYPE,
            "UNIQUE_ID"
        );
        Refused(
            Set(tensor, Name.CUDNN_ATTR_CONVOLUTION_DILATIONS, Type.CUDNN_TYPE_INT64, 1L),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "has no"
        );
        Refused(
            Set(tensor, Name.CUDNN_ATTR_TENSOR_UNIQUE_ID, Type.CUDNN_TYPE_INT64, 1L, 2L),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM,
            "elementCount"
        );
        nint operation = New(Forward);
        Refused(
            Set(
                operation,
                Name.CUDNN_ATTR_OPERATION_CONVOLUTION_FORWARD_X,
                Type.CUDNN_TYPE_BACKEND_DESCRIPTOR,
                tensor
            ),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_NOT_FINALIZED,
            "not final"
        );
        Refused(Finish(operation), cudnnStatus_t.CUDNN_STATUS_BAD_PARAM, "is not set");
        Final(tensor);
        Refused(
            Set(tensor, Name.CUDNN_ATTR_TENSOR_UNIQUE_ID, Type.CUDNN_TYPE_INT64, 2L),
            cudnnStatus_t.CUDNN_STATUS_NOT_INITIALIZED,
            "is final"
        );
    }

    [Test]
    public void A_plan_is_checked_when_it_runs()
    {
        nint plan = Final(PlanOf(new(), 0));
        (nint x, nint w, nint y) = (Upload(new float[32]), Upload(new float[32]), Allocate(128));
        nint workspace = Allocate(WorkspaceOf(plan));
        Refused(
            Execute(plan, Pack(x, w, y, 0)),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_NULL_POINTER,
            "WORKSPACE"
        );
        Refused(
            Execute(plan, Pack(x + 4, w, y, workspace)),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_MISALIGNED_POINTER,
            "x is no multiple of 16"
        );
        Refused(
            Execute(Pack(x, w, y, workspace), plan),
            cudnnStatus_t.CUDNN_STATUS_BAD_PARAM_DESCRIPTOR_TYPE,
            "executionPlan"
        );
        // The workspace lies where the filter is.
        Check(Execute(plan, Pack(x, w, y, w)));
        Faults(FaultKind.OutOfBounds, "workspace", "address", "behind the end");
    }

    [Test]
    public void A_filter_that_was_never_written_is_found()
    {
        nint plan = Final(PlanOf(new(), 0));
        nint pack = Pack(
            Upload(new float[32]),
            Allocate(128),
            Allocate(128),
            Allocate(WorkspaceOf(plan))
        );
        Check(Execute(plan, pack));
        Faults(FaultKind.Uninitialised, "cudnnBackendExecute", "w", "never written");
    }

    private bool Rounds(nint configuration)
    {
        nint engine = New(Of.CUDNN_BACKEND_ENGINE_DESCRIPTOR);
        // An engine that is asked for is filled in.
        Assert.That(
            Get(
                configuration,
                Name.CUDNN_ATTR_ENGINECFG_ENGINE,
                Type.CUDNN_TYPE_BACKEND_DESCRIPTOR,
                engine
            ),
            Is.EqualTo(1)
        );
        return Get<cudnnBackendNumericalNote_t>(
                engine,
                Name.CUDNN_ATTR_ENGINE_NUMERICAL_NOTE,
                Type.CUDNN_TYPE_NUMERICAL_NOTE,
                10
            )
            .Contains(cudnnBackendNumericalNote_t.CUDNN_NUMERICAL_NOTE_DOWN_CONVERT_INPUTS);
    }

    private unsafe long Get(nint descriptor, Name name, Type type, nint place)
    {
        long count;
        Check(Dnn.cudnnBackendGetAttribute(new(descriptor), name, type, 1, &count, &place));
        return count;
    }

    private static ConvolutionOptions OptionsOf(TorchCase c)
    {
        return new()
        {
            X = Sizes("N", "H", "W", "C"),
            W = Sizes("K", "R", "S", "C"),
            Y = Sizes("N", "P", "Q", "K"),
            Pre = Sizes("preH", "preW"),
            Post = Sizes("postH", "postW"),
            Stride = Sizes("strideH", "strideW"),
            Dilation = Sizes("dilationH", "dilationW"),
        };

        long[] Sizes(params string[] names) => Array.ConvertAll(names, name => (long)c.Size(name));
    }
}
