namespace Sequor.Layers;

/// <summary>Whether a plan trains, evaluates or streams.</summary>
public enum Mode
{
    /// <summary>Forward and backward passes; dropout is applied.</summary>
    Training,

    /// <summary>Forward passes only, without dropout and without memory for gradients.</summary>
    Evaluation,

    /// <summary>
    /// Forward passes only, on one step or a few at a time. Each call goes on where the last one stopped, and the outputs are those
    /// that the whole sequence would have. A stream uses the weights that the model has when it begins.
    /// </summary>
    Streaming,
}
