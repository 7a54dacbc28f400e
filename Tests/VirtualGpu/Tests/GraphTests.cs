using System.Text;
using NUnit.Framework;
using Sequor.Native;
using Sequor.VirtualGpu;
using static Sequor.Native.CUresult;

namespace Sequor.VirtualGpu.Tests;

/// <summary>Graphs: recorded once, run at each launch.</summary>
[TestFixture]
[NonParallelizable]
public sealed unsafe class GraphTests
{
    private static CUgraph Capture(Rig rig, CUstream stream, Action record)
    {
        Rig.Ok(
            rig.Driver.cuStreamBeginCapture(
                stream,
                CUstreamCaptureMode.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL
            )
        );
        record();
        CUgraph graph;
        Rig.Ok(rig.Driver.cuStreamEndCapture(stream, &graph));
        return graph;
    }

    private static CUgraphExec Instantiate(Rig rig, CUgraph graph)
    {
        CUgraphExec exec;
        Rig.Ok(rig.Driver.cuGraphInstantiate(&exec, graph, 0));
        return exec;
    }

    [Test]
    public void A_graph_does_its_work_at_each_launch_and_none_before()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(0);
        CUstream stream = rig.Stream();
        float* pinned = rig.Pinned(2);
        (pinned[0], pinned[1]) = (1, 0);
        CUgraph graph = Capture(
            rig,
            stream,
            () =>
            {
                Rig.Ok(rig.Driver.cuMemcpyHtoDAsync(memory, pinned, 4, stream));
                rig.Enqueue(
                    stream,
                    "double",
                    () =>
                    {
                        foreach (
                            ref float x in rig.Device.Memory.ReadWrite<float>(
                                (nint)memory.Value,
                                1,
                                "double",
                                "x"
                            )
                        )
                            x *= 2;
                    }
                );
                Rig.Ok(rig.Driver.cuMemcpyDtoHAsync(pinned + 1, memory, 4, stream));
            }
        );
        CUgraphExec exec = Instantiate(rig, graph);
        Rig.Ok(rig.Driver.cuStreamSynchronize(stream));
        Assert.That(rig.Read(memory, 1)[0], Is.Zero);
        Rig.Ok(rig.Driver.cuGraphDestroy(graph));
        Rig.Ok(rig.Driver.cuGraphUpload(exec, stream));
        for (int i = 1; i <= 3; i++)
        {
            // Read anew at each launch.
            pinned[0] = i;
            Rig.Ok(rig.Driver.cuGraphLaunch(exec, stream));
            Rig.Ok(rig.Driver.cuStreamSynchronize(stream));
            Assert.That(pinned[1], Is.EqualTo(2f * i));
        }
        Assert.That(rig.Device.Counts.Work["double"], Is.EqualTo(new WorkCount(3, 12, 12)));
        Rig.Ok(rig.Driver.cuGraphExecDestroy(exec));
        Rig.Gives(rig.Driver.cuGraphLaunch(exec, stream), CUDA_ERROR_INVALID_VALUE);
        rig.Found(FaultKind.DestroyedHandle);
        Rig.Gives(rig.Driver.cuGraphDestroy(graph), CUDA_ERROR_INVALID_HANDLE);
        rig.Found(FaultKind.DestroyedHandle);
        Rig.Ok(rig.Driver.cuMemFree(memory));
        Rig.Ok(rig.Driver.cuMemFreeHost(pinned));
        Rig.Ok(rig.Driver.cuStreamDestroy(stream));
        rig.Finish();
    }

    [Test]
    public void Branches_run_in_any_order_between_fork_and_join()
    {
        HashSet<string> orders = [];
        for (int seed = 0; seed < 40; seed++)
        {
            using var rig = new Rig(new() { Seed = seed });
            CUstream one = rig.Stream();
            CUstream two = rig.Stream();
            CUevent mark = rig.Event();
            CUgraph graph = Capture(
                rig,
                one,
                () =>
                {
                    rig.Enqueue(one, "a", () => { });
                    Rig.Ok(rig.Driver.cuEventRecord(mark, one));
                    Rig.Ok(rig.Driver.cuStreamWaitEvent(two, mark, 0));
                    rig.Enqueue(one, "b", () => { });
                    rig.Enqueue(two, "c", () => { });
                    Rig.Ok(rig.Driver.cuEventRecord(mark, two));
                    Rig.Ok(rig.Driver.cuStreamWaitEvent(one, mark, 0));
                    rig.Enqueue(one, "d", () => { });
                }
            );
            CUgraphExec exec = Instantiate(rig, graph);
            rig.Device.Work.Log = [];
            rig.Enqueue(one, "<", () => { });
            Rig.Ok(rig.Driver.cuGraphLaunch(exec, one));
            // The same graph does not run twice at a time, in whichever stream.
            Rig.Ok(rig.Driver.cuGraphLaunch(exec, two));
            rig.Enqueue(two, ">", () => { });
            Rig.Ok(rig.Driver.cuCtxSynchronize());
            orders.Add(string.Concat(rig.Device.Work.Log));
        }
        Assert.That(
            orders,
            Is.EquivalentTo(
                from first in new[] { "abcd", "acbd" }
                from second in new[] { "abcd", "acbd" }
                select $"<{first}{second}>"
            )
        );
    }

    [Test]
    public void A_graph_can_be_part_of_another()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUgraph inner = Capture(
            rig,
            stream,
            () =>
            {
                rig.Enqueue(stream, "b", () => { });
                rig.Enqueue(stream, "c", () => { });
            }
        );
        CUgraphExec part = Instantiate(rig, inner);
        CUgraph outer = Capture(
            rig,
            stream,
            () =>
            {
                rig.Enqueue(stream, "a", () => { });
                Rig.Ok(rig.Driver.cuGraphLaunch(part, stream));
                rig.Enqueue(stream, "d", () => { });
            }
        );
        Assert.That(
            Types(rig, outer),
            Is.EqualTo(
                new[]
                {
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_KERNEL,
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_GRAPH,
                    CUgraphNodeType.CU_GRAPH_NODE_TYPE_KERNEL,
                }
            )
        );
        rig.Device.Work.Log = [];
        Rig.Ok(rig.Driver.cuGraphLaunch(Instantiate(rig, outer), stream));
        Rig.Ok(rig.Driver.cuStreamSynchronize(stream));
        Assert.That(string.Concat(rig.Device.Work.Log), Is.EqualTo("abcd"));
        Assert.That(rig.Device.Work.Pending, Is.Zero);
    }

    [Test]
    public void Events_can_be_nodes()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUstream other = rig.Stream();
        CUevent begin = rig.Event();
        CUevent end = rig.Event();
        const uint external = (uint)CUevent_record_flags.CU_EVENT_RECORD_EXTERNAL;
        CUgraph graph = Capture(
            rig,
            stream,
            () =>
            {
                Rig.Ok(rig.Driver.cuEventRecordWithFlags(begin, stream, external));
                rig.Enqueue(stream, "work", () => { });
                Rig.Ok(rig.Driver.cuEventRecordWithFlags(end, stream, external));
            }
        );
        CUgraphExec exec = Instantiate(rig, graph);
        Rig.Ok(rig.Driver.cuGraphLaunch(exec, stream));
        Rig.Ok(rig.Driver.cuStreamWaitEvent(other, end, 0));
        Rig.Ok(rig.Driver.cuStreamSynchronize(other));
        float time;
        Rig.Ok(rig.Driver.cuEventElapsedTime(&time, begin, end));
        Assert.That(time, Is.GreaterThanOrEqualTo(0.001f));
    }

    [Test]
    public void An_update_needs_the_same_form()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(0);
        CUstream stream = rig.Stream();
        CUgraph Fill(uint value, bool more = false) =>
            Capture(
                rig,
                stream,
                () =>
                {
                    Rig.Ok(rig.Driver.cuMemsetD32Async(memory, value, 1, stream));
                    if (more)
                        rig.Enqueue(stream, "more", () => { });
                }
            );
        CUgraphExec exec = Instantiate(rig, Fill(0x3F800000));
        CUgraphExecUpdateResultInfo info;
        Rig.Ok(rig.Driver.cuGraphExecUpdate(exec, Fill(0x40000000), &info));
        Rig.Ok(rig.Driver.cuGraphLaunch(exec, stream));
        Rig.Ok(rig.Driver.cuStreamSynchronize(stream));
        Assert.That(rig.Read(memory, 1)[0], Is.EqualTo(2f));
        Rig.Gives(
            rig.Driver.cuGraphExecUpdate(exec, Fill(0, more: true), &info),
            CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE
        );
        Assert.That(
            info.result,
            Is.EqualTo(CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED)
        );
        CUgraph kernel = Capture(rig, stream, () => rig.Enqueue(stream, "other", () => { }));
        Rig.Gives(
            rig.Driver.cuGraphExecUpdate(exec, kernel, &info),
            CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE
        );
        Assert.That(
            info.result,
            Is.EqualTo(CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED)
        );
        Assert.That(info.errorNode.Value, Is.Not.Zero);
    }

    [Test]
    public void A_graph_reads_memory_that_is_there_when_it_runs()
    {
        using var rig = new Rig();
        CUdeviceptr memory = rig.Filled(0);
        CUstream stream = rig.Stream();
        CUgraph graph = Capture(
            rig,
            stream,
            () => Rig.Ok(rig.Driver.cuMemsetD32Async(memory, 0, 1, stream))
        );
        CUgraphExec exec = Instantiate(rig, graph);
        Rig.Ok(rig.Driver.cuMemFree(memory));
        _ = rig.Driver.cuGraphLaunch(exec, stream);
        Rig.Gives(rig.Driver.cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
        rig.Found(FaultKind.UseAfterFree);
    }

    [Test]
    public void A_graph_is_described_while_it_is_captured_and_after()
    {
        using var rig = new Rig();
        CUstream stream = rig.Stream();
        CUgraph during = default;
        CUgraph graph = Capture(
            rig,
            stream,
            () =>
            {
                rig.Enqueue(stream, "first", () => { });
                CUstreamCaptureStatus status;
                ulong id;
                CUgraph so;
                CUgraphNode* after;
                nuint count;
                Rig.Ok(
                    rig.Driver.cuStreamGetCaptureInfo(stream, &status, &id, &so, &after, &count)
                );
                Assert.That((int)count, Is.EqualTo(1));
                CUgraphNodeType type;
                Rig.Ok(rig.Driver.cuGraphNodeGetType(after[0], &type));
                Assert.That(type, Is.EqualTo(CUgraphNodeType.CU_GRAPH_NODE_TYPE_KERNEL));
                Rig.Gives(rig.Driver.cuGraphDestroy(so), CUDA_ERROR_INVALID_VALUE);
                rig.Found(FaultKind.BadArgument);
                during = so;
            }
        );
        Assert.That(graph, Is.EqualTo(during));
        string path = Path.Combine(Path.GetTempPath(), Path.GetRandomFileName());
        try
        {
            fixed (byte* name = Encoding.UTF8.GetBytes(path + "\0"))
                Rig.Ok(rig.Driver.cuGraphDebugDotPrint(graph, name, 0));
            Assert.That(File.ReadAllText(path), Does.Contain("first"));
        }
        finally
        {
            File.Delete(path);
        }
        CUDA_GRAPH_INSTANTIATE_PARAMS parameters = default;
        CUgraphExec exec;
        Rig.Ok(rig.Driver.cuGraphInstantiateWithParams(&exec, graph, &parameters));
        Assert.That(
            parameters.result_out,
            Is.EqualTo(CUgraphInstantiateResult.CUDA_GRAPH_INSTANTIATE_SUCCESS)
        );
        Assert.That(
            rig.Device.LiveHandles().Keys,
            Is.EquivalentTo(new[] { "stream", "graph", "launchable graph" })
        );
    }

    private static CUgraphNodeType[] Types(Rig rig, CUgraph graph)
    {
        nuint count;
        Rig.Ok(rig.Driver.cuGraphGetNodes(graph, null, &count));
        var nodes = new CUgraphNode[(int)count];
        fixed (CUgraphNode* to = nodes)
            Rig.Ok(rig.Driver.cuGraphGetNodes(graph, to, &count));
        return Array.ConvertAll(
            nodes,
            node =>
            {
                CUgraphNodeType type;
                Rig.Ok(rig.Driver.cuGraphNodeGetType(node, &type));
                return type;
            }
        );
    }
}
