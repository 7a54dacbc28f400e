namespace Sequor.Layers;

// The operations on tensors. They read nothing, and only note which parameters' gradients they write.
internal sealed partial class RehearsalBackend
{
    internal override void Upload(ReadOnlySpan<float> source, Tensor destination) =>
        Write(destination);

    internal override void Download(Tensor source, Span<float> destination) => destination.Clear();

    internal override void Copy(Tensor source, Tensor destination) => Write(destination);

    internal override void CopyColumns(in ColumnCopy copy) => Write(copy.To);

    internal override void Fill(Tensor destination, float value) => Write(destination);

    internal override void RunCode(Action code, ReadOnlySpan<Tensor> written)
    {
        foreach (Tensor tensor in written)
            Write(tensor);
    }

    internal override void MatMul(in MatrixProduct product) => Write(product.C);

    internal override void Pointwise(PointwiseOp op, in PointwiseArguments arguments)
    {
        Write(arguments.Out);
        Write(arguments.Sum);
        if (op is PointwiseOp.MultiplyAddGelu or PointwiseOp.AddGluGradientAndGelu)
            Write(arguments.B);
    }

    internal override void ColumnSum(Tensor a, Tensor b, Tensor sum) => Write(sum);

    internal override void Pack(Tensor x, SequenceLayout layout, Tensor packed) => Write(packed);

    internal override void Unpack(Tensor packed, SequenceLayout layout, Tensor x) => Write(x);

    internal override void MeanOverTime(Tensor x, SequenceLayout? layout, Tensor mean) =>
        Write(mean);

    internal override void MeanOverTimeGradient(Tensor dmean, SequenceLayout? layout, Tensor dx) =>
        Write(dx);

    internal override void LastSteps(Tensor x, SequenceLayout layout, Tensor y) => Write(y);

    internal override void LastStepsGradient(Tensor dy, SequenceLayout layout, Tensor dx) =>
        Write(dx);

    internal override void MeanSquaredError(
        Tensor prediction,
        Tensor target,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => throw NotOfLayers();

    internal override void SoftmaxCrossEntropy(
        Tensor logits,
        Tensor classes,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => throw NotOfLayers();

    internal override void BinaryCrossEntropy(
        Tensor logits,
        Tensor targets,
        Tensor mask,
        Tensor gradient,
        Tensor value
    ) => throw NotOfLayers();

    internal override void Optimize(in OptimizerUpdate update) => throw NotOfLayers();

    private static InvalidOperationException NotOfLayers() =>
        new("Losses and updates are no operations of a layer.");

    internal override void WeightNorm(ReadOnlySpan<WeightNormTensors> filters)
    {
        foreach (WeightNormTensors filter in filters)
        {
            Write(filter.W);
            Write(filter.Norms);
        }
    }

    internal override void WeightNormGradient(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients
    )
    {
        foreach (WeightNormGradients gradient in gradients)
        {
            Write(gradient.V);
            Write(gradient.G);
        }
    }

    internal override void LruParametrization(in LruTensors parameters, in LruMatrices matrices)
    {
        Write(matrices.Lambda);
        Write(matrices.B);
        Write(matrices.C);
    }

    internal override void LruParametrizationGradient(
        in LruTensors parameters,
        in LruMatrices matrices,
        in LruTensors gradients
    )
    {
        Write(gradients.NuLog);
        Write(gradients.ThetaLog);
        Write(gradients.GammaLog);
        Write(gradients.BReal);
        Write(gradients.BImaginary);
        Write(gradients.CReal);
        Write(gradients.CImaginary);
    }

    internal override RandomStream CreateRandom(ulong seed) => new Random(this, seed);

    private sealed class Random(RehearsalBackend backend, ulong seed) : RandomStream
    {
        public override ulong Seed => seed;

        public override ulong Step { get; set; }

        public override void Advance() => Step++;

        public override void Dropout(
            Tensor input,
            Tensor output,
            float probability,
            int stream,
            long first = 0,
            long period = 0
        ) => backend.Write(output);

        public override void Dispose() { }
    }
}
