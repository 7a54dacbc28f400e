namespace Sequor.Layers.Cuda;

/// <summary>The time that measuring may take: so much for a shape, and so much for all shapes of a plan.</summary>
internal sealed class TuningBudget(TimeProvider clock, TimeSpan shape, TimeSpan plan)
{
    private long _planBegan = clock.GetTimestamp();
    private long _shapeBegan = clock.GetTimestamp();

    public void BeginPlan() => _planBegan = clock.GetTimestamp();

    public void BeginShape() => _shapeBegan = clock.GetTimestamp();

    /// <summary>Whether the plan's time is over.</summary>
    public bool PlanIsOver => LeftOf(plan, _planBegan) <= TimeSpan.Zero;

    /// <summary>Time that is left for the shape.</summary>
    public TimeSpan Left
    {
        get
        {
            (TimeSpan a, TimeSpan b) = (LeftOf(shape, _shapeBegan), LeftOf(plan, _planBegan));
            return a < b ? a : b;
        }
    }

    private TimeSpan LeftOf(TimeSpan all, long began) => all - clock.GetElapsedTime(began);
}
