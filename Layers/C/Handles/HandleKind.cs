namespace Sequor.C;

/// <summary>What a handle stands for. The numbers are part of handles, and 0 is none.</summary>
internal enum HandleKind : byte
{
    /// <summary>A backend.</summary>
    Backend = 1,

    /// <summary>A model.</summary>
    Model,

    /// <summary>A plan.</summary>
    Plan,

    /// <summary>A loss.</summary>
    Loss,

    /// <summary>An optimizer.</summary>
    Optimizer,

    /// <summary>A training step.</summary>
    Step,

    /// <summary>A tensor.</summary>
    Tensor,

    /// <summary>A copy of what a stream carries.</summary>
    StreamState,
}
