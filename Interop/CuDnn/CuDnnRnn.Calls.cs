using Sequor.Native;

namespace Sequor.Interop;

// The three calls of a recurrent network: forward, backward data and backward weights.
public sealed unsafe partial class CuDnnRnn<T>
{
    /// <summary>Runs the network forward: reads X, Weights, Hx and Cx; writes Y, Hy, Cy and, for training, Reserve.</summary>
    /// <param name="training">Whether backward calls follow.</param>
    /// <param name="tensors">The memory to read and write.</param>
    /// <exception cref="ArgumentException">Memory is missing, too small or belongs to another context.</exception>
    /// <exception cref="CudnnException">cuDNN refuses; the message has its own words.</exception>
    public void Forward(bool training, in RnnTensors<T> tensors)
    {
        CudaContext context = Begin(tensors, training);
        Need(tensors.X, X.ElementCount, nameof(tensors.X));
        Need(tensors.Y, Y.ElementCount, nameof(tensors.Y));
        May(tensors.Hy, _hidden, nameof(tensors.Hy));
        May(tensors.Cy, _cell, nameof(tensors.Cy));
        using CudaContextScope scope = context.Enter();
        _stage = Stage.None;
        Check(
            Handle.Library.cudnnRNNForward(
                Handle.Handle,
                Rnn.Handle,
                training
                    ? cudnnForwardMode_t.CUDNN_FWD_MODE_TRAINING
                    : cudnnForwardMode_t.CUDNN_FWD_MODE_INFERENCE,
                tensors.DeviceLengths.Pointer,
                X.Handle,
                tensors.X.Pointer,
                Y.Handle,
                tensors.Y.Pointer,
                _hidden.Handle,
                tensors.Hx.Pointer,
                tensors.Hy.Pointer,
                _cell?.Handle ?? default,
                tensors.Cx.Pointer,
                tensors.Cy.Pointer,
                (nuint)_weightBytes,
                tensors.Weights.Pointer,
                (nuint)tensors.Workspace.ByteCount,
                tensors.Workspace.Pointer,
                training ? (nuint)tensors.Reserve.ByteCount : 0,
                training ? tensors.Reserve.Pointer : null
            ),
            nameof(CuDnn.cudnnRNNForward)
        );
        if (training)
            Wrote(tensors, Stage.Forward);
    }

    /// <summary>
    /// Computes the gradients of the input and the first states: reads Y, Dy, Weights, Hx, Cx, Dhy and Dcy; writes Dx, Dhx and Dcx; reads
    /// and writes Reserve.
    /// </summary>
    /// <exception cref="InvalidOperationException">No forward call for training with this reserve came before.</exception>
    /// <exception cref="ArgumentException">Memory is missing, too small or belongs to another context.</exception>
    /// <exception cref="CudnnException">cuDNN refuses; the message has its own words.</exception>
    public void BackwardData(in RnnTensors<T> tensors)
    {
        CudaContext context = Begin(tensors, training: true);
        After(Stage.Forward, tensors, nameof(BackwardData), nameof(Forward));
        Need(tensors.Y, Y.ElementCount, nameof(tensors.Y));
        Need(tensors.Dy, Y.ElementCount, nameof(tensors.Dy));
        Need(tensors.Dx, X.ElementCount, nameof(tensors.Dx));
        May(tensors.Dhy, _hidden, nameof(tensors.Dhy));
        May(tensors.Dhx, _hidden, nameof(tensors.Dhx));
        May(tensors.Dcy, _cell, nameof(tensors.Dcy));
        May(tensors.Dcx, _cell, nameof(tensors.Dcx));
        using CudaContextScope scope = context.Enter();
        Check(
            Handle.Library.cudnnRNNBackwardData_v8(
                Handle.Handle,
                Rnn.Handle,
                tensors.DeviceLengths.Pointer,
                Y.Handle,
                tensors.Y.Pointer,
                tensors.Dy.Pointer,
                X.Handle,
                tensors.Dx.Pointer,
                _hidden.Handle,
                tensors.Hx.Pointer,
                tensors.Dhy.Pointer,
                tensors.Dhx.Pointer,
                _cell?.Handle ?? default,
                tensors.Cx.Pointer,
                tensors.Dcy.Pointer,
                tensors.Dcx.Pointer,
                (nuint)_weightBytes,
                tensors.Weights.Pointer,
                (nuint)tensors.Workspace.ByteCount,
                tensors.Workspace.Pointer,
                (nuint)tensors.Reserve.ByteCount,
                tensors.Reserve.Pointer
            ),
            nameof(CuDnn.cudnnRNNBackwardData_v8)
        );
        Wrote(tensors, Stage.BackwardData);
    }

    /// <summary>
    /// Computes the gradients of weights and biases: reads X, Y, Hx and Reserve; adds to WeightGradients, which must be zeroed first unless
    /// gradients are to be accumulated.
    /// </summary>
    /// <exception cref="InvalidOperationException"><see cref="BackwardData"/> with this reserve did not come before.</exception>
    /// <exception cref="ArgumentException">Memory is missing, too small or belongs to another context.</exception>
    /// <exception cref="CudnnException">cuDNN refuses; the message has its own words.</exception>
    public void BackwardWeights(in RnnTensors<T> tensors)
    {
        CudaContext context = Begin(tensors, training: true);
        After(Stage.BackwardData, tensors, nameof(BackwardWeights), nameof(BackwardData));
        Need(tensors.X, X.ElementCount, nameof(tensors.X));
        Need(tensors.Y, Y.ElementCount, nameof(tensors.Y));
        Need(tensors.WeightGradients, WeightCount, nameof(tensors.WeightGradients));
        using CudaContextScope scope = context.Enter();
        Check(
            Handle.Library.cudnnRNNBackwardWeights_v8(
                Handle.Handle,
                Rnn.Handle,
                cudnnWgradMode_t.CUDNN_WGRAD_MODE_ADD,
                tensors.DeviceLengths.Pointer,
                X.Handle,
                tensors.X.Pointer,
                _hidden.Handle,
                tensors.Hx.Pointer,
                Y.Handle,
                tensors.Y.Pointer,
                (nuint)_weightBytes,
                tensors.WeightGradients.Pointer,
                (nuint)tensors.Workspace.ByteCount,
                tensors.Workspace.Pointer,
                (nuint)tensors.Reserve.ByteCount,
                tensors.Reserve.Pointer
            ),
            nameof(CuDnn.cudnnRNNBackwardWeights_v8)
        );
    }

    /// <summary>
    /// Lets the backward calls of this object use a reserve that the forward call of another object with the same sizes wrote. This serves
    /// forward and backward calls with different algorithms that have been found to be compatible (<see cref="AllowsMixedAlgorithms"/>).
    /// </summary>
    /// <param name="forward">The object that ran forward.</param>
    /// <exception cref="InvalidOperationException">It did not run forward, or its shape differs.</exception>
    public void ContinueFrom(CuDnnRnn<T> forward)
    {
        ArgumentNullException.ThrowIfNull(forward);
        if (forward._stage != Stage.Forward || !GoesWith(forward.Rnn) || !forward.X.SameBatch(X))
            throw new InvalidOperationException(
                "The other net has not run forward for training, or differs in more than its"
                    + $" algorithm: {forward.Rnn} and {Rnn}."
            );
        _stage = forward._stage;
        _writtenReserve = forward._writtenReserve;
        _writtenBy = forward._writtenBy;
    }

    /// <summary>Whether another network differs only in its algorithm. The answer for the last one is kept.</summary>
    private bool GoesWith(RnnDescriptor other)
    {
        if (
            !ReferenceEquals(other, _goesWith)
            && other.Settings with { Algorithm = Rnn.Settings.Algorithm } == Rnn.Settings
        )
            _goesWith = other;
        return ReferenceEquals(other, _goesWith);
    }

    private CudaContext Begin(in RnnTensors<T> tensors, bool training)
    {
        ThrowIfDisposed();
        if (X.BatchSize == 0)
            throw new InvalidOperationException($"{nameof(SetShape)} has to come first.");
        Need(tensors.Weights, WeightCount, nameof(tensors.Weights));
        Need(tensors.Workspace, WorkspaceBytes(training), nameof(tensors.Workspace));
        if (training)
            Need(tensors.Reserve, _reserve, nameof(tensors.Reserve));
        May(tensors.Hx, _hidden, nameof(tensors.Hx));
        May(tensors.Cx, _cell, nameof(tensors.Cx));
        if (!tensors.DeviceLengths.IsEmpty)
            Need(tensors.DeviceLengths, X.BatchSize, nameof(tensors.DeviceLengths));
        return Handle.Context;
    }

    private void After(Stage stage, in RnnTensors<T> tensors, string call, string before)
    {
        // BackwardData writes the reserve, so it cannot run twice.
        if (_stage != stage)
            throw new InvalidOperationException(
                $"{call} has to come after {before} for training, for the same batch."
            );
        if (_writtenReserve != tensors.Reserve.Handle)
            throw new InvalidOperationException(
                $"{call} was given the reserve at 0x{tensors.Reserve.Handle.Value:x};"
                    + $" {before} wrote the one at 0x{_writtenReserve.Value:x}."
            );
        if (_writtenBy != Rnn.Settings.Algorithm && !AllowsMixedAlgorithms)
            throw new InvalidOperationException(
                $"The reserve was written by {_writtenBy} and would be read by"
                    + $" {Rnn.Settings.Algorithm}; one algorithm has to do both."
            );
    }

    private void Wrote(in RnnTensors<T> tensors, Stage stage)
    {
        _stage = stage;
        _writtenReserve = tensors.Reserve.Handle;
        _writtenBy = Rnn.Settings.Algorithm;
    }

    private void Need<TElement>(DeviceSpan<TElement> span, long count, string name)
        where TElement : unmanaged
    {
        if (span.Length < count)
            throw new ArgumentException(
                $"{name} has {span.Length} elements; {count} are needed for {Rnn}"
                    + $" of {X.BatchSize} sequences of {X.MaxLength} steps.",
                name
            );
        span.Require(Handle.Context, name);
    }

    private void May(DeviceSpan<T> span, TensorDescriptor? like, string name)
    {
        if (span.IsEmpty)
            return;
        if (like is null)
            throw new ArgumentException($"{Rnn.Settings.Mode} has no {name}.", name);
        Need(span, like.Count, name);
    }

    private void Check(cudnnStatus_t status, string call)
    {
        if (status != cudnnStatus_t.CUDNN_STATUS_SUCCESS)
            throw CuDnnStatus.Error(Handle.Context, status, call, Rnn.ToString());
        Handle.Context.Queued(call, Handle.Stream);
    }
}
