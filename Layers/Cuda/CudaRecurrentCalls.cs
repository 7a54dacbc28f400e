using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>
/// cuDNN's calls of a recurrent network, with the descriptors of the batch that runs. Descriptors that a recorded step was given
/// are never set again, since cuDNN does not say what of them, or of their arrays of lengths, a replay reads.
/// </summary>
internal sealed class CudaRecurrentCalls : IDisposable
{
    private const cudnnRNNDataLayout_t Packed =
        cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_PACKED;

    private readonly CudaBackend _backend;
    private readonly RnnDescriptor _rnn;
    private readonly cudnnRNNDataLayout_t _layout;
    private readonly List<CuDnnRnn<float>> _recorded = [];
    private readonly int[] _full;
    private CuDnnRnn<float>? _free;

    /// <param name="backend">Whose cuDNN runs it.</param>
    /// <param name="rnn">The network.</param>
    /// <param name="layout">
    /// How batches lie. Packed rows of sequences of one length lie as those of [T, B, C], so a layout serves all batches of a plan.
    /// </param>
    /// <param name="mostBatch">Sequences of the largest batch.</param>
    public CudaRecurrentCalls(
        CudaBackend backend,
        RnnDescriptor rnn,
        cudnnRNNDataLayout_t layout,
        int mostBatch
    )
    {
        (_backend, _rnn, _layout) = (backend, rnn, layout);
        _full = new int[mostBatch];
        Now = _free = CuDnnRnn<float>.Create(backend.CuDnn, rnn);
    }

    /// <summary>The calls for the batch that was set last.</summary>
    public CuDnnRnn<float> Now { get; private set; }

    /// <summary>Sets a batch whose sequences all have as many steps. Where it is the one before, cuDNN is not told again.</summary>
    public void Set(int steps, int batch)
    {
        _full.AsSpan(0, batch).Fill(steps);
        Set(steps, _full.AsSpan(0, batch));
    }

    /// <summary>Sets a batch of sequences that differ in length.</summary>
    public void Set(int steps, ReadOnlySpan<int> lengths)
    {
        if (!IsOf(Now, steps, lengths))
        {
            Now = Recorded(steps, lengths) ?? Free();
            if (!IsOf(Now, steps, lengths))
                Now.SetShape(_layout, steps, lengths);
        }
        if (ReferenceEquals(Now, _free) && _backend.IsRecording)
        {
            _recorded.Add(_free);
            _free = null;
        }
    }

    /// <summary>
    /// The most memory that training or evaluation of some batches wants: those of the largest sizes, of their halves, quarters and
    /// so on. Which others want more is not known before they are set, since sizes are not monotonic (cuDNN's manual on
    /// cudnnGetRNNTempSpaceSizes). Leaves the largest batch set.
    /// </summary>
    /// <returns>Bytes of scratch and of reserve.</returns>
    public (long Workspace, long Reserve) Most(int steps, int batch, bool training)
    {
        (long workspace, long reserve) = (0, 0);
        for (int b = 1; ; b = Math.Min(2 * b, batch))
        {
            for (int t = 1; ; t = Math.Min(2 * t, steps))
            {
                Set(t, b);
                workspace = Math.Max(workspace, Now.WorkspaceBytes(training));
                reserve = Math.Max(reserve, Now.ReserveBytes);
                if (t == steps)
                    break;
            }
            if (b == batch)
                return (workspace, reserve);
        }
    }

    public void Dispose()
    {
        _free?.Dispose();
        foreach (CuDnnRnn<float> recorded in _recorded)
            recorded.Dispose();
    }

    private CuDnnRnn<float>? Recorded(int steps, ReadOnlySpan<int> lengths)
    {
        foreach (CuDnnRnn<float> recorded in _recorded)
            if (IsOf(recorded, steps, lengths))
                return recorded;
        return null;
    }

    private CuDnnRnn<float> Free() => _free ??= CuDnnRnn<float>.Create(_backend.CuDnn, _rnn);

    private static bool IsOf(CuDnnRnn<float> calls, int steps, ReadOnlySpan<int> lengths) =>
        calls.X.MaxLength == steps && calls.X.Lengths.SequenceEqual(lengths);

    /// <summary>The layout of a descriptor's batches.</summary>
    public static cudnnRNNDataLayout_t LayoutOf(in RecurrentDescriptor descriptor) =>
        descriptor.DataLayout == RecurrentDataLayout.SeqMajorPacked
            ? Packed
            : cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
}
