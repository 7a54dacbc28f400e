using Sequor.Interop;
using Sequor.Native;

namespace Sequor.Layers.Cuda;

/// <summary>
/// The calls of a recurrent network by the algorithms that were chosen for it, and by CUDNN_RNN_ALGO_STANDARD where cuDNN
/// refuses those: for the network, a shape, or in a call. Memory is asked for both, so that nothing has to grow.
/// </summary>
internal sealed class RecurrentCalls : IDisposable
{
    private readonly CuDnnHandle _handle;
    private readonly Action<string> _tell;
    private readonly bool _drops;
    private readonly Pair? _standard;
    private readonly long?[] _workspaceBytes = new long?[2];
    private long? _reserveBytes;
    private Pair? _chosen;
    private Pair _now = null!;

    /// <param name="handle">The library handle.</param>
    /// <param name="settings">The network; its algorithm is left out of account.</param>
    /// <param name="dropout">Dropout between layers; null for none.</param>
    /// <param name="algorithms">What was chosen.</param>
    /// <param name="only">Nothing takes the place of what was chosen: a refusal is an error.</param>
    /// <param name="tell">Given a line for each refusal.</param>
    /// <exception cref="CudnnException">cuDNN refuses what nothing takes the place of.</exception>
    public RecurrentCalls(
        CuDnnHandle handle,
        RnnSettings settings,
        DropoutDescriptor? dropout,
        RecurrentAlgorithms algorithms,
        bool only,
        Action<string> tell
    )
    {
        (_handle, _tell, _drops) = (handle, tell, dropout is not null);
        try
        {
            if (!only || algorithms == RecurrentAlgorithms.Standard)
                _standard = new Pair(handle, settings, dropout, RecurrentAlgorithms.Standard);
            if (algorithms != RecurrentAlgorithms.Standard)
                Try(() =>
                {
                    _chosen = new Pair(handle, settings, dropout, algorithms);
                    _chosen.RequireSameWeights(handle, settings);
                });
            _now = _chosen ?? _standard!;
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The input's description in the calls that come next.</summary>
    public RnnDataDescriptor X => _now.Forward.X;

    /// <summary>Bytes of scratch for the shape that was set last. cuDNN is asked once for a shape.</summary>
    public long WorkspaceBytes(bool training) =>
        _workspaceBytes[training ? 1 : 0] ??= Math.Max(
            _standard?.WorkspaceBytes(training) ?? 0,
            _chosen?.WorkspaceBytes(training) ?? 0
        );

    /// <summary>Bytes that forward leaves for backward, for the shape that was set last. cuDNN is asked once for a shape.</summary>
    public long ReserveBytes =>
        _reserveBytes ??= Math.Max(_standard?.ReserveBytes ?? 0, _chosen?.ReserveBytes ?? 0);

    /// <summary>Sets the shape of a batch. Allocates nothing after the first of a size.</summary>
    public void SetShape(cudnnRNNDataLayout_t layout, int steps, ReadOnlySpan<int> lengths)
    {
        _workspaceBytes.AsSpan().Clear();
        _reserveBytes = null;
        _standard?.SetShape(_handle, layout, steps, lengths);
        if (_standard is not null)
            _now = _standard;
        if (_chosen is null || !_chosen.Takes(layout, steps, lengths))
            return;
        try
        {
            _chosen.SetShape(_handle, layout, steps, lengths);
            _now = _chosen;
        }
        catch (CudnnException e) when (IsRefusal(e))
        {
            GiveUp(e);
        }
    }

    public void Forward(bool training, in RnnTensors<float> tensors)
    {
        try
        {
            _now.Forward.Forward(training, tensors);
        }
        catch (CudnnException e) when (IsRefusal(e))
        {
            GiveUp(e);
            _now.Forward.Forward(training, tensors);
        }
    }

    /// <summary>Gradients by data and by weights.</summary>
    /// <exception cref="CudnnException">
    /// cuDNN refuses after a forward call that dropped, and which cannot be run again with the same masks. The next step
    /// does without.
    /// </exception>
    public void Backward(in RnnTensors<float> tensors)
    {
        try
        {
            _now.Run(tensors);
        }
        catch (CudnnException e) when (IsRefusal(e))
        {
            GiveUp(e);
            if (_drops)
                throw;
            // The reserve is another algorithm's.
            _now.Forward.Forward(training: true, tensors);
            _now.Run(tensors);
        }
    }

    public void Dispose()
    {
        _chosen?.Dispose();
        _standard?.Dispose();
    }

    private void Try(Action make)
    {
        try
        {
            make();
        }
        catch (Exception e)
            when (_standard is not null
                && (e is CudnnException { IsNotSupported: true } or NotSupportedException)
            )
        {
            GiveUp(e);
        }
    }

    private bool IsRefusal(CudnnException e) =>
        e.IsNotSupported && _standard is not null && _chosen is not null;

    private void GiveUp(Exception e)
    {
        _tell($"{e.Message} CUDNN_RNN_ALGO_STANDARD takes its place.");
        _chosen?.Dispose();
        _chosen = null;
        _now = _standard!;
    }

    /// <summary>A network's descriptors for both directions of training.</summary>
    private sealed class Pair : IDisposable
    {
        private readonly RecurrentAlgorithms _algorithms;
        private readonly RnnDescriptor _forward;
        private readonly RnnDescriptor? _backward;
        private int _builtBatch;

        public Pair(
            CuDnnHandle handle,
            RnnSettings settings,
            DropoutDescriptor? dropout,
            RecurrentAlgorithms algorithms
        )
        {
            _algorithms = algorithms;
            try
            {
                _forward = Describe(algorithms.Forward);
                Forward = CuDnnRnn<float>.Create(handle, _forward);
                if (algorithms.IsMixed)
                {
                    _backward = Describe(algorithms.Backward);
                    Backward = CuDnnRnn<float>.Create(handle, _backward);
                    Backward.AllowsMixedAlgorithms = true;
                }
            }
            catch
            {
                Dispose();
                throw;
            }

            RnnDescriptor Describe(cudnnRNNAlgo_t algorithm) =>
                RnnDescriptor.Create(handle, settings with { Algorithm = algorithm }, dropout);
        }

        public CuDnnRnn<float> Forward { get; }

        private CuDnnRnn<float>? Backward { get; }

        private bool IsStandard => _algorithms == RecurrentAlgorithms.Standard;

        private bool IsDynamic =>
            _algorithms.Forward == cudnnRNNAlgo_t.CUDNN_RNN_ALGO_PERSIST_DYNAMIC;

        public long ReserveBytes => Math.Max(Forward.ReserveBytes, Backward?.ReserveBytes ?? 0);

        public long WorkspaceBytes(bool training) =>
            Math.Max(
                Forward.WorkspaceBytes(training),
                training ? Backward?.WorkspaceBytes(training) ?? 0 : 0
            );

        /// <summary>Whether it can be asked for a batch at all.</summary>
        public bool Takes(cudnnRNNDataLayout_t layout, int steps, ReadOnlySpan<int> lengths)
        {
            if (IsStandard)
                return true;
            foreach (int length in lengths)
            {
                if (length != steps)
                    return false;
            }
            return layout == cudnnRNNDataLayout_t.CUDNN_RNN_DATA_LAYOUT_SEQ_MAJOR_UNPACKED
                && (!IsDynamic || _builtBatch == 0 || _builtBatch == lengths.Length);
        }

        public void SetShape(
            CuDnnHandle handle,
            cudnnRNNDataLayout_t layout,
            int steps,
            ReadOnlySpan<int> lengths
        )
        {
            // Once, for the largest batch: it takes as long as compiling does, and is none of a step.
            if (IsDynamic && _builtBatch == 0)
            {
                _forward.BuildDynamic(handle, lengths.Length);
                _builtBatch = lengths.Length;
            }
            Forward.SetShape(layout, steps, lengths);
            Backward?.SetShape(layout, steps, lengths);
        }

        public void Run(in RnnTensors<float> tensors)
        {
            Backward?.ContinueFrom(Forward);
            CuDnnRnn<float> calls = Backward ?? Forward;
            calls.BackwardData(tensors);
            calls.BackwardWeights(tensors);
        }

        /// <summary>The parameters lie where STANDARD has them, which is where the model keeps them.</summary>
        /// <exception cref="NotSupportedException">They do not.</exception>
        public void RequireSameWeights(CuDnnHandle handle, RnnSettings settings)
        {
            using RnnDescriptor standard = RnnDescriptor.Create(
                handle,
                settings with
                {
                    Algorithm = cudnnRNNAlgo_t.CUDNN_RNN_ALGO_STANDARD,
                }
            );
            foreach (RnnDescriptor? own in (RnnDescriptor?[])[_forward, _backward])
            {
                if (
                    own is not null
                    && (
                        own.WeightSpaceBytes(handle) != standard.WeightSpaceBytes(handle)
                        || !own.Weights(handle).SequenceEqual(standard.Weights(handle))
                    )
                )
                    throw new NotSupportedException(
                        $"cuDNN keeps the weights of {own.Settings.Algorithm} elsewhere than those of {standard.Settings.Algorithm}."
                    );
            }
        }

        public void Dispose()
        {
            Backward?.Dispose();
            _backward?.Dispose();
            Forward?.Dispose();
            _forward?.Dispose();
        }
    }
}
