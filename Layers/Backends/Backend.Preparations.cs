namespace Sequor.Layers;

// What layers make of their parameters alone, and the gradients that go back from it.
public abstract partial class Backend
{
    /// <summary>
    /// Whether what layers make of their parameters alone is made for all layers of a plan at once, which saves launches and costs memory
    /// for the gradients of all of it. Otherwise each layer makes its own within its passes.
    /// </summary>
    internal virtual bool PreparesTogether => false;

    /// <summary>The floats of <see cref="PlaceWeightNorms"/>'s table of so many filters; 0 where there is none.</summary>
    internal virtual long WeightNormTableCount(int filters) => 0;

    /// <summary>The floats of <see cref="PlaceDiagonals"/>'s table of so many scans; 0 where there is none.</summary>
    internal virtual long DiagonalTableCount(int scans) => 0;

    /// <summary>
    /// Puts into this backend's memory where its kernels find the tensors of weight norms; null where they need no table. The gradients'
    /// tensors are empty where there is no backward pass.
    /// </summary>
    internal virtual PreparationTable? PlaceWeightNorms(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients
    ) => null;

    /// <summary>The same for the matrices around diagonal scans.</summary>
    /// <param name="parameters">What the matrices are made of: all of the LRU's form, or all of others.</param>
    /// <param name="matrices">The matrices.</param>
    /// <param name="slopes">Their gradients; of lambda's, only where it begins.</param>
    /// <param name="gradients">The gradients of the parameters.</param>
    internal virtual PreparationTable? PlaceDiagonals(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> matrices,
        ReadOnlySpan<DiagonalMatrices> slopes,
        ReadOnlySpan<DiagonalTensors> gradients
    ) => null;

    /// <summary>
    /// w[o] = g[o] v[o] / |v[o]| for each output o of each filter, in the order that this backend's convolutions read; norms stores |v[o]|.
    /// </summary>
    /// <param name="filters">The filters.</param>
    /// <param name="table">What <see cref="PlaceWeightNorms"/> made of them.</param>
    internal void WeightNorm(
        ReadOnlySpan<WeightNormTensors> filters,
        PreparationTable? table = null
    )
    {
        OperationReport? report = Report(OperationName.WeightNorm);
        using OperationScope scope = Begin(
            report is null ? null : WeightNormTensors.Describe(report, filters)
        );
        WeightNormCore(filters, table);
    }

    /// <inheritdoc cref="WeightNorm"/>
    private protected abstract void WeightNormCore(
        ReadOnlySpan<WeightNormTensors> filters,
        PreparationTable? table
    );

    /// <summary>Adds to the gradients of v and g, given that of w, by the chain rule of <see cref="WeightNorm"/>.</summary>
    /// <param name="filters">The filters.</param>
    /// <param name="gradients">Their gradients.</param>
    /// <param name="table">What <see cref="PlaceWeightNorms"/> made of them.</param>
    internal void WeightNormGradient(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients,
        PreparationTable? table = null
    )
    {
        OperationReport? report = Report(OperationName.WeightNormGradient);
        using OperationScope scope = Begin(
            report is null ? null : WeightNormGradients.Describe(report, filters, gradients)
        );
        WeightNormGradientCore(filters, gradients, table);
    }

    /// <inheritdoc cref="WeightNormGradient"/>
    private protected abstract void WeightNormGradientCore(
        ReadOnlySpan<WeightNormTensors> filters,
        ReadOnlySpan<WeightNormGradients> gradients,
        PreparationTable? table
    );

    /// <summary>Computes the matrices around diagonal scans from their parameters; see <see cref="DiagonalMatrices"/>.</summary>
    /// <param name="parameters">The parameters of one scan or more: all of the LRU's form, or all of others.</param>
    /// <param name="matrices">The matrices of each.</param>
    /// <param name="table">What <see cref="PlaceDiagonals"/> made of them.</param>
    internal void DiagonalParametrization(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> matrices,
        PreparationTable? table = null
    )
    {
        OperationReport? report = Report(
            parameters[0].Form == DiagonalForm.LogPolar
                ? OperationName.LruParametrization
                : OperationName.DiagonalParametrization
        );
        using OperationScope scope = Begin(
            report is null ? null : DiagonalMatrices.Describe(report, parameters, matrices)
        );
        DiagonalParametrizationCore(parameters, matrices, table);
    }

    /// <inheritdoc cref="DiagonalParametrization"/>
    private protected abstract void DiagonalParametrizationCore(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> matrices,
        PreparationTable? table
    );

    /// <summary>Adds to the gradients of the parameters, given those of the matrices, by the chain rule.</summary>
    /// <param name="parameters">The parameters of one scan or more.</param>
    /// <param name="slopes">The gradients of each one's matrices.</param>
    /// <param name="gradients">The gradients of the parameters.</param>
    /// <param name="table">What <see cref="PlaceDiagonals"/> made of them.</param>
    internal void DiagonalParametrizationGradient(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> slopes,
        ReadOnlySpan<DiagonalTensors> gradients,
        PreparationTable? table = null
    )
    {
        OperationReport? report = Report(
            parameters[0].Form == DiagonalForm.LogPolar
                ? OperationName.LruParametrizationGradient
                : OperationName.DiagonalParametrizationGradient
        );
        using OperationScope scope = Begin(
            report is null
                ? null
                : DiagonalMatrices.DescribeGradient(report, parameters, slopes, gradients)
        );
        DiagonalParametrizationGradientCore(parameters, slopes, gradients, table);
    }

    /// <inheritdoc cref="DiagonalParametrizationGradient"/>
    private protected abstract void DiagonalParametrizationGradientCore(
        ReadOnlySpan<DiagonalTensors> parameters,
        ReadOnlySpan<DiagonalMatrices> slopes,
        ReadOnlySpan<DiagonalTensors> gradients,
        PreparationTable? table
    );

    /// <summary>Computes what a state space's scan reads from its parameters; see <see cref="StateSpaceRule"/>.</summary>
    internal void StateSpaceParametrization(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices
    )
    {
        OperationReport? report = Report(OperationName.StateSpaceParametrization);
        using OperationScope scope = Begin(
            report is null ? null : matrices.Describe(report, parameters)
        );
        StateSpaceParametrizationCore(form, parameters, matrices);
    }

    /// <inheritdoc cref="StateSpaceParametrization"/>
    private protected abstract void StateSpaceParametrizationCore(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices
    );

    /// <summary>
    /// Adds to the gradients of the parameters, given those of the matrices, by the chain rule. The gradients of L have a row for each
    /// channel, whether or not the channels share it.
    /// </summary>
    internal void StateSpaceParametrizationGradient(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices,
        in StateSpaceTensors gradients
    )
    {
        OperationReport? report = Report(OperationName.StateSpaceParametrizationGradient);
        using OperationScope scope = Begin(
            report is null ? null : matrices.DescribeGradient(report, parameters, gradients)
        );
        StateSpaceParametrizationGradientCore(form, parameters, matrices, gradients);
    }

    /// <inheritdoc cref="StateSpaceParametrizationGradient"/>
    private protected abstract void StateSpaceParametrizationGradientCore(
        in StateSpaceForm form,
        in StateSpaceTensors parameters,
        in StateSpaceMatrices matrices,
        in StateSpaceTensors gradients
    );
}
