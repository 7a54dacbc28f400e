namespace Sequor.Layers;

/// <summary>What a block of memory is for.</summary>
public enum MemoryCategory
{
    /// <summary>A model's weights.</summary>
    Parameters,

    /// <summary>Gradients of the weights.</summary>
    Gradients,

    /// <summary>An optimizer's state.</summary>
    Optimizer,

    /// <summary>What the forward pass keeps for the backward pass, outputs included.</summary>
    Activations,

    /// <summary>
    /// What a vendor's library keeps from its forward to its backward pass; it alone knows what that is, and says how much.
    /// </summary>
    Reserve,

    /// <summary>Scratch that holds nothing between two operations or two layers.</summary>
    Workspace,

    /// <summary>Inputs, targets, losses, and the states of recurrent layers that a caller asked for.</summary>
    InputOutput,

    /// <summary>
    /// What a GPU's driver took for recorded steps. It tells no graph's size: this is by how much the device's free memory shrank
    /// while each was made, in the driver's own large pieces, and with what other programs took or gave back meanwhile.
    /// </summary>
    Graphs,
}
