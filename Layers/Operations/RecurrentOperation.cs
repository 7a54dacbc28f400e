using System.Diagnostics;

namespace Sequor.Layers;

/// <summary>How the sequences of a batch lie in x and y: cuDNN's data layouts.</summary>
internal enum RecurrentDataLayout
{
    /// <summary>[T, B, C], sequences in any order: CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED.</summary>
    SeqMajorUnpacked,

    /// <summary>
    /// [N, 1, C] with N the sum of lengths, sequences in the order of falling length: step after step, each with a row for
    /// every sequence that is longer than the steps before. CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED.
    /// </summary>
    SeqMajorPacked,
}

/// <summary>A recurrent network, for its largest shape.</summary>
internal readonly record struct RecurrentDescriptor(
    RecurrentKind Kind,
    int InputSize,
    int HiddenSize
)
{
    public int Layers { get; init; } = 1;
    public bool Bidirectional { get; init; }
    public RecurrentBias Bias { get; init; } = RecurrentBias.DoubleBias;

    /// <summary>Channels that an LSTM's output is projected to before it is handed on; 0 for no projection.</summary>
    public int ProjectionSize { get; init; }

    /// <summary>Bounds that an LSTM's cell state is read within; null for none.</summary>
    public CellClip? CellClip { get; init; }

    /// <summary>Probability that an output of a layer is dropped on its way to the next one, in training.</summary>
    public float Dropout { get; init; }

    /// <summary>The first of the numbers of random streams that dropout uses, one for each layer but the last.</summary>
    public int DropoutStream { get; init; }

    /// <summary>Seed for a backend whose library has random numbers of its own.</summary>
    public ulong DropoutSeed { get; init; }

    /// <summary>Backward is asked for the gradient by x.</summary>
    public bool InputGradient { get; init; } = true;

    /// <summary>States are given or wanted, in either pass.</summary>
    public bool States { get; init; } = true;
    public int MaxLength { get; init; } = 1;
    public int MaxBatch { get; init; } = 1;
    public bool Training { get; init; }

    /// <summary>Sequences of a batch may differ in length.</summary>
    public bool VariableLengths { get; init; }

    /// <summary>How x, y and their gradients lie.</summary>
    public RecurrentDataLayout DataLayout { get; init; }

    public int Gates =>
        Kind switch
        {
            RecurrentKind.Lstm => 4,
            RecurrentKind.Gru => 3,
            RecurrentKind.Tanh or RecurrentKind.Relu => 1,
            _ => throw new UnreachableException($"no gates of {Kind}"),
        };

    public int Directions => Bidirectional ? 2 : 1;

    /// <summary>Channels of the hidden state: h, which is also the output.</summary>
    public int StateSize => ProjectionSize > 0 ? ProjectionSize : HiddenSize;

    /// <summary>Channels of a layer's output: of both directions side by side.</summary>
    public int OutputSize => Directions * StateSize;

    public int LayerInput(int layer) => layer == 0 ? InputSize : OutputSize;

    public bool DropsOut => Training && Dropout > 0 && Layers > 1;

    /// <summary>Values of all parameters, for sizes however large.</summary>
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

    /// <summary>Names and shapes of the parameters, both PyTorch's and in its order.</summary>
    public IEnumerable<(string Name, Shape Shape)> Parameters()
    {
        int rows = Gates * HiddenSize;
        for (int layer = 0; layer < Layers; layer++)
        {
            for (int direction = 0; direction < Directions; direction++)
            {
                string place = direction == 0 ? $"l{layer}" : $"l{layer}_reverse";
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
/// Operands of a recurrent network. States are [layers * directions, B, H], those of layer l and direction d at
/// l * directions + d, hidden ones [.., P] with a projection; empty initial states are zero, empty final states are not
/// wanted. Final cells are as they are before any clipping.
/// </summary>
internal readonly record struct RecurrentOperands
{
    /// <summary>[T, B, I]; packed [N, 1, I].</summary>
    public required Tensor X { get; init; }

    /// <summary>[T, B, directions * H or P], zero beyond a sequence's end; packed [N, 1, directions * H or P].</summary>
    public required Tensor Y { get; init; }

    /// <summary>The block laid out by <see cref="Backend.RecurrentLayout"/>.</summary>
    public required Tensor Parameters { get; init; }
    public Tensor InitialHidden { get; init; }
    public Tensor InitialCell { get; init; }
    public Tensor FinalHidden { get; init; }
    public Tensor FinalCell { get; init; }

    /// <summary>The parameters are those of the last call, and the workspace was left alone since.</summary>
    public bool SameWeights { get; init; }

    /// <summary>
    /// Steps of each sequence, 1 to T; null where all have T, and x is then [T, B, C] in either layout. Packed data has none
    /// above the one before it. In host memory: cuDNN reads them there too.
    /// </summary>
    public int[]? Lengths { get; init; }

    /// <summary>How many of the lengths count, where the data is packed, which does not say it; 0 for all of them.</summary>
    public int PackedBatch { get; init; }

    /// <summary>
    /// Where the state of each packed sequence lies in its batch, each place once; null where it is that of the sequence. So
    /// states can have an order of their own.
    /// </summary>
    public int[]? PackedOrder { get; init; }

    /// <summary>The layout that packed lengths and order are of, for backends that keep it in their own memory.</summary>
    public SequenceLayout? PackedLayout { get; init; }
    public RandomStream? Random { get; init; }
    public required Tensor Reserve { get; init; }
    public required Tensor Workspace { get; init; }
}

/// <summary>Gradients of a recurrent network's operands; empty ones are zero where read and not wanted where written.</summary>
internal readonly record struct RecurrentGradients
{
    /// <summary>
    /// Read. Where it has fewer steps than y, it is the gradient of the last ones, the others' being zero; packed, it has
    /// all rows.
    /// </summary>
    public required Tensor Y { get; init; }

    /// <summary>Read.</summary>
    public Tensor FinalHidden { get; init; }

    /// <summary>Read.</summary>
    public Tensor FinalCell { get; init; }

    /// <summary>Written; zero beyond a sequence's end.</summary>
    public Tensor X { get; init; }

    /// <summary>Written.</summary>
    public Tensor InitialHidden { get; init; }

    /// <summary>Written.</summary>
    public Tensor InitialCell { get; init; }

    /// <summary>Added to.</summary>
    public required Tensor Parameters { get; init; }
}

/// <summary>A recurrent network. The reserve passes from forward to backward.</summary>
internal abstract class RecurrentOperation : PlannedOperation
{
    /// <summary>Floats that forward leaves for backward, beside x and y.</summary>
    public abstract long ReserveCount { get; }

    /// <summary>What the ledger counts that under.</summary>
    public virtual MemoryCategory ReserveCategory => MemoryCategory.Activations;

    /// <summary>Where dropout draws from, if that is no <see cref="RandomStream"/> but a library's own; else null.</summary>
    public virtual LibraryRandom? LibraryRandom => null;

    /// <exception cref="ArgumentException">The data is packed, and its rows or lengths are not those of a packed batch.</exception>
    public abstract void Forward(in RecurrentOperands operands);

    public abstract void Backward(in RecurrentOperands operands, in RecurrentGradients gradients);
}
