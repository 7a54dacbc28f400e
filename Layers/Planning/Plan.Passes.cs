namespace Sequor.Layers;

// The forward and the backward pass: what they check, what the host notes about a pass, and what is queued.
public sealed partial class Plan
{
    /// <summary>Copies an input to the plan's memory and runs the model on it.</summary>
    /// <param name="x">The values [T, B, C], row-major.</param>
    /// <param name="length">T, the number of steps.</param>
    /// <param name="batch">B, the number of sequences.</param>
    /// <param name="lengths">The steps of each sequence, from 1 to T; empty where all have T.</param>
    /// <returns>The output [T, B, C], in the plan's memory. T is 1 where the model pools over time.</returns>
    /// <exception cref="ArgumentException">As for <see cref="SetInput"/>.</exception>
    public Tensor Forward(
        ReadOnlySpan<float> x,
        int length,
        int batch,
        ReadOnlySpan<int> lengths = default
    )
    {
        using OwnerScope inside = Backend.Enter("Plan.Forward");
        Tensor input = SetInput(x, length, batch, lengths);
        // These lengths are for this call only, so they are not kept as loaded ones.
        ForgetLengths();
        return Forward(input, lengths);
    }

    /// <summary>Runs the model. The input must stay unchanged until Backward has run.</summary>
    /// <remarks>
    /// An input that lies in the plan's own memory, such as its <see cref="Output"/>, is first copied to the place of <see cref="Input"/>,
    /// over what was loaded there.
    /// </remarks>
    /// <param name="x">The input [T, B, C], on this plan's backend.</param>
    /// <param name="lengths">
    /// The steps of each sequence, from 1 to T. Empty where all have T, or where x was loaded with lengths (<see cref="SetInput"/>), which
    /// are then used. Values after a sequence's end are not read, the output there is zero, and no layer does any work for them.
    /// </param>
    /// <returns>The output [T, B, C], in the plan's memory, valid until the next call. T is 1 where the model pools over time.</returns>
    /// <exception cref="ArgumentException">
    /// The input's shape does not fit the plan, the lengths do not fit the input, the plan was made without variable lengths, or the
    /// initial states or the stream are for another number of sequences.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// The input was loaded, and a copy has been put in its place since; or the stream's last Forward failed.
    /// </exception>
    /// <exception cref="LayerException">A layer that is not Sequor's own failed.</exception>
    /// <exception cref="ObjectDisposedException">The plan, its model or its backend was disposed.</exception>
    public Tensor Forward(Tensor x, ReadOnlySpan<int> lengths = default)
    {
        using OwnerScope inside = Backend.Enter("Plan.Forward");
        RequireLive();
        if (x.IsEmpty || x.Shape.Rank != 3 || x.Shape.Columns != Model.InputSize)
        {
            throw new ArgumentException(
                $"The input must be [T, B, {Model.InputSize}], not {(x.IsEmpty ? "empty" : x.Shape)}.",
                nameof(x)
            );
        }
        RequireSizes(x.Shape.First, x.Shape[1]);
        if (x.Backend != Backend)
            throw new ArgumentException("The input lies on another backend.", nameof(x));
        if (Mode == Mode.Streaming)
            Backend.RequireNotRecording(
                "a stream goes on by the host's count of its steps, which cannot be part of a captured step"
            );
        int batch = x.Shape[1];
        RequireStreamOf(batch);
        RequireWholeStream();
        RequireInput(x);
        _layerStates?.RequireBatch(batch);
        RequireResetsOf(x.Shape.First, batch);
        SetLengths(lengths.IsEmpty ? LengthsOf(x) : lengths, x.Shape.First, batch);
        _resets?.Use(_layout);
        if (_layout is { IsPacked: true })
        {
            QueuePacked(x);
            return Output;
        }
        if (_carriesWindows)
        {
            // Here and not where the pass is queued, which a replay does not come to.
            _streamBatch = batch;
            _position.Steps += x.Shape.First;
        }
        var call = new StepCall(StepCallKind.Forward, this, x);
        if (Backend.PutsOff(call, out Tensor output))
        {
            _packedByCaller = false;
            BeginOnHost(Placed(x), batch, queue: false);
            Output = output;
            End();
            return Output;
        }
        QueueForward(x);
        Backend.Queued(call, Output);
        return Output;
    }

    private void QueuePacked(Tensor x)
    {
        using Backend.PassScope pass = Backend.BeginPass(ProfilePass.Forward, this);
        _packedByCaller = false;
        x = Apart(x);
        Begin(x, x.Shape[1]);
        Tensor packed = _packedInput!.For(_layout!.Rows, 1);
        Backend.Pack(x, _layout, packed);
        Output = RunLayers(packed);
        if (_unpackedOutput is not null)
        {
            Tensor padded = _unpackedOutput.For(x.Shape.First, x.Shape[1]);
            Backend.Unpack(Output, _layout, padded);
            Output = padded;
        }
        End();
    }

    /// <summary>Queues the forward pass of an input whose sequences all have its number of steps.</summary>
    internal void QueueForward(Tensor x)
    {
        using Backend.PassScope pass = Backend.BeginPass(ProfilePass.Forward, this);
        int batch = x.Shape[1];
        _layout?.SetWhole();
        _packedByCaller = false;
        x = Apart(x);
        Begin(x, batch);
        _streamIsTorn = _streamLayout is not null;
        if (Mode == Mode.Streaming)
            _position.Begin(Store.Changes);
        Output = RunLayers(x);
        _streamIsTorn = false;
        if (Mode == Mode.Streaming)
        {
            _streamBatch = batch;
            _position.Steps += x.Shape.First;
            _position.End();
            // What is a step's own does not hold for the next one.
            _resets?.ClearUsed();
        }
        End();
    }

    /// <summary>Copies packed rows to the plan's memory and runs the model on them.</summary>
    /// <param name="rows">The values [N, C], row-major.</param>
    /// <param name="lengths">The steps of each sequence, longest first; their sum is N.</param>
    /// <returns>As <see cref="ForwardPacked(Tensor, ReadOnlySpan{int})"/>.</returns>
    /// <exception cref="ArgumentException">
    /// The lengths do not fit the plan or the number of rows; the plan was made without variable lengths; or the model begins with an
    /// <see cref="Embedding"/> and a row is not a class.
    /// </exception>
    public Tensor ForwardPacked(ReadOnlySpan<float> rows, ReadOnlySpan<int> lengths)
    {
        using OwnerScope inside = Backend.Enter("Plan.ForwardPacked");
        RequireLive();
        RequirePackedLengths(lengths);
        RequirePackedClasses(rows);
        Tensor input = _input.All.View(new Shape(RowsOf(lengths), 1, Model.InputSize));
        ForgetLengths();
        _resets?.ClearUsed();
        input.Write(rows);
        return ForwardPacked(input, lengths);
    }

    /// <summary>
    /// Runs the model on packed rows. Steps follow each other, and each has the rows of the sequences that reach it, longest first: the
    /// layout of PyTorch's PackedSequence and of cuDNN's packed sequence-major data. The input must stay unchanged until Backward has run.
    /// </summary>
    /// <param name="rows">The rows [N, 1, C], on this plan's backend.</param>
    /// <param name="lengths">The steps of each sequence, longest first; their sum is N.</param>
    /// <returns>
    /// The output [N, 1, C], packed in the same way, or [1, B, C] where the model pools over time. Backward takes the gradient of it and
    /// gives that of the input, both in the same layout.
    /// </returns>
    /// <exception cref="ArgumentException">
    /// The lengths do not fit the plan or the number of rows, or the plan was made without variable lengths.
    /// </exception>
    public Tensor ForwardPacked(Tensor rows, ReadOnlySpan<int> lengths)
    {
        using OwnerScope inside = Backend.Enter("Plan.ForwardPacked");
        RequireLive();
        RequirePackedLengths(lengths);
        var shape = new Shape(RowsOf(lengths), 1, Model.InputSize);
        if (rows.IsEmpty || rows.Shape != shape)
        {
            throw new ArgumentException(
                $"The packed input must be {shape} for these lengths, not {(rows.IsEmpty ? "empty" : rows.Shape)}.",
                nameof(rows)
            );
        }
        if (rows.Backend != Backend)
            throw new ArgumentException("The input lies on another backend.", nameof(rows));
        RequireInput(rows);
        _layerStates?.RequireBatch(lengths.Length);
        Backend.Tracer?.Stop(SequenceLayout.NotRecordable);
        RequireResetsOf(lengths[0], lengths.Length);
        _layout!.Set(lengths);
        _resets?.Use(_layout);
        _packedByCaller = true;
        using Backend.PassScope pass = Backend.BeginPass(ProfilePass.Forward, this);
        rows = Apart(rows);
        Begin(rows, lengths.Length);
        Output = RunLayers(rows);
        End();
        return Output;
    }

    private void Begin(Tensor x, int batch)
    {
        if (_layout is { IsPacked: true })
            Backend.Upload(_layout);
        BeginOnHost(x, batch, queue: true);
        if (_draws)
            _random.Advance();
        _replayed = null;
    }

    private Tensor RunLayers(Tensor x)
    {
        _preparations.BeginForward(_position.NewWeights);
        return _root.Forward(x);
    }

    // A failed call leaves states that belong to no step.
    private void RequireWholeStream()
    {
        if (_streamIsTorn)
            throw new InvalidOperationException(
                "The stream's last Forward failed part way: Reset it, or set a state, before it goes on."
            );
    }

    private void RequireWholeGradients(bool accumulate)
    {
        if (accumulate && _gradientsAreTorn)
            throw new InvalidOperationException(
                "The last Backward failed part way, and left gradients that nothing can be added to: run one that replaces them."
            );
    }

    // What the host notes when a pass begins, whether it is queued or put off.
    private void BeginOnHost(Tensor x, int batch, bool queue)
    {
        _layerStates?.BeginForward(batch, queue);
        _forwardDone = false;
        _spareIsStale = true;
        _outputIsGradient = false;
        _x = x;
        Tokens += _layout is { IsPacked: true } ? _layout.Rows : x.Shape.Rows;
    }

    private void End()
    {
        _forwardDone = true;
        _inputWrites = _x.Storage.Writes;
        _outputWrites = _output.Storage.Writes;
        _resetWrites = _resets?.Words.Storage.Writes ?? 0;
    }

    /// <summary>Computes all gradients of the last forward pass.</summary>
    /// <param name="outputGradient">
    /// The gradient of the output, with the output's shape. It may be overwritten, unless it lies in memory that Forward or Backward use,
    /// such as <see cref="Output"/>. Then it is copied first, to memory that is allocated when that happens for the first time.
    /// </param>
    /// <param name="accumulate">Whether to add to the parameters' gradients instead of replacing them.</param>
    /// <exception cref="ArgumentException">The shape is not the output's, or the gradient lies on another backend.</exception>
    /// <exception cref="InvalidOperationException">
    /// The plan is not for training; no forward pass came before, or since a Backward that failed; its input, output or initial states have
    /// been written over since; the gradient belongs to a loss computed before the forward pass; or it would be added to the gradients of a
    /// Backward that failed.
    /// </exception>
    /// <exception cref="DeviceMemoryException">
    /// The gradient must be copied for the first time, and there is no memory for the copy.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The plan, its model or its backend was disposed.</exception>
    public void Backward(Tensor outputGradient, bool accumulate = false)
    {
        using OwnerScope inside = Backend.Enter("Plan.Backward");
        RequireLive();
        if (Mode != Mode.Training)
            throw new InvalidOperationException("Backward needs a plan made for Mode.Training.");
        if (!_forwardDone)
            throw new InvalidOperationException(
                _gradientsAreTorn
                    ? "Backward needs a Forward before it: the last Backward failed part way, and may have written over what this one would read."
                    : "Backward needs a Forward before it."
            );
        if (outputGradient.IsEmpty || outputGradient.Shape != _output.Shape)
        {
            throw new ArgumentException(
                $"The gradient must be {_output.Shape} like the output, not {(outputGradient.IsEmpty ? "empty" : outputGradient.Shape)}.",
                nameof(outputGradient)
            );
        }
        if (outputGradient.Backend != Backend)
            throw new ArgumentException(
                "The gradient lies on another backend.",
                nameof(outputGradient)
            );
        RequireUnwritten();
        RequireComputed(outputGradient);
        RequireWholeGradients(accumulate);
        var call = new StepCall(
            StepCallKind.Backward,
            this,
            outputGradient,
            choice: accumulate ? 1 : 0
        );
        if (Backend.PutsOff(call, out Tensor inputGradient))
        {
            _layerStates?.BeginBackward();
            InputGradient = inputGradient;
            EndBackward();
            return;
        }
        using Backend.PassScope pass = Backend.BeginPass(ProfilePass.Backward, this);
        outputGradient = GradientApart(outputGradient);
        if (!accumulate)
            Backend.Fill(Gradients, 0f);
        bool pads = _layout is { IsPacked: true } && !_packedByCaller;
        _gradientsAreTorn = true;
        // Layers write over what they kept of the forward pass, also where one below them fails after that.
        _forwardDone = false;
        InputGradient = default;
        InputGradient = _backward!.Run(outputGradient, _x.Shape, pads, zeros: !accumulate);
        _gradientsAreTorn = false;
        EndBackward();
        Backend.Queued(call, InputGradient);
    }

    private void EndBackward()
    {
        _forwardDone = false;
        _spareIsStale = true;
        // Where lengths may differ, any gradient is brought over the output first.
        _outputIsGradient |= _lendsOutput && MayPad;
    }
}
