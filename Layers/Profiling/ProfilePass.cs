namespace Sequor.Layers;

/// <summary>The part of a step that an operation belongs to.</summary>
public enum ProfilePass
{
    /// <summary>A plan's forward pass.</summary>
    Forward,

    /// <summary>A loss and the gradient of the output.</summary>
    Loss,

    /// <summary>A plan's backward pass.</summary>
    Backward,

    /// <summary>An optimizer's norm, clipping and update.</summary>
    Update,

    /// <summary>Copies that a caller asked for: inputs, targets, settings and values that are read back.</summary>
    Copy,

    /// <summary>None of these: what lies between operations, and what runs beside the plan.</summary>
    Other,
}
