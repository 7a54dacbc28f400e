namespace Sequor.Layers;

// The backward pass of a residual block's frame.
internal sealed partial class BlockFrame
{
    /// <summary>Begins a backward pass.</summary>
    /// <param name="dy">The gradient of the block's output, of all steps.</param>
    /// <param name="before">What the GELU was applied to, of all steps.</param>
    public void BeginBackward(Tensor dy, Tensor before)
    {
        _factor?.Begin();
        for (int first = 0; _norm.SeesOutputs && first < Ranges.Steps; )
        {
            ScanRange range = Ranges.From(first);
            _norm.See(SumAgain(before, range), Ranges.Of(dy, range));
            first = range.End;
        }
        _norm.BeginBackward();
    }

    // Computes the block's output before its norm again, in scratch memory.
    private Tensor SumAgain(Tensor before, ScanRange range)
    {
        Tensor hidden = Hidden(range);
        if (_mixing is BlockMixing.HalfGlu or BlockMixing.None)
            HiddenAgain(before, range);
        AddMixed(hidden, hidden, range);
        return hidden;
    }

    private void HiddenAgain(Tensor before, ScanRange range)
    {
        Tensor hidden = Hidden(range);
        _backend.Pointwise(
            PointwiseOp.Gelu,
            new PointwiseArguments { A = Ranges.Of(before, range), Out = hidden }
        );
        _dropout.Apply(hidden, hidden, 0, range);
    }

    /// <summary>
    /// From the gradient of a range of the block's output computes that of the GELU's output. Where the norm stands at the end, the rows of
    /// dy become the gradient of the sum x + mixed, in place.
    /// </summary>
    /// <param name="allDy">The gradient of the block's output, of all steps.</param>
    /// <param name="allBefore">What the GELU was applied to, of all steps.</param>
    /// <param name="range">The steps.</param>
    /// <returns>The gradient, in scratch memory or in the rows of dy.</returns>
    public Tensor BackwardToHidden(Tensor allDy, Tensor allBefore, ScanRange range)
    {
        Tensor dy = Ranges.Of(allDy, range);
        if (_norm.OfOutput)
            _norm.OutputBackward(SumAgain(allBefore, range), dy, Ranges.Row(range.First));
        Tensor gradient = _mixing switch
        {
            BlockMixing.Glu => OfGlu(dy, Ranges.Of(allBefore, range), range),
            BlockMixing.HalfGlu => OfHalfGlu(dy, allBefore, range),
            BlockMixing.Linear => OfLinear(dy, allBefore, range),
            _ => dy,
        };
        if (_mixing != BlockMixing.None)
        {
            _dropout.Apply(gradient, gradient, 0, range);
            return gradient;
        }
        if (!_dropout.Drops)
            return gradient;
        Tensor hidden = Hidden(range);
        _dropout.Apply(gradient, hidden, 0, range);
        return hidden;
    }

    // The gradient of the gates overwrites them.
    private Tensor OfGlu(Tensor dy, Tensor before, ScanRange range)
    {
        Tensor hidden = Hidden(range);
        Tensor gates = Mixed(range);
        Tensor gated = Dropped(dy, hidden, range);
        _backend.Pointwise(
            PointwiseOp.AddGluGradientAndGelu,
            new PointwiseArguments
            {
                A = gated,
                B = gates,
                C = before,
                Row = GateBias,
                Sum = _bias.Gradient,
                Out = hidden,
            }
        );
        _dropout.Apply(hidden, hidden, 0, range);
        SumProducts(gates, hidden);
        Multiply(gates, hidden);
        return hidden;
    }

    private Tensor OfHalfGlu(Tensor dy, Tensor allBefore, ScanRange range)
    {
        Tensor gradient = Ranges.Part(_second!, range);
        Tensor gates = Mixed(range);
        HiddenAgain(allBefore, range);
        _backend.Pointwise(
            PointwiseOp.AddGatedGradient,
            new PointwiseArguments
            {
                A = Dropped(dy, gradient, range),
                B = gates,
                C = Hidden(range),
                Row = GateBias,
                Sum = _bias.Gradient,
                Out = gradient,
            }
        );
        SumProducts(gates, Hidden(range));
        Multiply(gates, gradient, accumulate: true);
        return gradient;
    }

    private Tensor OfLinear(Tensor dy, Tensor allBefore, ScanRange range)
    {
        Tensor hidden = Hidden(range);
        Tensor mixed = _second is null ? dy : Dropped(dy, Ranges.Part(_second, range), range);
        HiddenAgain(allBefore, range);
        BiasedGradient.Add(_backend, _flow, mixed, hidden, _weight.Gradient, _bias.Gradient);
        Multiply(mixed, hidden);
        return hidden;
    }

    // The gradient of what the dropout after the mixing was applied to: dy itself, or in a place for it.
    private Tensor Dropped(Tensor dy, Tensor place, ScanRange range)
    {
        if (!_dropout.Drops)
            return dy;
        _dropout.Apply(dy, place, 1, range);
        return place;
    }

    // The gradient of the linear layer's input.
    private void Multiply(Tensor gradient, Tensor result, bool accumulate = false) =>
        _factor!.MultiplyBack(gradient, _weight.Value, result, accumulate);

    private void SumProducts(Tensor a, Tensor b) =>
        _backend.MatMul(
            new MatrixProduct
            {
                A = a,
                TransposeA = true,
                B = b,
                C = _weight.Gradient,
                Accumulate = true,
            }
        );

    /// <summary>Where the gradient of what the core reads of a range goes, and whether it is added to what is there.</summary>
    public (Tensor Place, bool Accumulate) CoreInputGradient(Tensor allDy, ScanRange range)
    {
        long row = Ranges.Row(range.First);
        return _norm.InputGradient(allDy, row, Ranges.Row(range.End) - row);
    }

    /// <summary>Adds to the rows of dy, which become the gradient of x, what comes through the norm of a range of the core's input.</summary>
    /// <param name="allDy">The gradient of the block's output, of all steps.</param>
    /// <param name="gradient">The gradient of the core's input but for its direct term; that is added to it.</param>
    /// <param name="skip">The gradient of what the direct term is added to.</param>
    /// <param name="factor">The direct term's factors, one a channel.</param>
    /// <param name="range">The steps.</param>
    public void InputBackward(
        Tensor allDy,
        Tensor gradient,
        Tensor skip,
        Tensor factor,
        ScanRange range
    ) =>
        _norm.InputBackward(
            Ranges.Of(_x, range),
            gradient,
            skip,
            factor,
            Ranges.Of(allDy, range),
            Ranges.Row(range.First)
        );

    /// <summary>Ends a backward pass in which each range went through <see cref="InputBackward"/>.</summary>
    public void EndBackward(Tensor dy) => _norm.EndBackward(_x, dy);

    /// <summary>
    /// Ends a backward pass of a core that gives the gradient of its whole input: turns that into the gradient of x, in place.
    /// </summary>
    /// <param name="gradient">The gradient of all that the core reads.</param>
    /// <param name="skip">The gradient of the sum x + mixed, which is added; empty where that of x is not asked for.</param>
    public void WholeInputBackward(Tensor gradient, Tensor skip)
    {
        _norm.BeginInputGradient(_x, gradient);
        for (int first = 0; first < Ranges.Steps; )
        {
            ScanRange range = Ranges.From(first);
            Tensor rows = Ranges.Of(gradient, range);
            _norm.InputGradientOf(Ranges.Of(_x, range), rows, Ranges.Row(first));
            if (!skip.IsEmpty)
                _backend.Pointwise(
                    PointwiseOp.Add,
                    new PointwiseArguments
                    {
                        A = Ranges.Of(skip, range),
                        B = rows,
                        Out = rows,
                    }
                );
            first = range.End;
        }
    }
}
