using System.Diagnostics;

namespace Sequor.Layers.Cuda;

// Chooses the class that carries out each planned operation.
public sealed partial class CudaBackend
{
    // Loads the modules of the kernels for operations that are not planned.
    internal override void Prepare(OperationKind kind)
    {
        ReadOnlySpan<string> modules = kind switch
        {
            OperationKind.Products or OperationKind.Columns => ["rows"],
            OperationKind.Pointwise => ["pointwise", "rows", "gates"],
            OperationKind.Sums => ["column_sum"],
            OperationKind.Sequences => ["sequences"],
            OperationKind.Random => ["dropout"],
            OperationKind.WeightNorm => ["weight_norm"],
            OperationKind.LruParametrization => ["lru"],
            OperationKind.DiagonalParametrization => ["diagonal"],
            OperationKind.StateSpaceParametrization => ["state_space"],
            OperationKind.Loss => ["losses"],
            OperationKind.Update => ["optimizer"],
            _ => throw new UnreachableException($"no modules for {kind}"),
        };
        Kernels.Load(modules);
    }

    // cuDNN's backward call reads the gradient of every step of y.
    internal override bool RecurrentBackwardNeedsAllSteps => true;

    internal override RecurrentOperation PlanRecurrent(in RecurrentDescriptor descriptor)
    {
        if (descriptor.VariableLengths)
            Kernels.Load("sequences");
        if (descriptor.Kind != RecurrentKind.Linear)
            return RecurrentTuning.Make(this, descriptor, Choose(descriptor), only: false);
        Kernels.Load("linear_recurrence");
        Prepare(OperationKind.Pointwise);
        Prepare(OperationKind.Sums);
        if (descriptor.DropsOut)
            Prepare(OperationKind.Random);
        return new CudaLinearRecurrence(this, descriptor);
    }

    // cuDNN has its own order of what it computes.
    internal override ParameterLayout RecurrentLayout(in RecurrentDescriptor descriptor) =>
        descriptor.Kind == RecurrentKind.Linear
            ? descriptor.PlainLayout()
            : CudaRecurrent.Layout(this, descriptor);

    internal override ConvolutionOperation PlanConvolution(in ConvolutionDescriptor descriptor)
    {
        Kernels.Load("convolution_output");
        if (descriptor.VariableLengths)
            Kernels.Load("sequences");
        return Make(descriptor);
    }

    internal override DiagonalScanOperation PlanDiagonalScan(in DiagonalScanDescriptor descriptor)
    {
        if (descriptor.Resets)
            Kernels.Load("scan_wide_resets", "scan_chunked_resets");
        else
            Kernels.Load("scan_wide", "scan_chunked");
        return new CudaDiagonalScan(this, descriptor, Choose(descriptor));
    }

    internal override StateSpaceScanOperation PlanStateSpaceScan(
        in StateSpaceScanDescriptor descriptor
    )
    {
        Kernels.Load("state_scan");
        return new CudaStateSpaceScan(this, descriptor);
    }

    internal override LayerNormOperation PlanLayerNorm(in LayerNormDescriptor descriptor)
    {
        Kernels.Load("layer_norm");
        return new CudaLayerNorm(this, descriptor);
    }

    internal override BatchNormOperation PlanBatchNorm(in BatchNormDescriptor descriptor)
    {
        Kernels.Load("batch_norm");
        return new CudaBatchNorm(this, descriptor);
    }

    internal override EmbeddingOperation PlanEmbedding(in EmbeddingDescriptor descriptor)
    {
        Kernels.Load("embedding");
        return new CudaEmbedding(this, descriptor);
    }
}
