using System.Globalization;

namespace Sequor.Layers;

/// <summary>A loss for a plan. It holds the targets, the loss and, for a training plan, the gradient of the plan's output.</summary>
public abstract class Loss : IDisposable
{
    private readonly Storage _targets;
    private readonly Storage? _gradient;

    // One value, followed by the weight of each row.
    private readonly Storage _value;
    private readonly LossWeights _weights;

    // Of targets and weights, in training.
    private readonly IDisposable? _stagedTargets;
    private readonly IDisposable? _stagedWeights;
    private readonly (Storage Storage, long First)? _borrowed;

    // Whether the gradient is written over the output.
    private readonly bool _isInOutput;

    // For each row the first target that is not allowed, else 0, which always is allowed. If lengths may come after the targets, only
    // Compute can tell whether such a row belongs to a step of a sequence.
    private readonly float[]? _odd;
    private bool _hasOdd;
    private Shape _loaded;
    private bool _disposed;

    /// <summary>Allocates memory for targets, loss and gradient.</summary>
    /// <param name="plan">The plan whose output is compared with targets.</param>
    /// <exception cref="DeviceMemoryException">There is not enough memory; nothing remains allocated.</exception>
    protected Loss(Plan plan)
        : this(plan, ignores: false, checks: false, inPlace: false) { }

    /// <param name="plan">The plan whose output is compared with targets.</param>
    /// <param name="ignores">Whether a target may mean that its row does not count: <see cref="Ignore"/>.</param>
    /// <param name="checks">Whether there are targets that are not allowed: <see cref="FirstOdd"/>.</param>
    /// <param name="inPlace">Whether <see cref="Judge"/> can write the gradient over the output.</param>
    private protected Loss(Plan plan, bool ignores, bool checks, bool inPlace = true)
    {
        ArgumentNullException.ThrowIfNull(plan);
        plan.RequireLive();
        Plan = plan;
        Backend backend = plan.Backend;
        Operations = new TensorOperations(backend);
        Shape targets = TargetShape(plan.MaxOutput);
        if (targets.Count == 0 || targets.Count % plan.MaxOutput.Rows != 0)
            throw new ArgumentException(
                $"{GetType().Name} has targets {targets} for an output {plan.MaxOutput}: there must be as many for each of its {Amount.Of(plan.MaxOutput.Rows, "row")}.",
                nameof(plan)
            );
        using OwnerScope inside = backend.Enter("new Loss");
        using Backend.OwnedScope owned = backend.AllocateFor(
            new MemoryOwner(plan.MemoryGroup, ProfiledOperation.LossLayer)
        );
        try
        {
            backend.Prepare(OperationKind.Loss);
            _targets = backend.Allocate(targets.Count, MemoryCategory.InputOutput);
            long weights = LossWeights.Places(plan);
            _value = backend.Allocate(checked(1 + weights), MemoryCategory.InputOutput);
            _weights = new LossWeights(plan, _value, 1, ignores);
            if (checks && plan.MayPad)
                _odd = new float[plan.MaxOutput.Rows];
            if (plan.Mode == Mode.Training)
            {
                _stagedTargets = backend.StageUploads(_targets);
                // Elsewhere weights are rare.
                if (ignores || plan.MayPad)
                    _stagedWeights = backend.StageUploads(_value);
                _isInOutput = inPlace && plan.BorrowOutput();
                if (!_isInOutput)
                    _borrowed = plan.Borrow(plan.MaxOutput.Count);
                if (!_isInOutput && _borrowed is null)
                    _gradient = backend.Allocate(plan.MaxOutput.Count, MemoryCategory.Workspace);
            }
            backend.Fill(Value, 0f);
        }
        catch
        {
            Free();
            throw;
        }
    }

    /// <summary>The plan whose output is compared with targets.</summary>
    public Plan Plan { get; }

    /// <summary>The operations on tensors that <see cref="Judge"/> can use.</summary>
    protected TensorOperations Operations { get; }

    /// <summary>The place of the loss, one value.</summary>
    protected Tensor Value => new(_value, 0, new Shape(1));

    /// <summary>
    /// The gradient of the loss with respect to the plan's output, shaped like it. It is valid after <see cref="Compute()"/> until the plan
    /// runs again, forward or backward; empty in evaluation. It may lie in the output's place: <see cref="PlanOptions.GradientInOutput"/>.
    /// </summary>
    /// <exception cref="ObjectDisposedException">The loss was disposed.</exception>
    public Tensor Gradient
    {
        get
        {
            RequireLive();
            Tensor output = Plan.OutputPlace;
            return _isInOutput ? output
                : _borrowed is { } place ? new Tensor(place.Storage, place.First, output.Shape)
                : _gradient is not null ? new Tensor(_gradient, 0, output.Shape)
                : default;
        }
    }

    /// <summary>
    /// The sum of the weights of the rows that the loss is a mean over; without weights, the number of rows. To average the losses of
    /// several batches, weight each by this.
    /// </summary>
    public double Weight => _weights.Sum;

    /// <summary>
    /// Compares the plan's output with targets: computes the loss, which is a mean over the rows, and in training its gradient. After a
    /// Forward with lengths, rows after a sequence's end do not count, whatever their targets and weights, so the mean is over the steps
    /// that exist. Rows that the model pooled, or that the caller packed, all count.
    /// </summary>
    /// <param name="targets">One value for each element (squared error, binary) or row (classes) of the output.</param>
    /// <param name="mask">
    /// A weight for each row, finite and not negative; empty where all rows weigh the same. Rows of weight 0 are not read and have no
    /// gradient; if all weights are 0, the loss is 0.
    /// </param>
    /// <returns>The gradient of the output, for <see cref="Plan.Backward"/>; empty in evaluation.</returns>
    /// <exception cref="ArgumentException">
    /// The number of targets or weights does not fit the output, or a weight, or the target of a row that counts, is not allowed.
    /// </exception>
    /// <exception cref="InvalidOperationException">
    /// There has been no Forward, or since then a loss has written its gradient over the output
    /// (<see cref="PlanOptions.GradientInOutput"/>).
    /// </exception>
    public Tensor Compute(ReadOnlySpan<float> targets, ReadOnlySpan<float> mask = default)
    {
        using OwnerScope inside = Plan.Backend.Enter("Loss.Compute");
        Place(RequireOutput().Shape, targets, mask);
        return Compute();
    }

    /// <summary>
    /// Copies targets in for the input that the plan was last asked for (<see cref="Plan.Input"/>), before or after Forward. A step does
    /// this outside of the work that a <see cref="StepGraph"/> records.
    /// </summary>
    /// <param name="targets">As for <see cref="Compute(ReadOnlySpan{float}, ReadOnlySpan{float})"/>.</param>
    /// <param name="mask">As for that method.</param>
    /// <exception cref="ArgumentException">
    /// As for that method. On a plan with variable lengths only <see cref="Compute()"/> checks the targets, as lengths may come after them.
    /// </exception>
    /// <exception cref="InvalidOperationException">The plan has not been asked for an input yet.</exception>
    public void SetTargets(ReadOnlySpan<float> targets, ReadOnlySpan<float> mask = default)
    {
        using OwnerScope inside = Plan.Backend.Enter("Loss.SetTargets");
        Place(Plan.CurrentOutput, targets, mask);
    }

    /// <summary>Compares the plan's output with the targets that were loaded.</summary>
    /// <returns>The gradient of the output, for <see cref="Plan.Backward"/>; empty in evaluation.</returns>
    /// <exception cref="ArgumentException">The target of a row that counts is not allowed.</exception>
    /// <exception cref="InvalidOperationException">
    /// There has been no Forward, or there are no targets, or they are for another shape; or a loss has written its gradient over the output
    /// (<see cref="PlanOptions.GradientInOutput"/>).
    /// </exception>
    public Tensor Compute()
    {
        using OwnerScope inside = Plan.Backend.Enter("Loss.Compute");
        RequireLive();
        Tensor output = RequireOutput();
        if (output.Shape != _loaded)
            throw new InvalidOperationException(
                _loaded.Rank == 0
                    ? $"No targets are loaded for the output {output.Shape}."
                    : $"The targets were loaded for an output {_loaded}, and it is {output.Shape}."
            );
        CheckLoaded();
        Tensor weights = _weights.Chosen(output.Shape);
        // Everything that Judge depends on besides the values of output, targets and weights must be part of the call.
        var call = new StepCall(StepCallKind.Compute, this, output, weights);
        if (Plan.Backend.PutsOff(call, out _))
        {
            NoteGradient();
            return Gradient;
        }
        Queue(output, weights);
        Plan.Backend.Queued(call);
        return Gradient;
    }

    /// <summary>Queues what <see cref="Compute()"/> put off, which had checked it.</summary>
    internal void Queue(Tensor output, Tensor weights)
    {
        using (Plan.Backend.BeginPass(ProfilePass.Loss, this))
            Judge(output, new Tensor(_targets, 0, TargetShape(output.Shape)), weights);
        NoteGradient();
    }

    /// <summary>The shape that the targets for an output must have.</summary>
    /// <param name="output">The shape of the plan's output, [T, B, C].</param>
    /// <returns>The output's own shape, or one with a number of targets for each of its rows.</returns>
    protected abstract Shape TargetShape(Shape output);

    /// <summary>The index of the first target, from a given one on, that is not allowed in any row; -1 for none.</summary>
    private protected virtual int FirstOdd(ReadOnlySpan<float> targets, int from, Shape output) =>
        -1;

    /// <summary>Says what a target must be, for messages.</summary>
    private protected virtual string Allowed(Shape output) => "any number";

    /// <summary>Sets the weights of rows to 0 whose targets mean that they do not count.</summary>
    private protected virtual void Ignore(ReadOnlySpan<float> targets, Span<float> weights) { }

    /// <summary>
    /// Queues the operations that compute the loss, into <see cref="Value"/>, and in training the gradient of the output, into
    /// <see cref="Gradient"/>, which is empty otherwise. They must depend on the arguments alone, since the work may be recorded and run
    /// again on other values at the same places.
    /// </summary>
    /// <param name="output">The plan's output, [T, B, C].</param>
    /// <param name="targets">The targets, shaped as <see cref="TargetShape"/> says.</param>
    /// <param name="weights">
    /// The weight of each row, [T, B], which is 0 for padding and where the caller's mask is 0; empty where all rows weigh the same. A loss
    /// that does not support weights throws a <see cref="NotSupportedException"/> if there are any.
    /// </param>
    protected abstract void Judge(Tensor output, Tensor targets, Tensor weights);

    private void Place(Shape output, ReadOnlySpan<float> targets, ReadOnlySpan<float> mask)
    {
        RequireLive();
        Shape wanted = TargetShape(output);
        bool fits = targets.Length == wanted.Count;
        if (!fits || (!mask.IsEmpty && mask.Length != output.Rows))
        {
            string missed = fits
                ? $"{Amount.Of(output.Rows, "weight")}, not {mask.Length}"
                : $"{Amount.Of(wanted.Count, "target")}, not {targets.Length}";
            throw new ArgumentException(
                $"The output {output} wants {missed}. It takes {Amount.Of(wanted.Count, "target")} and {Amount.Of(output.Rows, "weight")}, one a row, or none.",
                fits ? nameof(mask) : nameof(targets)
            );
        }
        _weights.RequireValid(mask, output);
        // If anything is refused from here on, no targets are left behind.
        _loaded = default;
        if (_weights.Begin(mask, output) is { IsEmpty: false } weights)
            Ignore(targets, weights);
        CheckTargets(targets, output);
        new Tensor(_targets, 0, wanted).Write(targets);
        _weights.Place(output);
        _loaded = output;
    }

    private void CheckTargets(ReadOnlySpan<float> targets, Shape output)
    {
        int each = (int)(targets.Length / output.Rows);
        bool found = false;
        for (int at = 0; (at = FirstOdd(targets, at, output)) >= 0; )
        {
            int row = at / each;
            if (_weights.Loaded(row) != 0)
            {
                if (_odd is null)
                    throw Odd(row, targets[at], output);
                if (!found)
                    Array.Clear(_odd);
                _odd[row] = targets[at];
                found = true;
            }
            at = (row + 1) * each;
        }
        _hasOdd = found;
    }

    // Under the lengths of the last forward pass, the targets of all rows that count must be allowed.
    private void CheckLoaded()
    {
        if (_loaded.Rank == 0)
            return;
        _weights.Choose(_loaded);
        if (!_hasOdd)
            return;
        for (int row = 0; row < _loaded.Rows; row++)
        {
            // NaN also differs from 0.
            if (_odd![row] != 0 && _weights.Chosen(row) != 0)
                throw Odd(row, _odd[row], _loaded);
        }
    }

    /// <summary>
    /// Checks the targets that were loaded as <see cref="Compute()"/> would, where the mask already has the lengths, before anything has
    /// run.
    /// </summary>
    /// <exception cref="ArgumentException">The target of a row that counts is not allowed.</exception>
    internal void RequireTargets()
    {
        for (int row = 0; _hasOdd && row < _loaded.Rows; row++)
        {
            if (_odd![row] != 0)
                throw Odd(row, _odd[row], _loaded);
        }
    }

    private ArgumentException Odd(int row, float target, Shape output) =>
        new(
            string.Create(
                CultureInfo.InvariantCulture,
                $"The target of {LossWeights.Where(Plan, row, output)} must be {Allowed(output)}, not {target}."
            )
        );

    private void NoteGradient()
    {
        if (_isInOutput)
            Plan.FillOutput();
        else if (_borrowed is not null)
            Plan.FillSpare();
    }

    private Tensor RequireOutput() =>
        Plan.Output.IsEmpty
            ? throw new InvalidOperationException("A loss needs a Forward before it.")
            : Plan.Output;

    /// <summary>Reads the last loss back, after waiting for the work before it.</summary>
    public float ReadValue()
    {
        using OwnerScope inside = Plan.Backend.Enter("Loss.ReadValue");
        RequireLive();
        Span<float> value = stackalloc float[1];
        Value.Read(value);
        return value[0];
    }

    /// <summary>Reads the last loss back without blocking the calling thread.</summary>
    /// <param name="cancellation">Ends the waiting, not the work.</param>
    /// <exception cref="OperationCanceledException">The waiting was cancelled.</exception>
    public Task<float> ReadValueAsync(CancellationToken cancellation = default)
    {
        using OwnerScope inside = Plan.Backend.Enter("Loss.ReadValueAsync");
        RequireLive();
        return First(Value.ToArrayAsync(cancellation));

        static async Task<float> First(Task<float[]> values) =>
            (await values.ConfigureAwait(false))[0];
    }

    /// <summary>Copies the last loss to a tensor of one value, without waiting for it.</summary>
    internal void CopyTo(Tensor destination) => Plan.Backend.Copy(Value, destination);

    /// <summary>Frees the loss's memory; a second call does nothing.</summary>
    public void Dispose()
    {
        using OwnerScope inside = Plan.Backend.Enter("Loss.Dispose");
        if (_disposed)
            return;
        _disposed = true;
        Dispose(true);
        Free();
        GC.SuppressFinalize(this);
    }

    /// <summary>Frees what a derived loss has allocated. It is called once.</summary>
    /// <param name="disposing">Always true, since there is no finalizer.</param>
    protected virtual void Dispose(bool disposing) { }

    internal bool IsDisposed => _disposed;

    private void RequireLive()
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        Plan.RequireLive();
    }

    // Also called by a constructor that failed, to free what it had allocated by then.
    private void Free()
    {
        _stagedTargets?.Dispose();
        _stagedWeights?.Dispose();
        _targets?.Dispose();
        _value?.Dispose();
        _gradient?.Dispose();
        if (_borrowed is not null)
            Plan.GiveBack();
        if (_isInOutput)
            Plan.GiveBackOutput();
    }
}
