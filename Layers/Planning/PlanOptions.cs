namespace Sequor.Layers;

/// <summary>What a plan can do besides running the model. Options that are not set take no memory.</summary>
/// <example>
/// <code>
/// using var backend = Backend.Create(Device.Cpu);
/// using var gru = new Gru(inputSize: 2, hiddenSize: 8);
/// using Plan plan = gru.Plan(
///     backend,
///     maxLength: 10,
///     maxBatch: 3,
///     Mode.Training,
///     new PlanOptions { VariableLengths = true, InputGradient = true }
/// );
/// int[] lengths = [10, 7, 1]; // what lies beyond a sequence's end is not looked at
/// Tensor y = plan.Forward(new float[10 * 3 * 2], length: 10, batch: 3, lengths);
/// plan.Backward(y); // the gradient of |y|^2 / 2
/// float[] dx = plan.InputGradient.ToArray(); // [10, 3, 2]
/// </code>
/// </example>
public sealed record PlanOptions
{
    /// <summary>Whether training also computes the gradient of the input, <see cref="Plan.InputGradient"/>.</summary>
    public bool InputGradient { get; init; }

    /// <summary>The seed of dropout and, if the model has no values yet, of its parameters.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Whether the sequences of a batch may differ in length.</summary>
    public bool VariableLengths { get; init; }

    /// <summary>
    /// Whether the initial and final states of recurrent layers, and in training their gradients, can be read and written:
    /// <see cref="Plan.States"/>.
    /// </summary>
    public bool States { get; init; }

    /// <summary>
    /// Whether each Forward goes on from the states in which the one before it ended, as a stream does, so that sequences can be given
    /// window by window. No gradient passes from a window to the one before it: in training this is truncated backpropagation through
    /// time. <see cref="Plan.Reset"/> begins with states of zero. A plan for streaming carries its states in any case.
    /// </summary>
    public bool Carry { get; init; }

    /// <summary>
    /// Whether steps can be marked at which states begin anew within a sequence, as episodes of reinforcement learning do or documents
    /// that share one: <see cref="Plan.SetResets(ReadOnlySpan{byte}, int, int)"/>. <see cref="LruBlock"/>, its rungs and
    /// <see cref="S5Block"/> can; a layer that looks from step to step in another way throws a <see cref="NotSupportedException"/> when
    /// the plan is made, and so does one that pools over all steps (<see cref="Mean"/>, <see cref="BothEnds"/>). <see cref="Last"/> takes
    /// the last step, which is of the last episode. It takes a bit a step and sequence.
    /// </summary>
    public bool Resets { get; init; }

    /// <summary>
    /// Whether in training a loss of Sequor's writes the gradient of the output over the output, unless the model's backward pass reads it,
    /// and the plan keeps no other place of that size. Of ten thousands of classes outputs are most of a plan's memory, and this halves it.
    /// From <see cref="Loss.Compute()"/> until the next Forward there is no <see cref="Plan.Output"/> then, which throws and tells so;
    /// tensors that Forward returned hold the gradient. Whoever needs the output reads it before. Values are the same to the bit.
    /// </summary>
    public bool GradientInOutput { get; init; }
}
