namespace Sequor.Layers;

/// <summary>
/// Is told of what a backend does while it does it: steps, passes, layers and operations, each with a begin and an end. Calls come on the
/// host, when the work is queued. A probe allocates nothing in them once it has seen the step before.
/// </summary>
internal abstract class StepProbe
{
    /// <summary>A step begins. The calls that follow, until its end, are its passes, layers and operations.</summary>
    public virtual void BeginStep() { }

    /// <summary>The step has been queued.</summary>
    public virtual void EndStep() { }

    /// <summary>A pass of a plan, a loss or an optimizer begins.</summary>
    /// <param name="pass">Which one.</param>
    /// <param name="of">The <see cref="Plan"/>, <see cref="Loss"/> or <see cref="Optimizer"/>.</param>
    public virtual void BeginPass(ProfilePass pass, object of) { }

    /// <summary>The last pass that began ends.</summary>
    public virtual void EndPass() { }

    /// <summary>A layer's forward or backward pass begins. Layers within it come before its end.</summary>
    /// <param name="layer">The layer, which is the same object in every step of its plan.</param>
    /// <param name="pass">Forward or Backward.</param>
    public virtual void BeginLayer(PlannedLayer layer, ProfilePass pass) { }

    /// <summary>The last layer that began ends.</summary>
    public virtual void EndLayer() { }

    /// <summary>An operation begins. None begins within another.</summary>
    /// <param name="operation">What it does. The object is used again by the next operation.</param>
    public virtual void BeginOperation(OperationReport operation) { }

    /// <summary>The operation has been queued.</summary>
    /// <param name="operation">What it does, with its launches.</param>
    public virtual void EndOperation(OperationReport operation) { }

    /// <summary>
    /// A step that was recorded is going to be queued as one piece. A probe that wants its marks within records it anew here, by
    /// <see cref="StepTrace.Queue"/>.
    /// </summary>
    public virtual void PrepareReplay(StepTrace trace) { }

    /// <summary>A step that was recorded is queued as one piece. A probe that recorded it anew queues that instead.</summary>
    /// <param name="trace">The step.</param>
    /// <returns>Whether the probe queued it.</returns>
    public virtual bool Replay(StepTrace trace) => false;
}
