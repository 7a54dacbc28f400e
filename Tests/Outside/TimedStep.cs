using Sequor.Layers;

namespace Sequor.Outside;

/// <summary>A training step whose forward pass, backward pass and update are timed apart.</summary>
public sealed class TimedStep : IDisposable
{
    private readonly Plan _plan;
    private readonly Loss _loss;
    private readonly Optimizer _optimizer;
    private readonly TimeMark[] _marks = new TimeMark[4];
    private readonly StepGraph _graph;

    public TimedStep(Plan plan, Loss loss, Optimizer optimizer)
    {
        (_plan, _loss, _optimizer) = (plan, loss, optimizer);
        for (int i = 0; i < _marks.Length; i++)
            _marks[i] = plan.Backend.CreateMark();
        _graph = new StepGraph(plan, Step);
    }

    /// <summary>Steps that ran as a graph.</summary>
    public long Replays => _graph.Replays;

    /// <summary>Milliseconds of the parts of a step.</summary>
    public (double Forward, double Backward, double Update) Run(
        ReadOnlySpan<float> x,
        ReadOnlySpan<float> targets,
        int length,
        int batch
    )
    {
        _plan.SetInput(x, length, batch);
        _loss.SetTargets(targets);
        _marks[0].Record();
        _graph.Run();
        _marks[3].Record();
        return (
            _marks[1].MillisecondsSince(_marks[0]),
            _marks[2].MillisecondsSince(_marks[1]),
            _marks[3].MillisecondsSince(_marks[2])
        );
    }

    private void Step()
    {
        _plan.Forward(_plan.Input(_plan.MaxLength, _plan.MaxBatch));
        _marks[1].Record();
        _plan.Backward(_loss.Compute());
        _marks[2].Record();
        _optimizer.Step();
    }

    public void Dispose()
    {
        _graph.Dispose();
        foreach (TimeMark mark in _marks)
            mark.Dispose();
    }
}
