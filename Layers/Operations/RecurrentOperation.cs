using System.Diagnostics;

namespace Sequor.Layers;

/// <summary>How the sequences of a batch lie in x and y; these are cuDNN's data layouts.</summary>
internal enum RecurrentDataLayout
{
    /// <summary>[T, B, C], with the sequences in any order: CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED.</summary>
    SeqMajorUnpacked,

    /// <summary>
    /// [N, 1, C], where N is the sum of the lengths and longer sequences come first. Steps follow each other, and each has one row for
    /// every sequence that is long enough to reach it. CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED.
    /// </summary>
    SeqMajorPacked,
}

/// <summary>The kind, options and largest sizes of a recurrent network.</summary>
internal readonly record struct RecurrentDescriptor(
    RecurrentKind Kind,
    int InputSize,
    int HiddenSize
)
{
    public int Layers { get; init; } = 1;
    public bool Bidirectional { get; init; }
    public RecurrentBias Bias { get; init; } = RecurrentBias.DoubleBias;

    /// <summary>The channels that an LSTM's output is projected to before it is passed on; 0 for no projection.</summary>
    public int ProjectionSize { get; init; }

    /// <summary>Bounds that an LSTM's cell state is clipped to where it is read; null for none.</summary>
    public CellClip? CellClip { get; init; }

    /// <summary>The probability that an output of a layer is dropped before the next layer, in training.</summary>
    public float Dropout { get; init; }

    /// <summary>The first of the random stream numbers that dropout uses: one for each layer but the last.</summary>
    public int DropoutStream { get; init; }

    /// <summary>The seed for a backend whose library draws random numbers of its own.</summary>
    public ulong DropoutSeed { get; init; }

    /// <summary>Whether the backward pass is asked for the gradient of x.</summary>
    public bool InputGradient { get; init; } = true;

    /// <summary>Whether states are given or wanted in either pass.</summary>
    public bool States { get; init; } = true;
    public int MaxLength { get; init; } = 1;
    public int MaxBatch { get; init; } = 1;
    public bool Training { get; init; }

    /// <summary>Whether the sequences of a batch may differ in length.</summary>
    public bool VariableLengths { get; init; }

    /// <summary>How x, y and their gradients lie in memory.</summary>
    public RecurrentDataLayout DataLayout { get; init; }

    public int Gates =>
        Kind switch
        {
            RecurrentKind.Lstm => 4,
            RecurrentKind.Gru => 3,
            RecurrentKind.Tanh or RecurrentKind.Relu or RecurrentKind.Linear => 1,
            _ => throw new UnreachableException($"no gates of {Kind}"),
        };

    public int Directions => Bidirectional ? 2 : 1;

    /// <summary>The channels of the hidden state h, which is also the output of one direction.</summary>
    public int StateSize => ProjectionSize > 0 ? ProjectionSize : HiddenSize;

    /// <summary>The channels of a layer's output, both directions side by side.</summary>
    public int OutputSize => Directions * StateSize;

    public int LayerInput(int layer) => layer == 0 ? InputSize : OutputSize;

    public bool DropsOut => Training && Dropout > 0 && Layers > 1;

    /// <summary>The number of values of all parameters. It does not overflow, however large the sizes are.</summary>
    public Int128 ParameterCount
    {
        get
        {
            Int128 rows = (Int128)Gates * HiddenSize;
            int biases = Bias switch
            {
                RecurrentBias.NoBias => 0,
                RecurrentBias.DoubleBias => 2,
                RecurrentBias.SingleInputBias or RecurrentBias.SingleRecurrentBias => 1,
                _ => throw new UnreachableException($"no biases of {Bias}"),
            };
            Int128 common =
                rows * ((Int128)StateSize + biases) + (Int128)ProjectionSize * HiddenSize;
            Int128 above = rows * Directions * StateSize + common;
            return Directions * (rows * InputSize + common + (Layers - 1) * above);
        }
    }

    /// <summary>The values of all matrices, each of which meets every step of every sequence.</summary>
    public long MatrixValues
    {
        get
        {
            long values = 0;
            foreach ((_, Shape shape) in Parameters())
                values += shape.Rank == 2 ? shape.Count : 0;
            return values;
        }
    }

    /// <summary>What the names of a layer's parameters end in, such as l0_reverse.</summary>
    public static string PlaceName(int layer, int direction) =>
        direction == 0 ? $"l{layer}" : $"l{layer}_reverse";

    /// <summary>The parameters one after the other, for a backend that lays them out itself.</summary>
    public ParameterLayout PlainLayout()
    {
        var offsets = new Dictionary<string, long>();
        long offset = 0;
        foreach ((string name, Shape shape) in Parameters())
        {
            offsets[name] = offset;
            offset += shape.Count;
        }
        return new ParameterLayout(offset, offsets);
    }

    /// <summary>The names and shapes of the parameters, as in PyTorch and in its order.</summary>
    public IEnumerable<(string Name, Shape Shape)> Parameters()
    {
        int rows = Gates * HiddenSize;
        for (int layer = 0; layer < Layers; layer++)
        {
            for (int direction = 0; direction < Directions; direction++)
            {
                string place = PlaceName(layer, direction);
                yield return ($"weight_ih_{place}", new Shape(rows, LayerInput(layer)));
                yield return ($"weight_hh_{place}", new Shape(rows, StateSize));
                if (Bias is RecurrentBias.SingleInputBias or RecurrentBias.DoubleBias)
                    yield return ($"bias_ih_{place}", new Shape(rows));
                if (Bias is RecurrentBias.SingleRecurrentBias or RecurrentBias.DoubleBias)
                    yield return ($"bias_hh_{place}", new Shape(rows));
                if (ProjectionSize > 0)
                    yield return ($"weight_hr_{place}", new Shape(ProjectionSize, HiddenSize));
            }
        }
    }
}

/// <summary>
/// The operands of a recurrent network. States are [layers * directions, B, H], with layer l and direction d at l * directions + d; hidden
/// states are [layers * directions, B, P] with a projection. Empty initial states count as zeros, and empty final states are not wanted.
/// Final cell states are stored before any clipping.
/// </summary>
internal readonly record struct RecurrentOperands
{
    /// <summary>The input, [T, B, I]; packed [N, 1, I].</summary>
    public required Tensor X { get; init; }

    /// <summary>The output, [T, B, directions * H or P], zero after a sequence's end; packed [N, 1, directions * H or P].</summary>
    public required Tensor Y { get; init; }

    /// <summary>The block of parameters, laid out by <see cref="Backend.RecurrentLayout"/>.</summary>
    public required Tensor Parameters { get; init; }
    public Tensor InitialHidden { get; init; }
    public Tensor InitialCell { get; init; }
    public Tensor FinalHidden { get; init; }
    public Tensor FinalCell { get; init; }

    /// <summary>Whether the parameters are those of the last call and no one has written to the workspace since.</summary>
    public bool SameWeights { get; init; }

    /// <summary>
    /// The steps of each sequence, from 1 to T; null where all have T steps, and x is then [T, B, C] in either layout. Packed lengths never
    /// increase. They are in host memory, since cuDNN also reads them there.
    /// </summary>
    public int[]? Lengths { get; init; }

    /// <summary>
    /// For packed data, how many of the lengths are the batch's; 0 for all of them. A packed x does not tell its batch size.
    /// </summary>
    public int PackedBatch { get; init; }

    /// <summary>
    /// For each packed sequence, the index of its state within the batch; each index occurs once. Null where it is the sequence's own
    /// index. It allows the states to be in the caller's order.
    /// </summary>
    public int[]? PackedOrder { get; init; }

    /// <summary>The layout that the packed lengths and order come from, for backends that keep it in their own memory.</summary>
    public SequenceLayout? PackedLayout { get; init; }
    public RandomStream? Random { get; init; }
    public required Tensor Reserve { get; init; }
    public required Tensor Workspace { get; init; }

    /// <summary>Adds to a report what both passes read.</summary>
    public OperationReport Describe(OperationReport report) =>
        report.Reads(X, Parameters, InitialHidden, InitialCell).Scratch(Workspace);
}

/// <summary>
/// The gradients of a recurrent network's operands. An empty one counts as zeros where it is read, and is not wanted where it would be
/// written.
/// </summary>
internal readonly record struct RecurrentGradients
{
    /// <summary>
    /// Read. Where it has fewer steps than y, it is the gradient of the last steps, and that of the others is zero. Packed, it has all
    /// rows.
    /// </summary>
    public required Tensor Y { get; init; }

    /// <summary>Read.</summary>
    public Tensor FinalHidden { get; init; }

    /// <summary>Read.</summary>
    public Tensor FinalCell { get; init; }

    /// <summary>Written; zero after a sequence's end.</summary>
    public Tensor X { get; init; }

    /// <summary>Written.</summary>
    public Tensor InitialHidden { get; init; }

    /// <summary>Written.</summary>
    public Tensor InitialCell { get; init; }

    /// <summary>Added to.</summary>
    public required Tensor Parameters { get; init; }
}

/// <summary>A recurrent network. The forward pass leaves a reserve that the backward pass reads.</summary>
/// <param name="backend">The backend.</param>
/// <param name="descriptor">The network.</param>
internal abstract class RecurrentOperation(Backend backend, in RecurrentDescriptor descriptor)
    : PlannedOperation(backend)
{
    private readonly bool _training = descriptor.Training;
    private readonly long _matrixValues = descriptor.MatrixValues;

    /// <summary>Whether a vendor's library does the work, whose traffic is its own.</summary>
    private protected virtual bool IsInLibrary => false;

    /// <summary>The number of floats that forward leaves for backward, besides x and y.</summary>
    public abstract long ReserveCount { get; }

    /// <summary>The category under which the ledger counts the reserve.</summary>
    public virtual MemoryCategory ReserveCategory => MemoryCategory.Activations;

    /// <summary>The library's own random states, if dropout draws from those instead of a <see cref="RandomStream"/>; else null.</summary>
    public virtual LibraryRandom? LibraryRandom => null;

    /// <exception cref="ArgumentException">The data is packed, and its number of rows or its lengths do not fit each other.</exception>
    public void Forward(in RecurrentOperands operands)
    {
        OperationReport? report = Report(OperationName.Recurrent);
        using Backend.OperationScope scope = Begin(
            report is null
                ? null
                : operands
                    .Describe(report)
                    .Writes(operands.Y, operands.FinalHidden, operands.FinalCell)
                    .Writes(_training ? operands.Reserve : default)
                    .Costs(2 * _matrixValues * operands.X.Shape.Rows)
                    .InLibrary(IsInLibrary)
        );
        ForwardCore(operands);
    }

    /// <inheritdoc cref="Forward"/>
    protected abstract void ForwardCore(in RecurrentOperands operands);

    public void Backward(in RecurrentOperands operands, in RecurrentGradients gradients)
    {
        OperationReport? report = Report(OperationName.RecurrentGradient);
        // The gradients of the data and of the weights take as many operations each as forward does.
        using Backend.OperationScope scope = Begin(
            report is null
                ? null
                : operands
                    .Describe(report)
                    .Reads(operands.Y, gradients.Y, gradients.FinalHidden, gradients.FinalCell)
                    .Updates(operands.Reserve, gradients.Parameters)
                    .Writes(gradients.X, gradients.InitialHidden, gradients.InitialCell)
                    .Costs(4 * _matrixValues * operands.X.Shape.Rows)
                    .InLibrary(IsInLibrary)
        );
        BackwardCore(operands, gradients);
    }

    /// <inheritdoc cref="Backward"/>
    protected abstract void BackwardCore(
        in RecurrentOperands operands,
        in RecurrentGradients gradients
    );
}
