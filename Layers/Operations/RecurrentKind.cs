namespace Sequor.Layers;

/// <summary>The recurrences that cuDNN knows.</summary>
public enum RecurrentKind
{
    /// <summary>h = tanh(W_ih x + b_ih + W_hh h + b_hh)</summary>
    Tanh,

    /// <summary>h = relu(W_ih x + b_ih + W_hh h + b_hh)</summary>
    Relu,

    /// <summary>Gates input, forget, cell, output.</summary>
    Lstm,

    /// <summary>Gates reset, update, new; the reset acts after the recurrent product.</summary>
    Gru,
}
