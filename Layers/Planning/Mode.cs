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
    /// are those that the whole sequence would give. A stream uses the weights that the model has when it begins.
    /// </summary>
    Streaming,
}
