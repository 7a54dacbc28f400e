namespace Sequor.Layers;

// The operations on tensors. They read nothing, and only note which parameters' gradients they write.
internal sealed partial class RehearsalBackend
{
    private protected override void UploadCore(ReadOnlySpan<float> source, Tensor destination) =>
        Write(destination);

    private protected override void DownloadCore(Tensor source, Span<float> destination) =>
        destination.Clear();

    private protected override void CopyCore(Tensor source, Tensor destination) =>
        Write(destination);

    private protected override void CopyColumnsCore(in ColumnCopy copy)
    {
        Prepare(OperationKind.Columns);
        Write(copy.To);
    }

    private protected override void FillCore(Tensor destination, float value) => Write(destination);

    private protected override void RunCodeCore(Action code, ReadOnlySpan<Tensor> written)
    {
        foreach (Tensor tensor in written)
            Write(tensor);
    }

    private protected override void MatMulCore(in MatrixProduct product)
    {
        Prepare(OperationKind.Products);
        Plan(product);
        Write(product.C);
        Write(product.Sums);
    }

    // Whether the sums are joined goes by where tensors lie, so the pass goes the longer way.
    internal override bool JoinsSums(in MatrixProduct product)
    {
        // Both are measured where there is a choice.
        Prepare(OperationKind.Products);
        Prepare(OperationKind.Sums);
        Plan(product);
        return false;
    }

    private void Plan(in MatrixProduct product)
    {
        if (IsLargest && _real.PlanProduct(product) is { } fallback)
            Fallbacks.Add(fallback);
    }

    private protected override void PointwiseCore(PointwiseOp op, in PointwiseArguments arguments)
    {
        Prepare(OperationKind.Pointwise);
        Write(arguments.Out);
        Write(arguments.Sum);
        if (PointwiseArguments.WritesB(op))
            Write(arguments.B);
    }

    private protected override void ColumnSumCore(Tensor a, Tensor b, Tensor sum)
    {
        Prepare(OperationKind.Sums);
        Write(sum);
    }

    private protected override void PackCore(Tensor x, SequenceLayout layout, Tensor packed)
    {
        Prepare(OperationKind.Sequences);
        Write(packed);
    }

    private protected override void UnpackCore(Tensor packed, SequenceLayout layout, Tensor x)
    {
        Prepare(OperationKind.Sequences);
        Write(x);
    }

    private protected override void MeanOverTimeCore(Tensor x, SequenceLayout? layout, Tensor mean)
    {
        Prepare(OperationKind.Sequences);
        Write(mean);
    }

    private protected override void MeanOverTimeGradientCore(
        Tensor dmean,
        SequenceLayout? layout,
        Tensor dx
    )
    {
        Prepare(OperationKind.Sequences);
        Write(dx);
    }

    private protected override void LastStepsCore(Tensor x, SequenceLayout layout, Tensor y)
    {
        Prepare(OperationKind.Sequences);
        Write(y);
    }

    private protected override void LastStepsGradientCore(
        Tensor dy,
        SequenceLayout layout,
        Tensor dx
    )
    {
        Prepare(OperationKind.Sequences);
        Write(dx);
    }

    private protected override void FirstStepsCore(Tensor x, SequenceLayout layout, Tensor y)
    {
        Prepare(OperationKind.Sequences);
        Write(y);
    }

    private protected override void FirstStepsGradientCore(
        Tensor dy,
        SequenceLayout layout,
        Tensor dx
    )
    {
        Prepare(OperationKind.Sequences);
        Write(dx);
    }

    private protected override void MeanSquaredErrorCore(
        Tensor prediction,
        Tensor target,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => throw NotOfLayers();

    private protected override void SoftmaxCrossEntropyCore(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => throw NotOfLayers();

    private protected override void BinaryCrossEntropyCore(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => throw NotOfLayers();

    private protected override void OptimizeCore(in OptimizerUpdate update) => throw NotOfLayers();

    private static InvalidOperationException NotOfLayers() =>
        new("Losses and updates are no operations of a layer.");

    private protected override void WeightNormCore(
        ReadOnlySpan<WeightNormTensors> filters,
        PreparationTable? table
    )
    {
        Prepare(OperationKind.WeightNorm);
        foreach (WeightNormTensors filter in filters)
        {
            Write(filter.W);
            Write(filter.Norms);
        }
    }

    private protected override void WeightNormGradientCore(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients,
        PreparationTable? table
    )
    {
        Prepare(OperationKind.WeightNorm);
        foreach (WeightNormGradients gradient in gradients)
        {
            Write(gradient.V);
            Write(gradient.G);
        }
    }

    private protected override void DiagonalParametrizationCore(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> matrices,
        PreparationTable? table
    )
    {
        Prepare(KindOf(parameters[0].Form));
        foreach (DiagonalMatrices each in matrices)
        {
            Write(each.Lambda);
            Write(each.B);
            Write(each.C);
        }
    }

    private protected override void DiagonalParametrizationGradientCore(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> slopes,
        ReadOnlySpan<DiagonalTensors> gradients,
        PreparationTable? table
    )
    {
        Prepare(KindOf(parameters[0].Form));
        foreach (DiagonalTensors each in gradients)
        {
            Write(each.Decay);
            Write(each.Frequency);
            if (each.Form.HasScale())
                Write(each.Scale);
            Write(each.BReal);
            Write(each.BImaginary);
            Write(each.CReal);
            Write(each.CImaginary);
        }
    }

    private static OperationKind KindOf(DiagonalForm form) =>
        form == DiagonalForm.LogPolar
            ? OperationKind.LruParametrization
            : OperationKind.DiagonalParametrization;

    private protected override void StateSpaceParametrizationCore(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices
    )
    {
        Prepare(OperationKind.StateSpaceParametrization);
        Write(matrices.A);
        Write(matrices.C);
    }

    private protected override void StateSpaceParametrizationGradientCore(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices,
        in StateSpaceTensors gradients
    )
    {
        Prepare(OperationKind.StateSpaceParametrization);
        Write(gradients.LogStep);
        Write(gradients.Real);
        Write(gradients.Imaginary);
        Write(gradients.C);
    }

    internal override RandomStream CreateRandom(ulong seed) => new Random(this, seed);

    private sealed class Random(RehearsalBackend backend, ulong seed) : RandomStream(backend)
    {
        public override ulong Seed => seed;

        public override ulong Step { get; set; }

        protected override void AdvanceCore() => Step++;

        protected override void DropoutCore(
            Tensor input,
            Tensor output,
            float probability,
            int stream,
            long first,
            long period
        )
        {
            backend.Prepare(OperationKind.Random);
            backend.Write(output);
        }

        public override void Dispose() { }
    }
}
