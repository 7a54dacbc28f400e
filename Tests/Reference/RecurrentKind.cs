namespace Sequor.Reference;

/// <summary>The cell of a recurrent layer.</summary>
public enum RecurrentKind
{
    /// <summary>h' = tanh(W_ih x + b_ih + W_hh h + b_hh).</summary>
    Tanh,

    /// <summary>h' = max(W_ih x + b_ih + W_hh h + b_hh, 0).</summary>
    Relu,

    /// <summary>Hochreiter and Schmidhuber 1997, with a forget gate; gates input, forget, cell, output.</summary>
    Lstm,

    /// <summary>Cho et al. 2014, with the reset after the recurrent product; gates reset, update, new.</summary>
    Gru,

    /// <summary>h' = W_ih x + b_ih + W_hh h + b_hh.</summary>
    Linear,
}
