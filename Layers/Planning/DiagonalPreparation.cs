namespace Sequor.Layers;

/// <summary>The matrices around the diagonal scans of a plan, or of a layer.</summary>
internal sealed class DiagonalPreparation(Backend backend, bool together)
    : Preparation(backend, together)
{
    private readonly List<Func<DiagonalItem>> _joined = [];
    private DiagonalTensors[] _parameters = [];
    private DiagonalMatrices[] _matrices = [];
    private DiagonalMatrices[] _slopes = [];
    private DiagonalTensors[] _gradients = [];

    public override long TableCount => Backend.DiagonalTableCount(_joined.Count);

    /// <summary>Adds the matrices of a scan.</summary>
    /// <param name="item">Gives their tensors once they have their memory.</param>
    /// <returns>The number by which <see cref="Backward"/> knows them.</returns>
    public int Join(Func<DiagonalItem> item)
    {
        _joined.Add(item);
        return _joined.Count - 1;
    }

    /// <summary>Called by a layer whose backward pass has written the gradients of the matrices.</summary>
    /// <param name="item">The matrices.</param>
    /// <param name="lambda">
    /// The gradient of lambda, [rows, 2N], where that which was joined begins: see <see cref="DiagonalScanOperation.LambdaGradient"/>.
    /// </param>
    public void Backward(int item, Tensor lambda)
    {
        _slopes[item] = _slopes[item] with { Lambda = lambda };
        MarkReady(item);
    }

    private protected override int Gather()
    {
        DiagonalItem[] items = [.. _joined.Select(each => each())];
        _parameters = [.. items.Select(item => item.Parameters)];
        _matrices = [.. items.Select(item => item.Matrices)];
        _slopes = [.. items.Select(item => item.Slopes)];
        _gradients = [.. items.Select(item => item.Gradients)];
        return items.Length;
    }

    private protected override PreparationTable? MakeTable() =>
        Backend.PlaceDiagonals(_parameters, _matrices, _slopes, _gradients);

    private protected override void Prepare() =>
        Backend.DiagonalParametrization(_parameters, _matrices, Table);

    private protected override void RunBackward() =>
        Backend.DiagonalParametrizationGradient(_parameters, _slopes, _gradients, Table);
}

/// <summary>The tensors of the matrices around a scan; those of gradients are empty where there is no backward pass.</summary>
/// <param name="Parameters">What the matrices are made of.</param>
/// <param name="Matrices">The matrices.</param>
/// <param name="Slopes">Their gradients.</param>
/// <param name="Gradients">The gradients of the parameters.</param>
internal readonly record struct DiagonalItem(
    DiagonalTensors Parameters,
    DiagonalMatrices Matrices,
    DiagonalMatrices Slopes,
    DiagonalTensors Gradients
);
