namespace Sequor.Layers;

/// <summary>Whether a plan trains, evaluates or streams.</summary>
public enum Mode
{
    /// <summary>The plan has forward and backward passes, and dropout is applied.</summary>
    Training,

    /// <summary>The plan has forward passes only, without dropout and without memory for gradients.</summary>
    Evaluation,

    /// <summary>
    /// The plan has forward passes only, on one step or a few at a time. Each call continues where the last one stopped, and the outputs
    /// are those that the whole sequence would give. Each call computes with the parameters that the model has then; what depends on them
    /// alone is prepared once and again when they have changed, by an optimizer, a file or a write to one of them. Who writes to them by an
    /// address, or replays a graph of his own that does, tells it by <see cref="Plan.Reset"/>.
    /// </summary>
    Streaming,
}
