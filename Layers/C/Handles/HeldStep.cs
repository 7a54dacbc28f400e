using Sequor.Layers;

namespace Sequor.C;

/// <summary>A training step that a caller holds: forward, loss, backward and update of what was loaded, captured on a GPU.</summary>
internal sealed class HeldStep
{
    private readonly Loss _loss;
    private readonly Optimizer _optimizer;

    /// <summary>Joins a loss and an optimizer of one plan.</summary>
    /// <exception cref="RefusedException">They belong to different plans, or the plan is not for training.</exception>
    public HeldStep(Loss loss, Optimizer optimizer)
    {
        (_loss, _optimizer) = (loss, optimizer);
        if (loss.Plan != optimizer.Plan)
            throw new RefusedException(
                Status.Argument,
                "The loss and the optimizer belong to different plans; a step is of one."
            );
        Graph = new StepGraph(loss.Plan, Run);
    }

    /// <summary>What runs it.</summary>
    public StepGraph Graph { get; }

    /// <summary>The backend that it runs on.</summary>
    public Backend Backend => _loss.Plan.Backend;

    /// <summary>Refuses a step without an input.</summary>
    public void RequireInput()
    {
        if (_loss.Plan.CurrentInput.Rank == 0)
            throw new RefusedException(
                Status.State,
                "No input was loaded: sequor_plan_set_input comes before a step, and sequor_loss_set_targets."
            );
    }

    private void Run()
    {
        Plan plan = _loss.Plan;
        Shape input = plan.CurrentInput;
        plan.Forward(plan.Input(input.First, input[1]));
        plan.Backward(_loss.Compute());
        _optimizer.Step();
    }
}
