namespace Sequor.Layers;

// The members that an update rule outside of this library builds on.
public abstract partial class Optimizer
{
    private readonly string[] _names;
    private readonly GradientClip? _clip;

    /// <summary>Makes an optimizer with a custom rule. The state that it names begins as zero and is saved in checkpoints.</summary>
    /// <param name="plan">A training plan.</param>
    /// <param name="learningRate">The learning rate, finite and at least 0.</param>
    /// <param name="state">
    /// Names of what the rule keeps for each parameter, of letters, digits and underscores; null for nothing.
    /// </param>
    /// <exception cref="ArgumentException">The plan is not made for training, or a name is not valid or occurs twice.</exception>
    /// <exception cref="ArgumentOutOfRangeException">The learning rate is negative or not finite.</exception>
    /// <exception cref="DeviceMemoryException">The state does not fit in memory.</exception>
    protected Optimizer(Plan plan, float learningRate, IReadOnlyList<string>? state = null)
        : this(plan, learningRate, state ?? [], clips: true) { }

    /// <summary>The names in checkpoints of the state of each parameter.</summary>
    public IReadOnlyList<string> StateNames => _names;

    /// <summary>The number of the current update, from 1; skipped updates do not count.</summary>
    protected int UpdateNumber { get; private set; }

    /// <summary>A state of all parameters in one block, laid out as <see cref="Layers.Plan.Parameters"/>.</summary>
    /// <param name="name">One of <see cref="StateNames"/>.</param>
    /// <exception cref="ArgumentException">The optimizer has no such state; the message says which it has.</exception>
    /// <exception cref="ObjectDisposedException">The optimizer, its plan, the model or the backend was disposed.</exception>
    protected Tensor StateOf(string name)
    {
        RequireLive();
        int index = Array.IndexOf(_names, name);
        return index >= 0
            ? Moment(index)
            : throw new ArgumentException(
                $"The optimizer '{Name}' has no state '{name}'; it has {(_names.Length == 0 ? "none" : string.Join(", ", _names))}.",
                nameof(name)
            );
    }

    /// <summary>
    /// Changes <see cref="Layers.Plan.Parameters"/> by <see cref="Layers.Plan.Gradients"/>, which are finite and clipped, at
    /// <see cref="LearningRate"/>.
    /// </summary>
    protected abstract void Update();

    // Norm, clipping and count are computed on the device, but whether the norm is finite must be known here.
    private bool IsToUpdate(GradientClip clip)
    {
        clip.Run(State);
        Span<float> state = stackalloc float[OptimizerUpdate.StateLength];
        State.Read(state);
        if (!float.IsFinite(state[OptimizerUpdate.Norm]))
            return false;
        if (float.IsFinite(_maxGradientNorm))
            clip.Replace();
        UpdateNumber = (int)state[OptimizerUpdate.Step];
        return true;
    }

    private static void RequireNames(IReadOnlyList<string> state)
    {
        var seen = new HashSet<string>();
        foreach (string name in state)
        {
            if (
                string.IsNullOrEmpty(name)
                || !name.All(c => char.IsAsciiLetterOrDigit(c) || c == '_')
                || !seen.Add(name)
            )
                throw new ArgumentException(
                    $"The name '{name}' cannot be that of a state; allowed are letters, digits and underscores, each name once.",
                    nameof(state)
                );
        }
    }
}
