namespace Sequor.Layers;

/// <summary>
/// The losses and gradient norms of the last steps. They stay in the backend's memory until those of many steps are read together. A step's
/// place is its number within a round; a round is an epoch, or as many steps as are read at once.
/// </summary>
internal sealed class LossLog : IDisposable
{
    private readonly int _every;
    private readonly Storage _losses;
    private readonly Storage? _norms;
    private readonly float[] _lossesRead;
    private readonly float[] _normsRead;
    private readonly int _round;

    /// <param name="backend">The backend that the steps run on.</param>
    /// <param name="round">The number of steps of a round, at least 1.</param>
    /// <param name="every">After how many steps they are read; 0 for only at the end of a round.</param>
    public LossLog(Backend backend, int round, int every)
    {
        (_round, _every) = (round, every);
        _lossesRead = new float[round];
        _normsRead = new float[round];
        _losses = backend.Allocate(round, MemoryCategory.InputOutput);
        try
        {
            _norms = backend.Allocate(round, MemoryCategory.InputOutput);
            backend.Fill(Losses, 0f);
        }
        catch
        {
            Dispose();
            throw;
        }
    }

    /// <summary>The losses of this round's steps, which a checkpoint within an epoch stores.</summary>
    public Tensor Losses => new(_losses, 0, new Shape(_round));

    /// <summary>The number of steps whose losses have been read, or that preceded a resumption.</summary>
    public long ReadSteps { get; private set; }

    private Tensor Norms => new(_norms!, 0, new Shape(_round));

    /// <summary>Stores a step's loss and gradient norm on the backend, without waiting for the step.</summary>
    /// <param name="step">The step's number, from 0.</param>
    /// <param name="loss">The step's loss.</param>
    /// <param name="optimizer">The optimizer, which has the norm of the step's gradients.</param>
    public void Keep(long step, Loss loss, Optimizer optimizer)
    {
        int place = (int)(step % _round);
        loss.CopyTo(Losses.Slice(place, 1));
        optimizer.CopyNormTo(Norms.Slice(place, 1));
    }

    /// <summary>Whether losses must be read after this number of steps.</summary>
    public bool IsDue(long steps) =>
        steps % _round == 0 || (_every > 0 && steps - ReadSteps >= _every);

    /// <summary>Reads the losses of the first steps that have not been read yet; all are in one round.</summary>
    /// <returns>The number of losses read.</returns>
    public int Read(long steps)
    {
        int count = (int)(steps - ReadSteps);
        if (count == 0)
            return 0;
        int first = (int)(ReadSteps % _round);
        Losses.Slice(first, count).Read(_lossesRead.AsSpan(0, count));
        Norms.Slice(first, count).Read(_normsRead.AsSpan(0, count));
        ReadSteps = steps;
        return count;
    }

    /// <summary>The loss and the gradient norm of the i-th step of the last reading.</summary>
    public (float Loss, float Norm) At(int i) => (_lossesRead[i], _normsRead[i]);

    /// <summary>Counts this number of steps as read, after a resumption.</summary>
    public void Resume(long steps) => ReadSteps = steps;

    public void Dispose()
    {
        _losses.Dispose();
        _norms?.Dispose();
    }
}
