using System.Diagnostics.CodeAnalysis;

namespace Sequor.Layers;

/// <summary>
/// How a learning rate changes from step to step. It depends on the step's number and on the highest rate alone, so a checkpoint keeps
/// only the text of the schedule (<see cref="object.ToString"/>), which has to tell all of it, and goes on with no other one.
/// </summary>
public interface IRateSchedule
{
    /// <summary>The rate of a step.</summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="rate">The highest rate.</param>
    /// <exception cref="ArgumentOutOfRangeException">The step's number is negative.</exception>
    [SuppressMessage(
        "Naming",
        "CA1716:Identifiers should not match keywords",
        Justification = "Visual Basic's keyword is what a step of training is called everywhere else."
    )]
    float RateAt(long step, float rate);
}
