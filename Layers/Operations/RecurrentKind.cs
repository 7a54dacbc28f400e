namespace Sequor.Layers;

/// <summary>The recurrences: those that cuDNN computes, and the linear one.</summary>
public enum RecurrentKind
{
    /// <summary>h = tanh(W_ih x + b_ih + W_hh h + b_hh)</summary>
    Tanh,

    /// <summary>h = relu(W_ih x + b_ih + W_hh h + b_hh)</summary>
    Relu,

    /// <summary>Long short-term memory, with the gates input, forget, cell and output in this order.</summary>
    Lstm,

    /// <summary>
    /// Gated recurrent unit, with the gates reset, update and new in this order; the reset gate multiplies the recurrent product.
    /// </summary>
    Gru,

    /// <summary>h = W_ih x + b_ih + W_hh h + b_hh; cuDNN has no such mode.</summary>
    Linear,
}
