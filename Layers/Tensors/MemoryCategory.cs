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
    /// What a vendor's library keeps from its forward to its backward pass. Only the library knows what that is; it says how much.
    /// </summary>
    Reserve,

    /// <summary>Scratch memory, which holds nothing between two operations or two layers.</summary>
    Workspace,

    /// <summary>Inputs, targets, losses, and the states of recurrent layers that a caller asked for.</summary>
    InputOutput,

    /// <summary>
    /// What a GPU's driver took for recorded steps. It tells no graph's size: this is by how much the device's free memory shrank
    /// while each was made, in the driver's own large pieces, and with what other programs took or gave back meanwhile.
    /// </summary>
    Graphs,
}
