namespace Sequor.Layers;

// Reads losses. They stay on the backend and those of many steps are read together, since reading waits for the device.
public sealed partial class Trainer
{
    private readonly LossLog? _log;
    private (float Loss, float Norm) _last;

    /// <summary>
    /// Called for each step, in order, when losses are read: every <see cref="TrainingOptions.LogEvery"/> steps, at an epoch's end, and
    /// when <see cref="ReadLosses"/> is called. It gets the step's number, from 1, and its loss before the update.
    /// </summary>
    public Action<long, float>? LossRead { get; set; }

    /// <summary>
    /// Reads the losses and gradient norms of all steps that have not been read yet, which waits for the device. Evaluate and Save do this
    /// by themselves, and so does Run at its end.
    /// </summary>
    /// <exception cref="DivergedException">
    /// A loss or norm is not finite; <see cref="LossRead"/> has been called for the losses before it. The steps count as read, and training
    /// can continue, since gradients that are not finite caused no update.
    /// </exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public void ReadLosses()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.ReadLosses");
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_log is null)
            return;
        long first = _log.ReadSteps + 1;
        int count = _log.Read(Step);
        for (int i = 0; i < count; i++)
        {
            _last = _log.At(i);
            RequireFinite(first + i, _last.Loss, _last.Norm);
            LossRead?.Invoke(first + i, _last.Loss);
        }
    }

    /// <summary>The loss of the last step's batch before the update. Reading it waits for the device.</summary>
    /// <exception cref="DivergedException">This loss, another one that is read with it, or a gradient norm is not finite.</exception>
    /// <exception cref="InvalidOperationException">No step has been taken since the trainer was made or resumed.</exception>
    /// <exception cref="ObjectDisposedException">The trainer was disposed.</exception>
    public float ReadLoss()
    {
        using OwnerScope inside = Plan.Backend.Enter("Trainer.ReadLoss");
        ObjectDisposedException.ThrowIf(_disposed, this);
        if (_log is null)
            _last = (_loss.ReadValue(), Optimizer.GradientNorm);
        else
            ReadLosses();
        RequireFinite(Step, _last.Loss, _last.Norm);
        return _last.Loss;
    }

    private void RequireFinite(long step, float loss, float norm)
    {
        if (float.IsFinite(loss) && float.IsFinite(norm))
            return;
        string what = float.IsFinite(loss) ? "the gradients are" : $"the loss is {loss}, which is";
        throw new DivergedException(
            $"at {Called(step)} {what} not finite; first in: {Origin(step, loss)}"
        )
        {
            Step = step,
        };
    }

    // Only the last step's tensors still exist; those of earlier steps have been overwritten.
    private string Origin(long step, float loss)
    {
        string? found = Plan.FirstNonFinite();
        if (step < Step)
            return found is null ? "none found any more" : $"{found}, after step {Step}";
        return found ?? (float.IsFinite(loss) ? "none found" : "the loss itself");
    }

    private string Called(long step)
    {
        if (StepsPerEpoch == 0)
            return $"step {step}";
        (long epoch, long index) = Math.DivRem(step - 1, StepsPerEpoch);
        return $"step {index + 1} of epoch {epoch + 1}";
    }
}
