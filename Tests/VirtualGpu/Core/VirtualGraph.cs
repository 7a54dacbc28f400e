using Sequor.Native;

namespace Sequor.VirtualGpu;

/// <summary>A piece of work in a graph.</summary>
internal sealed class GraphNode
{
    public GraphNode(
        VirtualDevice device,
        CUgraphNodeType type,
        string name,
        VirtualContext context,
        Action? run
    )
    {
        Type = type;
        Name = name;
        Context = context;
        Run = run;
        Handle = device.GraphNodes.Add(this);
    }

    public nint Handle { get; }

    public CUgraphNodeType Type { get; }

    public string Name { get; }

    public VirtualContext Context { get; }

    public Action? Run { get; }

    public List<GraphNode> After { get; } = [];

    /// <summary>The event that the node records or waits for at each launch.</summary>
    public VirtualEvent? Event { get; init; }

    /// <summary>Whether it copies from the host's memory, whose address the node has.</summary>
    public bool ReadsHost => Name == HostCopy;

    /// <summary>What copies from the host's memory are called.</summary>
    public const string HostCopy = "copy host to device";

    /// <summary>The nodes of a graph within the graph.</summary>
    public IReadOnlyList<GraphNode> Children { get; init; } = [];
}

/// <summary>Recorded work. Nodes stand in the order in which they were recorded.</summary>
internal sealed class VirtualGraph
{
    public List<GraphNode> Nodes { get; } = [];

    /// <summary>Its handle; 0 while it has none.</summary>
    public nint Handle { get; set; }
}

/// <summary>A graph that can be launched: a copy of its nodes.</summary>
internal sealed class VirtualGraphExec(IReadOnlyList<GraphNode> nodes)
{
    public IReadOnlyList<GraphNode> Nodes { get; private set; } = nodes;

    /// <summary>The end of the last launch: a graph does not run twice at a time.</summary>
    private WorkItem? Last { get; set; }

    /// <summary>Puts the graph into a stream.</summary>
    public void Launch(VirtualDevice device, VirtualStream stream)
    {
        WorkItem begin = stream.Next("graph begin", null);
        begin.Follow(Last);
        WorkItem end = Expand(device, Nodes, begin, stream.Context);
        Last = stream.Tail = end;
        device.Work.Drift();
    }

    /// <summary>Takes another graph's nodes over if they have the same form.</summary>
    public CUgraphExecUpdateResult Update(VirtualGraph graph, out GraphNode? culprit)
    {
        culprit = null;
        if (graph.Nodes.Count != Nodes.Count)
            return CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
        Dictionary<GraphNode, int> mine = Numbers(Nodes);
        Dictionary<GraphNode, int> theirs = Numbers(graph.Nodes);
        foreach ((GraphNode old, GraphNode young) in Nodes.Zip(graph.Nodes))
        {
            culprit = young;
            if (old.Type != young.Type)
                return CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
            if (!old.After.Select(n => mine[n]).SequenceEqual(young.After.Select(n => theirs[n])))
                return CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
            if (old.Context != young.Context)
                return CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE;
            // A copy cannot change its direction, which its name says.
            if (old.Type == CUgraphNodeType.CU_GRAPH_NODE_TYPE_MEMCPY && old.Name != young.Name)
                return CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_ERROR_PARAMETERS_CHANGED;
        }
        culprit = null;
        Nodes = [.. graph.Nodes];
        return CUgraphExecUpdateResult.CU_GRAPH_EXEC_UPDATE_SUCCESS;
    }

    private static Dictionary<GraphNode, int> Numbers(IReadOnlyList<GraphNode> nodes) =>
        nodes.Select((n, i) => (n, i)).ToDictionary(p => p.n, p => p.i);

    private static WorkItem Expand(
        VirtualDevice device,
        IReadOnlyList<GraphNode> nodes,
        WorkItem begin,
        VirtualContext context
    )
    {
        var end = new WorkItem("graph end", context, null);
        end.Follow(begin);
        List<WorkItem> items = [begin];
        Dictionary<GraphNode, WorkItem> last = [];
        foreach (GraphNode node in nodes)
        {
            var item = new WorkItem(node.Name, node.Context, node.Run) { IsReplayed = true };
            item.Follow(begin);
            foreach (GraphNode earlier in node.After)
                item.Follow(last[earlier]);
            last[node] = item;
            if (node.Type == CUgraphNodeType.CU_GRAPH_NODE_TYPE_WAIT_EVENT)
                item.Follow(node.Event!.Item);
            if (node.Type == CUgraphNodeType.CU_GRAPH_NODE_TYPE_EVENT_RECORD)
                node.Event!.Item = item;
            if (node.Children.Count > 0)
                last[node] = Expand(device, node.Children, item, node.Context);
            else
                items.Add(item);
            end.Follow(last[node]);
        }
        items.Add(end);
        // A child's begin was added with its own nodes.
        foreach (WorkItem item in items)
            device.Work.Add(item);
        return end;
    }
}
