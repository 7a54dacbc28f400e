using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;
using static Sequor.Native.CUstreamCaptureMode;

namespace Sequor.VirtualGpu.Tests;

/// <summary>What a capture goes on after, whether the call runs or is refused.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class CaptureHarmlessTests
{
    // Each with the memory of the device that it may use; all as measured on a card, in the mode that forbids most.
    private static readonly Dictionary<
        string,
        (Func<Rig, CUstream, CUdeviceptr, CUresult> Call, CUresult Status, FaultKind? Fault)
    > s_harmless = new()
    {
        ["wait for an event that was never recorded"] = (
            (rig, stream, _) =>
            {
                CUevent mark = rig.Event();
                CUresult result = rig.Driver.cuStreamWaitEvent(stream, mark, 0);
                Rig.Ok(rig.Driver.cuEventDestroy(mark));
                return result;
            },
            CUDA_SUCCESS,
            null
        ),
        ["free memory that is not the graph's"] = (
            (rig, stream, memory) => rig.Driver.cuMemFreeAsync(memory, stream),
            CUDA_ERROR_INVALID_VALUE,
            FaultKind.BadArgument
        ),
        ["begin again"] = (
            (rig, stream, _) =>
                rig.Driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL),
            CUDA_ERROR_ILLEGAL_STATE,
            null
        ),
        ["copy to the device"] = (
            (rig, _, memory) =>
            {
                float value = 7;
                return rig.Driver.cuMemcpyHtoD(memory, &value, 4);
            },
            CUDA_SUCCESS,
            null
        ),
        ["fill bytes"] = (
            (rig, _, memory) => rig.Driver.cuMemsetD8(memory, 7, 4),
            CUDA_SUCCESS,
            null
        ),
        ["fill words"] = (
            (rig, _, memory) => rig.Driver.cuMemsetD32(memory, 7, 1),
            CUDA_SUCCESS,
            null
        ),
    };

    public static IEnumerable<string> Harmless => s_harmless.Keys;

    [TestCaseSource(nameof(Harmless))]
    public void A_call_that_does_a_capture_no_harm_leaves_it_active(string name)
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUdeviceptr memory = rig.Filled(1);
        Rig.Ok(rig.Driver.cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL));
        rig.Enqueue(stream, "work", () => { });
        (Func<Rig, CUstream, CUdeviceptr, CUresult> call, CUresult status, FaultKind? fault) =
            s_harmless[name];
        Rig.Gives(call(rig, stream, memory), status);
        if (fault is { } kind)
            rig.Found(kind);
        Assert.That(
            CaptureTests.Status(rig, stream),
            Is.EqualTo(CUstreamCaptureStatus.CU_STREAM_CAPTURE_STATUS_ACTIVE)
        );
        CUgraph graph;
        Rig.Ok(rig.Driver.cuStreamEndCapture(stream, &graph));
        // What ran did so at once, and is no part of the graph.
        nuint nodes;
        Rig.Ok(rig.Driver.cuGraphGetNodes(graph, null, &nodes));
        Assert.That((int)nodes, Is.EqualTo(1));
        bool wrote =
            name.StartsWith("copy", StringComparison.Ordinal)
            || name.StartsWith("fill", StringComparison.Ordinal);
        Assert.That(rig.Read(memory, 1)[0], wrote ? Is.Not.EqualTo(1f) : Is.EqualTo(1f));
        Rig.Ok(rig.Driver.cuGraphDestroy(graph));
        Rig.Ok(rig.Driver.cuStreamDestroy(stream));
        Rig.Ok(rig.Driver.cuMemFree(memory));
        rig.Finish();
    }
}
