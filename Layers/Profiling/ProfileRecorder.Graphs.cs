namespace Sequor.Layers;

// Steps that are replayed: they are recorded once more, with marks in the graph.
internal sealed partial class ProfileRecorder
{
    public override void PrepareReplay(StepTrace trace)
    {
        if (!_isOpen || _marked.ContainsKey(trace))
            return;
        var record = new StepRecord(_backend);
        // Each operation has a node at least.
        record.Reserve(2 * trace.Work!.Nodes);
        try
        {
            (_target, _records) = (record, true);
            _marked.Add(trace, new MarkedStep(record, _backend.Record(trace.Queue)));
        }
        catch (NotRecordableException e)
        {
            record.Dispose();
            Spoilt = $"its graph cannot be recorded with marks: {e.Message}";
        }
        catch
        {
            record.Dispose();
            throw;
        }
        finally
        {
            (_target, _records) = (_step, false);
        }
    }

    public override bool Replay(StepTrace trace)
    {
        if (!_isOpen || !_marked.TryGetValue(trace, out MarkedStep? marked))
            return false;
        if (marked.IsUsed)
            Spoilt = "it runs one graph twice, whose marks tell the last time alone";
        marked.IsUsed = true;
        IsReplay = true;
        _step.Append(marked.Record);
        marked.Work.Run();
        return true;
    }

    // A graph with marks, and the operations between them.
    private sealed class MarkedStep(StepRecord record, RecordedWork work) : IDisposable
    {
        public StepRecord Record => record;

        public RecordedWork Work => work;

        // Whether the step that is under way has run it.
        public bool IsUsed { get; set; }

        public void Dispose()
        {
            work.Dispose();
            record.Dispose();
        }
    }
}
