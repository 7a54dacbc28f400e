namespace Sequor.Layers;

/// <summary>
/// Where a backend's kernels find the tensors of a list of preparations, in the backend's memory: what <see cref="Backend.PlaceWeightNorms"/>
/// and <see cref="Backend.PlaceDiagonals"/> make of that list, whose operations are then given the table. Places are told in floats from
/// those of the first entry's tensors.
/// </summary>
/// <param name="words">The entries, which the table owns.</param>
/// <param name="parameters">The first tensor of parameters.</param>
/// <param name="prepared">The first tensor of what is made of them.</param>
/// <param name="gradients">The first tensor of gradients of parameters; empty where none are computed.</param>
/// <param name="slopes">The first tensor of gradients of what is made of parameters; likewise.</param>
internal sealed class PreparationTable(
    Storage words,
    Tensor parameters,
    Tensor prepared,
    Tensor gradients,
    Tensor slopes
) : IDisposable
{
    /// <summary>The entries.</summary>
    public Storage Words => words;

    /// <summary>Where places of parameters are told from.</summary>
    public Tensor Parameters => parameters;

    /// <summary>Where places of what is made of parameters are told from.</summary>
    public Tensor Prepared => prepared;

    /// <summary>Where places of the parameters' gradients are told from.</summary>
    public Tensor Gradients => gradients;

    /// <summary>Where places of the gradients of what is made of parameters are told from.</summary>
    public Tensor Slopes => slopes;

    public void Dispose() => words.Dispose();
}
