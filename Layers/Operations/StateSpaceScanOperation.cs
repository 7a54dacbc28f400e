namespace Sequor.Layers;

/// <summary>The sizes of a scan of H channels with N complex states each, at most.</summary>
/// <param name="Channels">H, the number of channels, each a system of its own.</param>
/// <param name="StateSize">N, the number of complex states of a channel.</param>
/// <param name="MaxLength">The most steps of a sequence.</param>
/// <param name="MaxBatch">The most sequences of a batch.</param>
internal readonly record struct StateSpaceScanDescriptor(
    int Channels,
    int StateSize,
    int MaxLength,
    int MaxBatch
)
{
    /// <summary>Whether there is a backward pass.</summary>
    public bool Training { get; init; } = true;

    /// <summary>Whether calls go on from one another, with a workspace that is kept from call to call.</summary>
    public bool Streaming { get; init; }
}

/// <summary>What both passes of a <see cref="StateSpaceScanOperation"/> read, and y.</summary>
internal readonly record struct StateSpaceScanOperands
{
    /// <summary>[T, B, H], or packed rows [rows, 1, H].</summary>
    public required Tensor U { get; init; }

    /// <summary>As <see cref="U"/>; the backward pass has no use for it.</summary>
    public Tensor Y { get; init; }

    /// <summary>a [H, 2N], in (re, im) pairs.</summary>
    public required Tensor A { get; init; }

    /// <summary>C' [H, 2N], in (re, im) pairs.</summary>
    public required Tensor C { get; init; }

    /// <summary>D [H], or empty for a scan without.</summary>
    public Tensor D { get; init; }

    /// <summary>How packed rows lie.</summary>
    public SequenceLayout? Layout { get; init; }

    /// <summary>Whether the recurrence runs from each sequence's end to its beginning.</summary>
    public bool Reverse { get; init; }

    /// <summary>Whether this adds to y, and backward to du and da, what another direction has left there.</summary>
    public bool Adds { get; init; }

    /// <summary>
    /// Of a stream: the states before the first step, and after the call those of the last, as
    /// <see cref="StateSpaceScanOperation.CarriedShape"/> says; else empty.
    /// </summary>
    public Tensor Carried { get; init; }

    /// <summary>Of a stream: whether A, C and D are those of the last call and no one has written to the workspace since.</summary>
    public bool SameWeights { get; init; }

    /// <summary>Scratch memory; of a stream it is kept from call to call.</summary>
    public required Tensor Workspace { get; init; }
}

/// <summary>The gradients of a <see cref="StateSpaceScanOperation"/>.</summary>
internal readonly record struct StateSpaceScanGradients
{
    /// <summary>dy, as y.</summary>
    public required Tensor Y { get; init; }

    /// <summary>
    /// du, as u: written or added to. It may be dy where <see cref="StateSpaceScanOperation.CanOverwrite"/> says so; empty where nobody asks
    /// for it.
    /// </summary>
    public Tensor U { get; init; }

    /// <summary>da [H, 2N]: written or added to.</summary>
    public required Tensor A { get; init; }

    /// <summary>dC' [H, 2N]: written.</summary>
    public required Tensor C { get; init; }

    /// <summary>dD [H], which is added to; empty without D.</summary>
    public Tensor D { get; init; }
}

/// <summary>
/// H linear systems side by side, each with one input, one output and N complex states on a diagonal:
/// <code>
/// x_t = a x_{t-1} + u_t     (x_{t+1} in reverse)
/// y_t = Re sum_n C'_n x_t,n + D u_t
/// </code>
/// S4D and DSS share it and differ in how a and C' are made (<see cref="StateSpaceTensors"/>). States live in registers: no pass stores
/// any, neither for the other pass nor from step to step.
/// <para>
/// Backward needs no states either, and so recomputes none. With dy and u alone it walks
/// <code>
/// w_t = m_{t+1} + conj(a) w_{t+1},  m_t = dy_t + conj(a) m_{t+1}
/// du_t = Re sum_n conj(C') m_t + D dy_t,  dC' = sum_t u_t m_t,  da = conj(C') sum_t u_t w_t
/// </code>
/// The last follows from the sum over pairs s &lt; t of u_s conj(a)^(t-1-s) m_t, which is as well the sum of conj(x_{t-1}) m_t as of u_s
/// w_s. Gradients by complex numbers are by the real part + i times that by the imaginary part.
/// </para>
/// Least bytes a step and channel: forward 8 (u, y), backward 12 (u, dy, du). Operations: 12 N + 2 and 28 N + 4. Source: Gu et al. 2022
/// (S4D), section 3; the fused scan in the manner of Mamba's (Gu and Dao 2023, section 3.3.2), which stores and recomputes states.
/// </summary>
internal abstract class StateSpaceScanOperation(
    Backend backend,
    StateSpaceScanDescriptor descriptor
) : PlannedOperation(backend)
{
    // As many states as a backend takes in one pass.
    private const int MostAtOnce = 64;

    protected StateSpaceScanDescriptor Descriptor => descriptor;

    /// <summary>Whether du may be written over dy. A pass for each 64 states would read dy after another has written du.</summary>
    public bool CanOverwrite => descriptor.StateSize <= MostAtOnce;

    /// <summary>How the states of a stream's largest batch lie: [1, B, 2 H N] in (re, im) pairs, or as a backend computes with them.</summary>
    public virtual Shape CarriedShape =>
        new(1, descriptor.MaxBatch, checked(2 * descriptor.StateSize * descriptor.Channels));

    /// <summary>Computes y, and the carried states.</summary>
    public void Forward(in StateSpaceScanOperands operands)
    {
        using Backend.OperationScope scope = Begin(
            Report(OperationName.StateSpaceScan)
                ?.Reads(operands.U, operands.A, operands.C, operands.D)
                .Results(operands.Y, operands.Adds)
                .Updates(operands.Carried)
                .Scratch(operands.Workspace)
                .Costs(operands.U.Count * (12L * descriptor.StateSize + 2))
        );
        ForwardCore(operands);
    }

    /// <inheritdoc cref="Forward"/>
    protected abstract void ForwardCore(in StateSpaceScanOperands operands);

    /// <summary>Computes the gradients of what began with states of zero.</summary>
    public void Backward(in StateSpaceScanOperands operands, in StateSpaceScanGradients gradients)
    {
        using Backend.OperationScope scope = Begin(
            Describe(Report(OperationName.StateSpaceScanGradient), operands, gradients)
        );
        BackwardCore(operands, gradients);
    }

    /// <inheritdoc cref="Backward"/>
    protected abstract void BackwardCore(
        in StateSpaceScanOperands operands,
        in StateSpaceScanGradients gradients
    );

    private OperationReport? Describe(
        OperationReport? report,
        in StateSpaceScanOperands operands,
        in StateSpaceScanGradients gradients
    )
    {
        if (report is null)
            return null;
        report
            .Reads(operands.U, operands.A, operands.C, operands.D)
            .Results(gradients.A, operands.Adds)
            .Writes(gradients.C)
            .Updates(gradients.D)
            .Scratch(operands.Workspace)
            .Costs(operands.U.Count * (28L * descriptor.StateSize + 4));
        // Over dy, du is one tensor that is read and written.
        if (IsIn(gradients.U, gradients.Y))
            return report.Updates(gradients.Y);
        return gradients.U.IsEmpty
            ? report.Reads(gradients.Y)
            : report.Reads(gradients.Y).Results(gradients.U, operands.Adds);
    }

    private static bool IsIn(Tensor a, Tensor b) =>
        !a.IsEmpty && a.Storage == b.Storage && a.Offset == b.Offset;
}
