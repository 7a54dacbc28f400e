namespace Sequor.Layers;

// The planned operations. They need neither workspace nor reserve.
internal sealed partial class RehearsalBackend
{
    internal override RecurrentOperation PlanRecurrent(in RecurrentDescriptor descriptor) =>
        new Recurrent(this, descriptor);

    internal override ConvolutionOperation PlanConvolution(in ConvolutionDescriptor descriptor) =>
        new Convolution(this, descriptor);

    internal override DiagonalScanOperation PlanDiagonalScan(
        in DiagonalScanDescriptor descriptor
    ) => new DiagonalScan(this, descriptor.StateSize);

    internal override StateSpaceScanOperation PlanStateSpaceScan(
        in StateSpaceScanDescriptor descriptor
    ) => new StateSpaceScan(this, descriptor);

    internal override LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor) =>
        new LayerNorm(this);

    internal override BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor) =>
        new BatchNorm(this);

    internal override EmbeddingOperation PlanEmbedding(in EmbeddingDescriptor descriptor) =>
        new Embedding(this);

    private sealed class Recurrent(RehearsalBackend backend, in RecurrentDescriptor descriptor)
        : RecurrentOperation(backend, descriptor)
    {
        public override long WorkspaceCount => 0;

        public override long ReserveCount => 0;

        protected override void ForwardCore(in RecurrentOperands operands) =>
            backend.Write(operands.Y);

        protected override void BackwardCore(
            in RecurrentOperands operands,
            in RecurrentGradients gradients
        ) => backend.Write(gradients.Parameters);
    }

    private sealed class Convolution(RehearsalBackend backend, in ConvolutionDescriptor descriptor)
        : ConvolutionOperation(backend, descriptor)
    {
        public override long WorkspaceCount => 0;

        protected override void ForwardCore(
            Tensor x,
            SequenceLayout? layout,
            Tensor w,
            in ConvolutionOutput output,
            Tensor workspace
        ) => backend.Write(output.Y);

        protected override void StreamCore(
            Tensor x,
            Tensor w,
            in ConvolutionOutput output,
            Tensor history,
            long position,
            bool sameWeights,
            Tensor workspace
        ) => backend.Write(output.Y);

        protected override void BackwardCore(
            Tensor x,
            SequenceLayout? layout,
            Tensor w,
            in ConvolutionOutput output,
            in ConvolutionGradients gradients,
            Tensor workspace
        )
        {
            backend.Write(gradients.Weight);
            backend.Write(gradients.Bias);
            backend.Write(gradients.SkipBias);
        }
    }

    private sealed class DiagonalScan(RehearsalBackend backend, int size)
        : DiagonalScanOperation(backend)
    {
        public override long WorkspaceCount => 0;

        public override long LambdaGradientCount => 2L * size;

        protected override void ForwardCore(
            Tensor lambda,
            Tensor states,
            SequenceLayout? layout,
            in ScanRange range,
            Tensor workspace,
            bool sameLambda,
            StepResets? resets
        ) => backend.Write(states);

        protected override void BackwardCore(
            Tensor lambda,
            Tensor states,
            SequenceLayout? layout,
            Tensor gradient,
            in ScanRange range,
            Tensor dlambda,
            bool adds,
            Tensor workspace,
            StepResets? resets
        ) => backend.Write(dlambda);

        public override Tensor LambdaGradient(Tensor dlambda) =>
            dlambda.View(new Shape(1, 2 * size));
    }

    private sealed class StateSpaceScan(
        RehearsalBackend backend,
        StateSpaceScanDescriptor descriptor
    ) : StateSpaceScanOperation(backend, descriptor)
    {
        public override long WorkspaceCount => 0;

        protected override void ForwardCore(in StateSpaceScanOperands operands) =>
            backend.Write(operands.Y);

        protected override void BackwardCore(
            in StateSpaceScanOperands operands,
            in StateSpaceScanGradients gradients
        )
        {
            backend.Write(gradients.A);
            backend.Write(gradients.C);
            backend.Write(gradients.D);
        }
    }

    private sealed class LayerNorm(RehearsalBackend backend) : LayerNormOperation(backend)
    {
        public override long WorkspaceCount => 0;

        protected override void ForwardCore(
            Tensor x,
            Tensor weight,
            Tensor bias,
            Tensor y,
            Tensor statistics,
            bool reuse
        ) => backend.Write(y);

        protected override void BackwardCore(
            Tensor x,
            Tensor weight,
            Tensor statistics,
            Tensor dy,
            Tensor dx,
            bool accumulate,
            Tensor dweight,
            Tensor dbias,
            Tensor workspace,
            Tensor skip,
            Tensor factor
        )
        {
            backend.Write(dweight);
            backend.Write(dbias);
        }
    }

    private sealed class BatchNorm(RehearsalBackend backend) : BatchNormOperation(backend)
    {
        public override long WorkspaceCount => 0;

        protected override void MeasureCore(
            Tensor x,
            Tensor statistics,
            Tensor runningMean,
            Tensor runningVariance,
            Tensor workspace
        ) => backend.Write(statistics);

        protected override void RecallCore(
            Tensor runningMean,
            Tensor runningVariance,
            Tensor statistics
        ) => backend.Write(statistics);

        protected override void NormaliseCore(
            Tensor x,
            Tensor statistics,
            Tensor weight,
            Tensor bias,
            Tensor y
        ) => backend.Write(y);

        protected override void SumCore(
            Tensor x,
            Tensor statistics,
            Tensor dy,
            Tensor sums,
            bool accumulate,
            Tensor workspace
        ) => backend.Write(sums);

        protected override void BackwardCore(
            Tensor x,
            Tensor statistics,
            Tensor weight,
            Tensor dy,
            Tensor sums,
            long rows,
            Tensor dx,
            bool accumulate
        ) => backend.Write(dx);
    }

    private sealed class Embedding(RehearsalBackend backend) : EmbeddingOperation(backend)
    {
        public override long WorkspaceCount => 0;

        protected override void ForwardCore(Tensor classes, Tensor table, Tensor y) =>
            backend.Write(y);

        protected override void BackwardCore(
            Tensor classes,
            Tensor dy,
            Tensor dtable,
            Tensor workspace
        ) => backend.Write(dtable);
    }
}
