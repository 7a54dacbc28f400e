using Sequor.Interop;

namespace Sequor.Layers.Cuda;

// Captures work as a CUDA graph, and counts the nodes of such a graph.
public sealed partial class CudaBackend
{
    internal override bool IsRecording => Stream.IsCapturing;

    internal override string? RecordsNothing =>
        !_graphs ? "graphs are switched off"
        : Stream.Handle.Value == 0 ? "the legacy default stream cannot be captured"
        : null;

    internal override RecordedWork Record(Action work)
    {
        try
        {
            using CudaGraph graph = CudaGraph.Capture(Stream, work);
            RequireOfDevice(graph);
            return new Captured(this, graph);
        }
        catch (Exception e) when (e is CudaException or CudnnException or CublasException)
        {
            throw new NotRecordableException(e.Message, e);
        }
    }

    // Values that a library takes from the host would be those that are there when the graph is launched.
    private static void RequireOfDevice(CudaGraph graph)
    {
        int reads = graph.CountHostReads();
        if (reads > 0)
            throw new NotRecordableException(
                $"a library reads the host's memory in the step ({Amount.Of(reads, "node")} of its graph), which may hold something else when the graph is launched"
            );
    }

    internal override long CountRecorded(Action work)
    {
        try
        {
            using CudaGraph graph = CudaGraph.Capture(Stream, work);
            return graph.NodeCount;
        }
        catch (Exception e) when (e is CudaException or CudnnException or CublasException)
        {
            throw new NotRecordableException(e.Message, e);
        }
    }

    internal override void RequireNotRecording(string reason)
    {
        Tracer?.Stop(reason);
        if (Stream.IsCapturing)
            throw new NotRecordableException(reason);
    }

    private sealed class Captured : RecordedWork
    {
        private readonly CudaBackend _backend;
        private readonly CudaGraphExec _graph;
        private readonly long _bytes;

        public Captured(CudaBackend backend, CudaGraph graph)
        {
            _backend = backend;
            Nodes = graph.NodeCount;
            long free = backend.Context.DeviceMemory.Free;
            _graph = graph.Instantiate();
            try
            {
                _graph.Upload(backend.Stream);
                _bytes = System.Math.Max(0, free - backend.Context.DeviceMemory.Free);
            }
            catch
            {
                _graph.Dispose();
                throw;
            }
            backend.Memory.AddFound(MemoryCategory.Graphs, _bytes);
        }

        public override long Nodes { get; }

        public override void Run() => _graph.Launch(_backend.Stream);

        public override void Dispose()
        {
            if (_graph.IsDisposed)
                return;
            _graph.Dispose();
            _backend.Memory.Remove(MemoryCategory.Graphs, _bytes);
        }
    }
}
