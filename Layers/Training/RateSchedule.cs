namespace Sequor.Layers;

/// <summary>
/// How a learning rate changes from step to step. It depends on the step's number and on the highest rate alone, and what describes it
/// (<see cref="object.ToString"/>) is kept in checkpoints, which go on with no other one.
/// </summary>
public abstract record RateSchedule
{
    private protected RateSchedule() { }

    /// <summary>The rate of a step.</summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="rate">The highest rate.</param>
    /// <exception cref="ArgumentOutOfRangeException">The step's number is negative.</exception>
    public abstract float RateAt(long step, float rate);
}
