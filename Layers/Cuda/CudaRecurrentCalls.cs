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
    private readonly Func<RecurrentCalls> _create;
    private readonly cudnnRNNDataLayout_t _layout;
    private readonly List<RecurrentCalls> _recorded = [];
    private readonly int _mostSteps;
    private readonly int[] _full;
    private readonly int[] _largest;
    private RecurrentCalls? _free;

    /// <param name="backend">The backend whose work may be recorded.</param>
    /// <param name="create">Makes the calls of the network, for one batch at a time.</param>
    /// <param name="layout">
    /// The layout of batches. Packed rows of sequences of one length lie as those of [T, B, C] do, so one layout serves all batches of a
    /// plan.
    /// </param>
    /// <param name="mostSteps">The steps of the largest batch.</param>
    /// <param name="mostBatch">The sequences of the largest batch.</param>
    public CudaRecurrentCalls(
        CudaBackend backend,
        Func<RecurrentCalls> create,
        cudnnRNNDataLayout_t layout,
        int mostSteps,
        int mostBatch
    )
    {
        (_backend, _create, _layout, _mostSteps) = (backend, create, layout, mostSteps);
        _full = new int[mostBatch];
        _largest = new int[mostBatch];
        Array.Fill(_largest, mostSteps);
        try
        {
            Now = Free();
        }
        catch
        {
            // A network that is refused for the largest batch was made already.
            Dispose();
            throw;
        }
    }

    /// <summary>The calls for the batch that was set last.</summary>
    public RecurrentCalls Now { get; private set; }

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
    }

    /// <summary>To be called after calls were queued: notes whether a recorded step has their descriptors from now on.</summary>
    public void Queued()
    {
        if (!ReferenceEquals(Now, _free) || !_backend.IsRecording)
            return;
        _recorded.Add(_free);
        _free = null;
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
        foreach (RecurrentCalls recorded in _recorded)
            recorded.Dispose();
    }

    private RecurrentCalls? Recorded(int steps, ReadOnlySpan<int> lengths)
    {
        foreach (RecurrentCalls recorded in _recorded)
            if (IsOf(recorded, steps, lengths))
                return recorded;
        return null;
    }

    // The largest batch is set first, because an algorithm that is compiled for a batch is compiled for that one.
    private RecurrentCalls Free()
    {
        if (_free is null)
        {
            _free = _create();
            _free.SetShape(_layout, _mostSteps, _largest);
        }
        return _free;
    }

    private static bool IsOf(RecurrentCalls calls, int steps, ReadOnlySpan<int> lengths) =>
        calls.X.MaxLength == steps && calls.X.Lengths.SequenceEqual(lengths);

    /// <summary>The layout of a descriptor's batches.</summary>
    public static cudnnRNNDataLayout_t LayoutOf(in RecurrentDescriptor descriptor) =>
        descriptor.DataLayout == RecurrentDataLayout.SeqMajorPacked
            ? Packed
            : cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED;
}
