using System.Runtime.InteropServices;
using System.Text;
using Sequor.Native;

namespace Sequor.VirtualGpu;

// The driver's graph functions: instantiating, launching, updating, inspecting and destroying captured graphs.
internal static unsafe partial class DriverLibrary
{
    [UnmanagedCallersOnly(EntryPoint = "cuGraphInstantiateWithFlags")]
    [Since(11040)]
    private static CUresult cuGraphInstantiate(
        CUgraphExec* phGraphExec,
        CUgraph hGraph,
        ulong flags
    ) => Instantiate(nameof(cuGraphInstantiate), phGraphExec, hGraph, flags);

    [UnmanagedCallersOnly(EntryPoint = "cuGraphInstantiateWithParams")]
    [Since(12000)]
    private static CUresult cuGraphInstantiateWithParams(
        CUgraphExec* phGraphExec,
        CUgraph hGraph,
        CUDA_GRAPH_INSTANTIATE_PARAMS* instantiateParams
    )
    {
        const string call = nameof(cuGraphInstantiateWithParams);
        if (instantiateParams == null)
            return Plain(call, d => Bad(d, call, nameof(instantiateParams), "null"));
        CUresult result = Instantiate(call, phGraphExec, hGraph, instantiateParams->flags);
        instantiateParams->hErrNode_out = default;
        instantiateParams->result_out =
            result == Success
                ? CUgraphInstantiateResult.CUDA_GRAPH_INSTANTIATE_SUCCESS
                : CUgraphInstantiateResult.CUDA_GRAPH_INSTANTIATE_ERROR;
        return result;
    }

    private static CUresult Instantiate(
        string call,
        CUgraphExec* to,
        CUgraph handle,
        ulong flags
    ) =>
        With<VirtualGraph>(
            call,
            handle.Value,
            d => d.Graphs,
            (device, graph) =>
            {
                NeedOut(to, call, "phGraphExec");
                if (flags > 15)
                    return Bad(device, call, nameof(flags), $"{flags}");
                // The device cannot launch graphs: it has no kernels that do.
                if (
                    (
                        flags
                        & (ulong)CUgraphInstantiate_flags.CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH
                    ) != 0
                )
                    return CUresult.CUDA_ERROR_NOT_SUPPORTED;
                if (device.Captures.Exists(c => c.Graph == graph))
                    return Bad(
                        device,
                        call,
                        "hGraph",
                        "this graph is still captured",
                        handle.Value
                    );
                var made = new VirtualGraphExec([.. graph.Nodes]);
                *to = new CUgraphExec(device.GraphExecs.Add(made));
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGraphUpload")]
    [Since(11010)]
    private static CUresult cuGraphUpload(CUgraphExec hGraphExec, CUstream hStream) =>
        WithExec(
            nameof(cuGraphUpload),
            hGraphExec,
            hStream,
            (_, stream, _) =>
            {
                if (stream.Capture is { } capture)
                    Spoil([capture], nameof(cuGraphUpload));
                stream.Submit(CUgraphNodeType.CU_GRAPH_NODE_TYPE_EMPTY, "graph upload", null);
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGraphLaunch")]
    [Since(10000)]
    private static CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream) =>
        WithExec(
            nameof(cuGraphLaunch),
            hGraphExec,
            hStream,
            (device, stream, exec) =>
            {
                if (stream.Capture is { } capture)
                    capture.Add(
                        stream,
                        new GraphNode(
                            device,
                            CUgraphNodeType.CU_GRAPH_NODE_TYPE_GRAPH,
                            "graph",
                            stream.Context,
                            null
                        )
                        {
                            Children = exec.Nodes,
                        }
                    );
                else
                    exec.Launch(device, stream);
                return Success;
            }
        );

    private static CUresult WithExec(
        string call,
        CUgraphExec handle,
        CUstream at,
        Func<VirtualDevice, VirtualStream, VirtualGraphExec, CUresult> body
    ) =>
        OnStream(
            call,
            at,
            (device, stream) =>
                device.GraphExecs.Find(handle.Value, call, "hGraphExec") is { } exec
                    ? body(device, stream, exec)
                    : CUresult.CUDA_ERROR_INVALID_VALUE
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGraphExecUpdate_v2")]
    [Since(12000)]
    private static CUresult cuGraphExecUpdate(
        CUgraphExec hGraphExec,
        CUgraph hGraph,
        CUgraphExecUpdateResultInfo* resultInfo
    ) =>
        InContext(
            nameof(cuGraphExecUpdate),
            (device, _) =>
            {
                const string call = nameof(cuGraphExecUpdate);
                NeedOut(resultInfo, call, nameof(resultInfo));
                *resultInfo = default;
                if (
                    device.GraphExecs.Find(hGraphExec.Value, call, nameof(hGraphExec))
                        is not { } exec
                    || device.Graphs.Find(hGraph.Value, call, nameof(hGraph)) is not { } graph
                )
                {
                    resultInfo->result = CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR;
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                }
                resultInfo->result = exec.Update(graph, out GraphNode? culprit);
                resultInfo->errorNode = new CUgraphNode(culprit?.Handle ?? 0);
                return resultInfo->result == CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_SUCCESS
                    ? Success
                    : CUresult.CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGraphExecDestroy")]
    [Since(10000)]
    private static CUresult cuGraphExecDestroy(CUgraphExec hGraphExec) =>
        InContext(
            nameof(cuGraphExecDestroy),
            (device, _) =>
                device.GraphExecs.Remove(
                    hGraphExec.Value,
                    nameof(cuGraphExecDestroy),
                    nameof(hGraphExec)
                )
                    is null
                    ? CUresult.CUDA_ERROR_INVALID_VALUE
                    : Success
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGraphDestroy")]
    [Since(10000)]
    private static CUresult cuGraphDestroy(CUgraph hGraph) =>
        With<VirtualGraph>(
            nameof(cuGraphDestroy),
            hGraph.Value,
            d => d.Graphs,
            (device, graph) =>
            {
                const string call = nameof(cuGraphDestroy);
                if (device.Captures.Exists(c => c.Graph == graph))
                    return Bad(
                        device,
                        call,
                        nameof(hGraph),
                        "this graph is still captured",
                        hGraph.Value
                    );
                device.Graphs.Remove(hGraph.Value, call, nameof(hGraph));
                foreach (GraphNode node in graph.Nodes)
                    device.GraphNodes.Remove(node.Handle, call, nameof(hGraph));
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGraphGetNodes")]
    [Since(10000)]
    private static CUresult cuGraphGetNodes(CUgraph hGraph, CUgraphNode* nodes, nuint* numNodes) =>
        With<VirtualGraph>(
            nameof(cuGraphGetNodes),
            hGraph.Value,
            d => d.Graphs,
            (_, graph) =>
            {
                NeedOut(numNodes, nameof(cuGraphGetNodes), nameof(numNodes));
                int count = graph.Nodes.Count;
                if (nodes != null)
                {
                    // Room beyond what there is gets nulls.
                    for (nuint i = 0; i < *numNodes; i++)
                        nodes[i] =
                            i < (nuint)count
                                ? new CUgraphNode(graph.Nodes[(int)i].Handle)
                                : default;
                    count = (int)Math.Min(*numNodes, (nuint)count);
                }
                *numNodes = (nuint)count;
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGraphNodeGetType")]
    [Since(10000)]
    private static CUresult cuGraphNodeGetType(CUgraphNode hNode, CUgraphNodeType* type) =>
        InContext(
            nameof(cuGraphNodeGetType),
            (device, _) =>
            {
                const string call = nameof(cuGraphNodeGetType);
                NeedOut(type, call, nameof(type));
                if (device.GraphNodes.Find(hNode.Value, call, nameof(hNode)) is not { } node)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                *type = node.Type;
                return Success;
            }
        );

    // Of a copy's parameters those that say where its source lies, which is all that the virtual driver knows of a node.
    [UnmanagedCallersOnly(EntryPoint = "cuGraphMemcpyNodeGetParams")]
    [Since(10000)]
    private static CUresult cuGraphMemcpyNodeGetParams(
        CUgraphNode hNode,
        CUDA_MEMCPY3D* nodeParams
    ) =>
        InContext(
            nameof(cuGraphMemcpyNodeGetParams),
            (device, _) =>
            {
                const string call = nameof(cuGraphMemcpyNodeGetParams);
                NeedOut(nodeParams, call, nameof(nodeParams));
                if (device.GraphNodes.Find(hNode.Value, call, nameof(hNode)) is not { } node)
                    return CUresult.CUDA_ERROR_INVALID_VALUE;
                if (node.Type != CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMCPY)
                    return Bad(device, call, nameof(hNode), $"this node is a {node.Type}");
                *nodeParams = new CUDA_MEMCPY3D
                {
                    srcMemoryType = node.ReadsHost
                        ? CUmemorytype.CU_MEMORYTYPE_HOST
                        : CUmemorytype.CU_MEMORYTYPE_DEVICE,
                };
                return Success;
            }
        );

    [UnmanagedCallersOnly(EntryPoint = "cuGraphDebugDotPrint")]
    [Since(11030)]
    private static CUresult cuGraphDebugDotPrint(CUgraph hGraph, byte* path, uint flags) =>
        With<VirtualGraph>(
            nameof(cuGraphDebugDotPrint),
            hGraph.Value,
            d => d.Graphs,
            (_, graph) =>
            {
                NeedOut(path, nameof(cuGraphDebugDotPrint), nameof(path));
                Dictionary<GraphNode, int> numbers = graph
                    .Nodes.Select((n, i) => (n, i))
                    .ToDictionary(p => p.n, p => p.i);
                var text = new StringBuilder("digraph {\n");
                foreach (GraphNode node in graph.Nodes)
                {
                    text.Append($"  n{numbers[node]} [label=\"{node.Name}\"];\n");
                    foreach (GraphNode earlier in node.After)
                        text.Append($"  n{numbers[earlier]} -> n{numbers[node]};\n");
                }
                try
                {
                    File.WriteAllText(
                        Marshal.PtrToStringUTF8((nint)path)!,
                        text.Append("}\n").ToString()
                    );
                }
                catch (IOException)
                {
                    return CUresult.CUDA_ERROR_OPERATING_SYSTEM;
                }
                return Success;
            }
        );
}
