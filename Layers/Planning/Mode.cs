namespace Sequor.Layers;

/// <summary>What a plan can do.</summary>
public enum Mode
{
    /// <summary>Forward and backward; dropout acts.</summary>
    Training,

    /// <summary>Forward only, with no memory for more; no dropout.</summary>
    Evaluation,

    /// <summary>
    /// Forward only, one step or a few at a time: each call goes on where the last one stopped, and the outputs are those of
    /// the whole sequence. Weights are taken when the stream begins.
    /// </summary>
    Streaming,
}
