namespace Sequor.Reference;

/// <summary>What a recurrent network returns.</summary>
/// <param name="Y">[T, B, H or P], the hidden states of the last layer</param>
/// <param name="FinalHidden">[layers, B, H or P], the hidden state of each layer after the last step</param>
/// <param name="FinalCell">[layers, B, H], the same of the cell state; empty unless LSTM</param>
public sealed record RecurrentResult(double[] Y, double[] FinalHidden, double[] FinalCell);
